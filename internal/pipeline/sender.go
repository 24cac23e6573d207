package pipeline

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/uploader"
)

// A file is one file of a job or of a tree, and its path in the checkout.
type file struct {
	source       string        // absolute path on this machine
	checkoutPath string        // slash path inside the checkout
	change       *pack.Changed // if set, a copy with other paths is sent in its place
	digest       *digestFuture // set when the file is queued for hashing
}

// sender takes files from disk into the store: it joins the hash cache to the store.
type sender struct {
	cache *hashcache.Cache
	store store
	meter *meter
	gates *gates
	kept  atomic.Int64 // bytes of memory of the contents that wait for their upload
	freed atomic.Int64 // when kept last shrank, or first grew, in nanoseconds since 1970

	sent iter.Seq2[[32]byte, string] // files by their SHA-256, for what the Manager loses again

	mu      sync.Mutex
	sources map[[32]byte]string // the same as a map, once somebody needs it
}

// Small files stay in memory between hashing and sending, so that they are read once; the budget bounds
// what waits there: enough for several times as many as are sent at once. The kernel sends larger ones from
// its own cache: of 200 textures of 110 KB, a sync that kept them had 8,000 page faults, and has 3,000.
const (
	keepFile   = 16 << 10
	keepBudget = 8 << 20

	roomPatience = time.Second           // a few round trips
	roomPoll     = 10 * time.Millisecond // no Manager takes all of keepBudget in it
)

// changeTries is how often a file that changes while it is sent is hashed and sent (design promise 2).
const changeTries = 3

// hash takes the digest of a file, from the cache where that can be trusted, and resolves d with it.
func (s *sender) hash(ctx context.Context, source string, info fs.FileInfo, d *digestFuture) error {
	if d.now().wanted {
		s.awaitRoom(ctx, info.Size())
	}
	sum, content, err := s.readDigest(ctx, source, info)
	s.resolve(ctx, source, d, sum, content, err)
	return err
}

// resolve makes the digest of a file known. If the file is wanted, resolve hands it to the store, and does
// not wait for the upload.
func (s *sender) resolve(ctx context.Context, source string, d *digestFuture, sum hashcache.Sum, content *hashcache.Content, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set(sum, content)
	d.err = err
	if d.wanted && err == nil {
		s.put(ctx, source, d)
	}
	d.known = true
	if d.arrived != nil {
		close(d.arrived)
	}
}

// readDigest takes a file's digest. content is what was read of a small file, while there is room to keep it.
func (s *sender) readDigest(ctx context.Context, source string, info fs.FileInfo) (hashcache.Sum, *hashcache.Content, error) {
	if ctx.Err() != nil {
		return hashcache.Sum{}, nil, context.Cause(ctx)
	}
	limit := int64(keepFile)
	if s.kept.Load() > keepBudget {
		limit = 0
	}
	sum, content, err := s.cache.SumKeep(ctx, source, info, limit)
	for try := 1; errors.Is(err, hashcache.ErrReplaced) && try < changeTries; try++ { // programs save by renaming
		if info, err = s.gates.lookAgain(source); err == nil {
			sum, content, err = s.cache.SumKeep(ctx, source, info, limit)
		}
	}
	if err != nil {
		return sum, nil, err
	}
	s.meter.hashedFile(sum)
	if room := content.Room(); room > 0 {
		s.kept.Add(room)
		s.freed.CompareAndSwap(0, time.Now().UnixNano())
	}
	return sum, content, nil
}

// awaitRoom delays the hashing of a small file, of size bytes, while too many contents are kept: the file would
// have to be read twice. Nothing is lost, because what is kept is enough to send. If none of it is sent for
// roomPatience, awaitRoom returns all the same, since hashing more files may help.
func (s *sender) awaitRoom(ctx context.Context, size int64) {
	for size <= keepFile && s.kept.Load() > keepBudget && time.Since(time.Unix(0, s.freed.Load())) < roomPatience {
		select {
		case <-ctx.Done():
			return
		case <-time.After(roomPoll):
		}
	}
}

// drop releases content that is sent, or that nobody will send.
func (s *sender) drop(content *hashcache.Content) {
	if room := content.Room(); room > 0 {
		s.kept.Add(-room)
		s.freed.Store(time.Now().UnixNano())
	}
	content.Release()
}

// send hands a file to the store as soon as its digest is known, unless another job has done so with the same
// path and the store did not fail with it.
func (s *sender) send(ctx context.Context, source string, d *digestFuture) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = true
	if d.known && d.err == nil && (d.pending == nil || d.pending.Failed()) {
		s.put(ctx, source, d)
	}
}

