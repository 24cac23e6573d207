package uploader

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func newJob(t testing.TB, sha string, size int64) *upload {
	k, err := parseKey(sha, size)
	if err != nil {
		t.Fatal(err)
	}
	return &upload{blob: Blob{SHA256: sha, Size: size}, key: k}
}

const anyRoom = 1 << 40

func TestQueueFullestShardGoesFirst(t *testing.T) {
	q := queue{largeFile: 1 << 20}
	for i, n := range []int{1, 3, 2} {
		for range n {
			q.push(newJob(t, fmt.Sprintf("%02x%062x", i, 0), 1))
		}
	}
	var got []byte
	for j := q.popSmall(anyRoom); j != nil; j = q.popSmall(anyRoom) {
		got = append(got, j.key.shard())
	}
	if fmt.Sprint(got) != "[1 2 0]" {
		t.Errorf("shards in the order %v", got)
	}
	if q.waiting != 3 {
		t.Errorf("%d wait, want 3 whose shard is busy", q.waiting)
	}
}

// TestQueueLongBeginsEarly: an upload of three units goes before two of one unit each in another shard.
func TestQueueLongBeginsEarly(t *testing.T) {
	q := queue{largeFile: 1 << 20}
	for i, size := range []int64{1, 1, 600 << 10, 1} {
		q.push(newJob(t, fmt.Sprintf("%02x%062x", i/2, i%2), size))
	}
	if up := q.popSmall(anyRoom); up.key.shard() != 1 {
		t.Errorf("the first is one of %d bytes", up.blob.Size)
	}
}

func TestQueueBeginsElsewhere(t *testing.T) {
	q := queue{largeFile: 1 << 20, first: 254}
	for i := range 256 {
		q.push(newJob(t, fmt.Sprintf("%02x%062x", i, 0), 1))
	}
	q.push(newJob(t, fmt.Sprintf("64%062x", 1), 1)) // the fullest
	for _, want := range []byte{0x64, 254, 255, 0, 1} {
		if got := q.popSmall(anyRoom).key.shard(); got != want {
			t.Errorf("shard %d, want %d", got, want)
		}
	}
}

// Two programs that send the same files do not meet at each of them, whatever the sizes.
func TestQueueOrderIsItsOwn(t *testing.T) {
	const n = 3000
	for _, largest := range []int64{1, 8<<20 - 1} {
		var orders [2][]string
		for i := range orders {
			q := queue{largeFile: 8 << 20, first: byte(i * 77)}
			random := rand.New(rand.NewPCG(1, 2)) // the same in both
			for range n {
				q.push(newJob(t, fmt.Sprintf("%016x%048x", random.Uint64(), 0), random.Int64N(largest+1)))
			}
			for j := q.popSmall(anyRoom); j != nil; j = q.popSmall(anyRoom) {
				orders[i] = append(orders[i], j.blob.SHA256)
				q.release(j)
			}
		}
		close := 0 // of the second, those that the first sends at about the same time
		for i, sha := range orders[1] {
			if slices.Contains(orders[0][max(i-4, 0):min(i+5, n)], sha) {
				close++
			}
		}
		if len(orders[1]) != n || close > n/5 {
			t.Errorf("%d bytes at most: %d of %d uploads are near to the same one of another program", largest, close, len(orders[1]))
		}
	}
}

func TestQueueLargeGoesBySize(t *testing.T) {
	q := queue{largeFile: 10}
	for i, size := range []int64{30, 50, 20, 50, 40} {
		q.push(newJob(t, fmt.Sprintf("%02x%062x", i%4, i), size)) // the last shares its shard with the first
	}
	putOff := newJob(t, fmt.Sprintf("ff%062x", 1), 1000)
	putOff.deferrals = 1
	q.delay(putOff, time.Unix(100, 0))
	q.promoteDue(time.Unix(99, 0))
	if q.waiting != 5 {
		t.Error("an upload became ripe too early")
	}
	q.promoteDue(time.Unix(100, 0))
	var got []int64
	for j := q.popLarge(); j != nil; j = q.popLarge() {
		got = append(got, j.blob.Size)
	}
	if fmt.Sprint(got) != "[50 50 40 20 1000]" {
		t.Errorf("sizes in the order %v", got)
	}
	q.release(newJob(t, fmt.Sprintf("00%062x", 0), 1))
	if j := q.popLarge(); j == nil || j.blob.Size != 30 {
		t.Errorf("got %v after its shard became free", j)
	}
}

func TestQueueWaitsForRoom(t *testing.T) {
	q := queue{largeFile: 1 << 20}
	q.push(newJob(t, fmt.Sprintf("00%062x", 0), 100))
	q.push(newJob(t, fmt.Sprintf("00%062x", 1), 100))
	q.push(newJob(t, fmt.Sprintf("01%062x", 1), 1))
	if j := q.popSmall(50); j != nil {
		t.Errorf("%d bytes were let past an upload that waits for room", j.blob.Size)
	}
}

// Shards that fill at random, and uploads that take different times: no shard is left behind for long.
func TestQueueIsFair(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	q := queue{largeFile: 1 << 20}
	pushed := make(map[*upload]int)
	n, worst := 0, 0
	push := func() {
		j := newJob(t, fmt.Sprintf("%016x%048x", random.Uint64(), 0), 1)
		pushed[j] = n
		n++
		q.push(j)
	}
	for range 4000 {
		push()
	}
	var running []*upload
	for range 50_000 {
		for len(running) < 64 {
			j := q.popSmall(anyRoom)
			if j == nil {
				t.Fatal("nothing to do with thousands waiting")
			}
			worst = max(worst, n-pushed[j])
			delete(pushed, j)
			running = append(running, j)
			push()
		}
		i := random.IntN(len(running))
		q.release(running[i])
		running[i] = running[len(running)-1]
		running = running[:len(running)-1]
	}
	if worst > 3*4000 {
		t.Errorf("an upload was overtaken by %d others, in a queue of 4000", worst)
	}
}

func TestQueueDrain(t *testing.T) {
	q := queue{largeFile: 10}
	for i := range 100 {
		q.push(newJob(t, fmt.Sprintf("%02x%062x", i%7, i), int64(i)))
		q.delay(newJob(t, fmt.Sprintf("%02x%062x", i%7, i), 1), time.Unix(int64(i), 0))
	}
	if n := len(q.drain()); n != 200 || q.waiting != 0 || len(q.drain()) != 0 {
		t.Errorf("drained %d of 200, %d still wait", n, q.waiting)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := queue{largeFile: 1 << 20}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		q.push(newJob(b, fmt.Sprintf("%016x%048x", random.Uint64(), 0), 1))
	}
	b.ReportAllocs()
	for b.Loop() {
		j := q.popSmall(anyRoom)
		q.release(j)
		q.push(j)
	}
}
