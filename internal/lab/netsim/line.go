package netsim

import (
	"context"
	"sync"
	"time"
)

// ending says how a direction of a connection ended.
type ending int

const (
	open   ending = iota
	closed        // end of file: the other side will send no more
	broken        // reset, or any other error
)

// parcel is a piece of a stream that is under way.
type parcel struct {
	due  time.Time // when it arrives at the far end
	data []byte
	end  ending // not open: the last parcel, without data
}

// delayLine holds what is under way in one direction of one connection: a
// queue with one sender and one receiver, bounded by its bytes and not by its
// parcels, because those may be of one byte or of 64 KiB.
type delayLine struct {
	limit int

	mu      sync.Mutex
	parcels []parcel
	bytes   int

	// Each holds at most one signal: "look again".
	ready, room chan struct{}
}

func newDelayLine(limit int) *delayLine {
	return &delayLine{limit: limit, ready: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// push appends p, and waits for room when the line is full. A parcel larger
// than the whole line gets in once the line is empty.
func (l *delayLine) push(ctx context.Context, p parcel) error {
	for {
		l.mu.Lock()
		if l.bytes == 0 || l.bytes+len(p.data) <= l.limit {
			l.parcels = append(l.parcels, p)
			l.bytes += len(p.data)
			l.mu.Unlock()
			signal(l.ready)
			return nil
		}
		l.mu.Unlock()
		select {
		case <-l.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pop takes the oldest parcel, and waits for one when there is none. It does
// not wait until the parcel is due.
func (l *delayLine) pop(ctx context.Context) (parcel, error) {
	for {
		l.mu.Lock()
		if len(l.parcels) > 0 {
			p := l.parcels[0]
			l.parcels[0] = parcel{} // or the array keeps the data alive
			l.parcels = l.parcels[1:]
			l.mu.Unlock()
			return p, nil
		}
		l.mu.Unlock()
		select {
		case <-l.ready:
		case <-ctx.Done():
			return parcel{}, context.Cause(ctx)
		}
	}
}

// delivered makes room for as many bytes. They count until they have left the
// line, and not only until they were popped: they are still under way.
func (l *delayLine) delivered(n int) {
	l.mu.Lock()
	l.bytes -= n
	l.mu.Unlock()
	signal(l.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