// put hands a file whose digest is known to the store. The caller holds d.mu.
func (s *sender) put(ctx context.Context, source string, d *digestFuture) {
	content := d.content
	d.content = nil // the store owns it
	d.pending = s.store.put(ctx, s.blob(source, d.sha, d.stamp, content))
}

// blob describes a file to the store. Its content is in memory if it was kept, else on disk.
func (s *sender) blob(source, sha string, stamp hashcache.Stamp, content *hashcache.Content) uploader.Blob {
	b := uploader.Blob{SHA256: sha, Size: stamp.Size, Name: source}
	if content == nil {
		b.Open = func() (io.ReadCloser, error) { return openStamped(source, stamp, hashcache.StampAt) }
		b.Verify = func() error { return unchanged(source, stamp, hashcache.StampAt) }
		return b
	}
	b.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil }
	if content.Hashed() {
		b.Content = content.Bytes()
	}
	b.Release = func() { s.drop(content) }
	return b
}

// reopen finds a file again whose content the Manager had and has no more.
func (s *sender) reopen(ctx context.Context, spec api.ShamanFileSpec) (uploader.Blob, error) {
	var digest [32]byte
	if _, err := hex.Decode(digest[:], []byte(spec.Sha)); err != nil {
		return uploader.Blob{}, err
	}
	source := s.sourceOf(digest)
	if source == "" {
		return uploader.Blob{}, fmt.Errorf("%s: nothing was sent for it in this run", spec.Path)
	}
	info, err := s.gates.renew(source)
	if err != nil {
		return uploader.Blob{}, err
	}
	sum, err := s.cache.Sum(ctx, source, info)
	if err != nil {
		return uploader.Blob{}, err
	}
	if sum.SHA256 != digest {
		return uploader.Blob{}, fmt.Errorf("%s: %w", source, uploader.ErrChanged)
	}
	return s.blob(source, spec.Sha, sum.Stamp, nil), nil
}

// sourceOf returns a file that had a content in this run, "" for none. The map of all is made for the first of
// them, and again if it lacks one.
func (s *sender) sourceOf(digest [32]byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources[digest] == "" {
		s.sources = maps.Collect(s.sent)
	}
	return s.sources[digest]
}

// waitStored waits until the store has a file that was handed to it. A file that changed while it was sent is
// hashed and sent again, once for all jobs that name it.
func (s *sender) waitStored(ctx context.Context, f *file) error {
	for try := 1; ; try++ {
		sent := f.digest.now().pending
		err := sent.Wait(ctx)
		if !errors.Is(err, uploader.ErrChanged) || try == changeTries {
			return err
		}
		if err := s.sendAgain(ctx, f.source, f.digest, sent); err != nil {
			return err
		}
	}
}

// sendAgain hashes and sends a changed file again, unless another job has done so since before.
func (s *sender) sendAgain(ctx context.Context, source string, d *digestFuture, before pending) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending != before {
		return nil
	}
	sum, content, err := s.hashAgain(ctx, source)
	if err != nil {
		return err
	}
	d.set(sum, content)
	d.changed = true
	s.put(ctx, source, d)
	return nil
}

// hashAgain decides about a changed file anew and takes its digest.
func (s *sender) hashAgain(ctx context.Context, source string) (hashcache.Sum, *hashcache.Content, error) {
	info, err := s.gates.renew(source)
	if err != nil {
		return hashcache.Sum{}, nil, err
	}
	return s.readDigest(ctx, source, info)
}

// openStamped opens the file that was hashed. If another one is in its place, or the same one with other
// contents, the error is [uploader.ErrChanged]. stampAt is [hashcache.StampAt], whose stamps are whole on all
// systems, as that of a FileInfo is not.
func openStamped(path string, hashed hashcache.Stamp, stampAt func(string) (hashcache.Stamp, error)) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := unchanged(path, hashed, stampAt); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	f, err := openfile.Open(path, info)
	if errors.Is(err, openfile.ErrReplaced) {
		err = fmt.Errorf("%w: %w", uploader.ErrChanged, err)
	}
	return f, err
}

// unchanged returns [uploader.ErrChanged] if a file is no longer as it was when it was hashed.
func unchanged(path string, before hashcache.Stamp, stampAt func(string) (hashcache.Stamp, error)) error {
	now, err := stampAt(path)
	if err == nil && now != before {
		err = uploader.ErrChanged
	}
	return err
}
