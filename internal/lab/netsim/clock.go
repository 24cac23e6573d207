package netsim

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// clock wakes goroutines at a moment, with an error of some microseconds where
// the system allows it. Go's own timers are up to 1 ms late in an idle program
// (the poller's grain), which is five times the round trip of a local network.
//
// One goroutine does all the waiting, on one thread, however many connections
// there are.
type clock struct {
	nap   napper
	early atomic.Int64 // nanoseconds before its time at which an alarm is rung; see learn

	mu     sync.Mutex
	alarms alarmHeap
	added  chan struct{} // at most one signal: "look again"
}

// napper sleeps for about d, precisely rather than cheaply. prepare is called
// once on the goroutine that will sleep.
type napper struct {
	prepare func()
	sleep   func(d time.Duration)
}

type alarm struct {
	due  time.Time
	ring chan struct{}
}

func newClock(nap napper) *clock {
	return &clock{nap: nap, added: make(chan struct{}, 1)}
}

// wait returns when due has come, or with the context's cause.
func (c *clock) wait(ctx context.Context, due time.Time) error {
	if time.Until(due) <= 0 {
		return nil
	}
	a := alarm{due: due, ring: make(chan struct{})}
	c.mu.Lock()
	heap.Push(&c.alarms, a)
	c.mu.Unlock()
	signal(c.added)
	select {
	case <-a.ring:
		c.learn(time.Since(due))
		return nil
	case <-ctx.Done():
		return context.Cause(ctx) // run drops the alarm when it is due
	}
}

// learn corrects the clock by how late a goroutine was back at its work: to
// wake from a nap and to hand over from thread to thread takes some 10 µs each,
// always, and can be foreseen. Races between goroutines lose a correction, no more.
func (c *clock) learn(late time.Duration) {
	early := time.Duration(c.early.Load()) + late/16
	c.early.Store(int64(min(max(early, 0), maxEarly)))
}

const (
	// timerGrain is the time before an alarm from which timers are not trusted.
	timerGrain = 1500 * time.Microsecond
	// napStep bounds how late a new, earlier alarm is seen while run naps.
	napStep = 200 * time.Microsecond
	// maxEarly bounds the correction, or a busy machine's lateness would eat up
	// the delays themselves.
	maxEarly = 60 * time.Microsecond
)

// run rings alarms until the context ends.
func (c *clock) run(ctx context.Context) {
	c.nap.prepare()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		rest, any := c.ringDue()
		switch {
		case !any:
			select {
			case <-c.added:
			case <-ctx.Done():
			}
		case rest > timerGrain:
			timer.Reset(rest - timerGrain)
			select {
			case <-c.added:
			case <-timer.C:
			case <-ctx.Done():
			}
		default:
			c.nap.sleep(min(rest, napStep))
		}
	}
}

// ringDue rings what is due and returns the time to the next alarm, if any.
func (c *clock) ringDue() (rest time.Duration, any bool) {
	early := time.Duration(c.early.Load())
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.alarms) > 0 {
		if rest = time.Until(c.alarms[0].due) - early; rest > 0 {
			return rest, true
		}
		close(heap.Pop(&c.alarms).(alarm).ring)
	}
	return 0, false
}

// alarmHeap is a heap.Interface with the earliest alarm first.
type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(a any)        { *h = append(*h, a.(alarm)) }
func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*h = old[:len(old)-1]
	return last
}
