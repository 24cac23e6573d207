package pipeline

import (
	"context"
	"encoding/hex"
	"os"
	"sync"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/uploader"
)

// digests takes the digest of each path once for a run, however many jobs name it.
type digests struct {
	*sender
	slots chan struct{} // one for each file being read

	mu    sync.Mutex
	paths map[string]*digesting
}

// digesting is a path whose digest is being taken, or was.
type digesting struct {
	done chan struct{}
	sum  hashcache.Sum
	sha  string // sum.SHA256 in hexadecimal digits: two hundred shots name it to the Manager
	err  error

	mu      sync.Mutex
	content *hashcache.Content // what was read, until somebody sends it
	pending *uploader.Pending  // since somebody did
}

// take hands the kept content to the first who asks.
func (d *digesting) take() *hashcache.Content {
	d.mu.Lock()
	defer d.mu.Unlock()
	content := d.content
	d.content = nil
	return content
}

// start has the digest of path taken, if nobody has asked for it yet. It returns before a file is read.
func (d *digests) start(ctx context.Context, path string) *digesting {
	d.mu.Lock()
	p, begun := d.paths[path]
	if !begun {
		p = &digesting{done: make(chan struct{})}
		d.paths[path] = p
	}
	d.mu.Unlock()
	if begun {
		return p
	}
	info, err := os.Stat(path)
	if err != nil {
		p.err = err
		close(p.done)
		return p
	}
	d.meter.foundFile(info.Size())
	if sum, known := d.cache.Lookup(path, info); known {
		d.meter.hashedFile(sum)
		p.sum, p.sha = sum, hex.EncodeToString(sum.SHA256[:])
		close(p.done)
		return p
	}
	go func() {
		defer close(p.done)
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
			p.sum, p.content, p.err = d.digest(ctx, path, info)
			p.sha = hex.EncodeToString(p.sum.SHA256[:])
		case <-ctx.Done():
			p.err = context.Cause(ctx)
		}
	}()
	return p
}

// wait returns when the digest is there.
func (p *digesting) wait(ctx context.Context) (hashcache.Sum, error) {
	select {
	case <-p.done:
		return p.sum, p.err
	case <-ctx.Done():
		return hashcache.Sum{}, context.Cause(ctx)
	}
}

// dropKept gives up what was read and never sent, at the end of a run.
func (d *digests) dropKept() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.paths {
		d.drop(p.take())
	}
}
