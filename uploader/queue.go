package uploader

import (
	"cmp"
	"container/heap"
	"math/rand/v2"
	"slices"
	"time"
)

// queue holds the uploads that wait, and picks the next one so that no two in flight share a shard. A shard is the
// first byte of a digest: the Manager keeps each in a folder of its own, which it removes and makes anew while others
// use it, and an upload that falls into that gap fails.
//
// Small uploads go by shard, the shard with most of them first: what takes longest is the fullest shard, because its
// uploads can only go one after another, so that one is never left to the end. Shards fill evenly (digests are random),
// which keeps this fair.
//
// Two programs that send the same files in the same order meet at each of them, and a Manager 3.9 crashes ("close of closed
// channel") when two uploads of one file end at the same moment. So each uploader begins elsewhere among equally full shards,
// and takes the small uploads of a shard in an order of its own: the one that comes to where the other has been would else
// be told at once that each file is there, catch up, and go on beside it.
//
// Large uploads go by size, largest first, so that none of them is the last to start. A large upload holds its shard
// for long, but is held up itself by no more than one small upload.
//
// All methods are called under the uploader's lock.
type queue struct {
	largeFile int64 // size from which an upload is large
	first     byte  // shard to begin with
	small     [256]shuffled
	large     []*job
	later     dueHeap
	busy      [256]bool
	waiting   int // jobs in small and large
}

func (q *queue) isLarge(j *job) bool { return j.blob.Size >= q.largeFile }

// push adds a job that can go at once.
func (q *queue) push(j *job) {
	q.waiting++
	if !q.isLarge(j) {
		q.small[j.key.shard()].push(j)
		return
	}
	at, _ := slices.BinarySearchFunc(q.large, j, func(a, b *job) int {
		// Those that were put off go behind the others.
		return cmp.Or(cmp.Compare(a.deferrals, b.deferrals), cmp.Compare(b.blob.Size, a.blob.Size), -1)
	})
	q.large = slices.Insert(q.large, at, j)
}

// delay adds a job that goes to the back of the queue at its due time.
func (q *queue) delay(j *job, due time.Time) {
	j.due = due
	heap.Push(&q.later, j)
}

// ripen moves what is due by now to the back of the queue.
func (q *queue) ripen(now time.Time) {
	for len(q.later) > 0 && !q.later[0].due.After(now) {
		q.push(heap.Pop(&q.later).(*job))
	}
}

// popLarge takes the largest upload whose shard is free and marks the shard busy; nil when there is none.
func (q *queue) popLarge() *job {
	for i, j := range q.large {
		if !q.busy[j.key.shard()] {
			q.large = slices.Delete(q.large, i, i+1)
			return q.take(j)
		}
	}
	return nil
}

// popSmall takes an upload of at most room bytes from the fullest free shard and marks the shard busy; nil when there
// is none. An upload that needs more room is waited for, not passed over, so that it cannot starve.
func (q *queue) popSmall(room int64) *job {
	var fullest *shuffled
	for i := range q.small {
		shard := byte(i) + q.first
		if f := &q.small[shard]; f.len() > 0 && !q.busy[shard] && (fullest == nil || f.len() > fullest.len()) {
			fullest = f
		}
	}
	if fullest == nil || fullest.first().blob.Size > room {
		return nil
	}
	return q.take(fullest.pop())
}

func (q *queue) take(j *job) *job {
	q.waiting--
	q.busy[j.key.shard()] = true
	return j
}

// release frees the shard of a job that was popped.
func (q *queue) release(j *job) { q.busy[j.key.shard()] = false }

// drain empties the queue.
func (q *queue) drain() []*job {
	all := append(slices.Clone(q.large), q.later...)
	for i := range q.small {
		for q.small[i].len() > 0 {
			all = append(all, q.small[i].pop())
		}
	}
	q.large, q.later, q.waiting = nil, nil, 0
	return all
}

// shuffled is a first-in first-out list of groups of jobs, which are in random order within each.
type shuffled struct {
	jobs []*job
	head int
	last int // jobs of the group that is not full yet
}

func (f *shuffled) len() int    { return len(f.jobs) - f.head }
func (f *shuffled) first() *job { return f.jobs[f.head] }

// group is how many that come one after another go in random order: few, so that none waits long.
const group = 8

// push puts a job at a random place among the last ones, of its group.
func (f *shuffled) push(j *job) {
	f.last = min(f.last, f.len())
	f.jobs = slices.Insert(f.jobs, len(f.jobs)-rand.IntN(f.last+1), j)
	f.last = (f.last + 1) % group
}

func (f *shuffled) pop() *job {
	j := f.jobs[f.head]
	f.jobs[f.head] = nil
	f.head++
	if f.head >= 16 && 2*f.head >= len(f.jobs) { // keep the dead part small
		f.jobs = slices.Delete(f.jobs, 0, f.head)
		f.head = 0
	}
	return j
}

// dueHeap orders jobs by their due time.
type dueHeap []*job

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(a, b int) bool { return h[a].due.Before(h[b].due) }
func (h dueHeap) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }
func (h *dueHeap) Push(j any)        { *h = append(*h, j.(*job)) }
func (h *dueHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return j
}
