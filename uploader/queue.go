package uploader

import (
	"cmp"
	"container/heap"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"
)

// queue holds the uploads that wait, and picks the next one so that no two in flight share a shard. A shard
// is the first byte of a digest: the Manager keeps each in a folder of its own, which it removes and makes
// anew while others use it, and an upload that falls into that gap fails.
//
// Small uploads go by shard, the shard with most work first: what takes longest is the fullest shard, because
// its uploads can only go one after another, so that one is never left to the end. Shards fill evenly (digests
// are random), which keeps this fair. What takes long by its size begins early, too: that counts where a proxy
// gives each connection little.
//
// Each uploader starts at a random shard and shuffles within it. Otherwise two uploaders of the same files
// run in lock-step: the one behind learns at once that each file is there, catches up, and ends its uploads
// at the same moment as the other, which makes a Manager 3.9 panic ("close of closed channel").
//
// Large uploads go by size, largest first, so that none of them is the last to start. A large upload holds
// its shard for long, but is held up itself by no more than one small upload.
//
// All methods are called under the uploader's lock.
type queue struct {
	largeFile int64 // size from which an upload is large
	first     byte  // shard to begin with
	small     [256]shuffled
	large     []*upload
	later     dueHeap
	busy      [256]bool
	waiting   int // uploads in small and large
}

func (q *queue) isLarge(up *upload) bool { return up.blob.Size >= q.largeFile }

// push adds an upload that can go at once.
func (q *queue) push(up *upload) {
	q.waiting++
	if !q.isLarge(up) {
		q.small[up.key.shard()].push(up)
		return
	}
	at, _ := slices.BinarySearchFunc(q.large, up, func(a, b *upload) int {
		// Those that were put off go behind the others.
		return cmp.Or(cmp.Compare(a.deferrals, b.deferrals), cmp.Compare(b.blob.Size, a.blob.Size), -1)
	})
	q.large = slices.Insert(q.large, at, up)
}

// delay adds an upload that goes to the back of the queue at its due time.
func (q *queue) delay(up *upload, due time.Time) {
	up.due = due
	heap.Push(&q.later, up)
}

// promoteDue moves what is due by now to the back of the queue.
func (q *queue) promoteDue(now time.Time) {
	for len(q.later) > 0 && !q.later[0].due.After(now) {
		q.push(heap.Pop(&q.later).(*upload))
	}
}

// popLarge takes the largest upload whose shard is free and marks the shard busy; nil when there is none.
func (q *queue) popLarge() *upload {
	for i, up := range q.large {
		if !q.busy[up.key.shard()] {
			q.large = slices.Delete(q.large, i, i+1)
			return q.take(up)
		}
	}
	return nil
}

// popSmall takes an upload of at most room bytes from the fullest free shard and marks the shard busy; nil
// when there is none. An upload that needs more room is waited for, not passed over, so that it cannot
// starve.
func (q *queue) popSmall(room int64) *upload {
	var fullest *shuffled
	for i := range q.small {
		shard := byte(i) + q.first
		if f := &q.small[shard]; f.len() > 0 && !q.busy[shard] && (fullest == nil || f.work > fullest.work) {
			fullest = f
		}
	}
	if fullest == nil || fullest.first().blob.Size > room {
		return nil
	}
	return q.take(fullest.pop())
}

func (q *queue) take(up *upload) *upload {
	q.waiting--
	q.busy[up.key.shard()] = true
	return up
}

// release frees the shard of an upload that was popped.
func (q *queue) release(up *upload) { q.busy[up.key.shard()] = false }

// drain empties the queue.
func (q *queue) drain() []*upload {
	all := append(slices.Clone(q.large), q.later...)
	for i := range q.small {
		for q.small[i].len() > 0 {
			all = append(all, q.small[i].pop())
		}
	}
	q.large, q.later, q.waiting = nil, nil, 0
	return all
}

// shuffled is a first-in first-out list of groups of uploads, which are in random order within each.
type shuffled struct {
	list []*upload
	head int
	last int // uploads of the group that is not full yet
	work int // see workOf
}

// workOf is how long an upload takes, roughly, so that many shards are alike: 1 below 256 KiB, and one more
// each time that it has twice as much.
func workOf(up *upload) int { return 1 + bits.Len64(uint64(up.blob.Size)>>18) }

func (f *shuffled) len() int       { return len(f.list) - f.head }
func (f *shuffled) first() *upload { return f.list[f.head] }

// group is how many that come one after another go in random order: few, so that none waits long.
const group = 8

// push puts an upload at a random place among the last ones, of its group.
func (f *shuffled) push(up *upload) {
	f.work += workOf(up)
	f.last = min(f.last, f.len())
	f.list = slices.Insert(f.list, len(f.list)-rand.IntN(f.last+1), up)
	f.last = (f.last + 1) % group
}

func (f *shuffled) pop() *upload {
	up := f.list[f.head]
	f.work -= workOf(up)
	f.list[f.head] = nil
	f.head++
	if f.head >= 16 && 2*f.head >= len(f.list) { // keep the dead part small
		f.list = slices.Delete(f.list, 0, f.head)
		f.head = 0
	}
	return up
}

// dueHeap orders uploads by their due time.
type dueHeap []*upload

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(a, b int) bool { return h[a].due.Before(h[b].due) }
func (h dueHeap) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }
func (h *dueHeap) Push(up any)       { *h = append(*h, up.(*upload)) }
func (h *dueHeap) Pop() any {
	old := *h
	up := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return up
}
