package pipeline

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"github.com/flsync/flsync/hashcache"
)

// digestFuture is the digest of a path, and what becomes of the path's content. All jobs that name the path
// share it. The zero value is one whose digest is not known yet.
type digestFuture struct {
	mu      sync.Mutex
	arrived chan struct{} // made by the first that waits, closed when known
	digestState
}

// digestState is what is known of a digest at one moment.
type digestState struct {
	known   bool     // sum and stamp are set, or err
	wanted  bool     // the file goes to the store as soon as the digest is known
	changed bool     // the file changed while it was sent: sum is a later one
	counted bool     // as a file that failed
	sum     [32]byte // SHA-256
	sha     string   // the same as the Manager wants it: each of a night's checkouts has it
	stamp   hashcache.Stamp
	err     error
	content *hashcache.Content // what was read, until it is sent
	pending pending            // since it is sent
}

// set takes what was read of the file.
func (d *digestState) set(sum hashcache.Sum, content *hashcache.Content) {
	d.sum, d.sha, d.stamp, d.content = sum.SHA256, hex.EncodeToString(sum.SHA256[:]), sum.Stamp, content
}

// written returns when the file last changed, as far as its file system says.
func (d digestState) written() time.Time { return time.Unix(0, max(d.stamp.Mtime, d.stamp.Ctime)) }

func (d *digestFuture) now() digestState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.digestState
}

// wait returns when the digest is known.
func (d *digestFuture) wait(ctx context.Context) (sum [32]byte, err error) {
	d.mu.Lock()
	if d.known {
		defer d.mu.Unlock()
		return d.sum, d.err
	}
	if d.arrived == nil {
		d.arrived = make(chan struct{})
	}
	arrived := d.arrived
	d.mu.Unlock()
	select {
	case <-arrived:
		return d.wait(ctx)
	case <-ctx.Done():
		return sum, context.Cause(ctx)
	}
}

// takeContent hands the kept content to the first caller.
func (d *digestFuture) takeContent() *hashcache.Content {
	d.mu.Lock()
	defer d.mu.Unlock()
	content := d.content
	d.content = nil
	return content
}

// countFailure reports whether this is the first failure of the file.
func (d *digestFuture) countFailure() (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first = !d.counted
	d.counted = true
	return first
}

// digests takes the digest of each path once for a run, however many jobs name it.
type digests struct {
	sender *sender
	pool   *hashPool

	mu    sync.Mutex
	paths map[string]*digestFuture
}

// get returns the digest of path. It returns before the file is read, but waits for room in the pool's queue.
// With send set, the file goes to the store as soon as its digest is known.
func (d *digests) get(ctx context.Context, path string, send bool) *digestFuture {
	d.mu.Lock()
	f, exists := d.paths[path]
	if !exists {
		f = &digestFuture{digestState: digestState{wanted: send}}
		d.paths[path] = f
	}
	d.mu.Unlock()
	if exists {
		if send {
			d.sender.send(ctx, path, f)
		}
		return f
	}
	if err := d.begin(ctx, path, f); err != nil {
		d.sender.resolve(ctx, path, f, hashcache.Sum{}, nil, err)
	}
	return f
}

// begin looks a digest up in the cache, or queues the file for hashing.
func (d *digests) begin(ctx context.Context, path string, f *digestFuture) error {
	info, err := d.sender.gates.look(path)
	if err != nil {
		return err
	}
	d.sender.meter.foundFile(info.Size())
	if sum, known := d.sender.cache.Lookup(path, info); known {
		d.sender.meter.hashedFile(sum)
		d.sender.resolve(ctx, path, f, sum, nil, nil)
		return nil
	}
	return d.pool.add(ctx, func() { _ = d.sender.hash(ctx, path, info, f) }) // f has the error
}

// sent yields the paths whose digests are known by these.
func (d *digests) sent(yield func(digest [32]byte, source string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path, f := range d.paths {
		if now := f.now(); now.known && now.err == nil && !yield(now.sum, path) {
			return
		}
	}
}

// dropUnsent releases what was read and never sent, at the end of a run.
func (d *digests) dropUnsent() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.paths {
		d.sender.drop(f.takeContent())
	}
}
