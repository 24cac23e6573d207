package pipeline

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/uploader"
)

// A file on its way into the store.
type file struct {
	source string // absolute path on this machine
	path   string // slash path inside the checkout

	sum     [32]byte // SHA-256, once hashed
	size    int64
	pending *uploader.Pending
	retaken bool // it changed while it was sent: sum is a later one

	digesting *digesting // of a bulk submission: what was read of the file
}

// spec is how the Manager is told of f.
func (f *file) spec() api.ShamanFileSpec {
	return api.ShamanFileSpec{Sha: f.sha(), Size: f.size, Path: f.path}
}

// sha is sum in hexadecimal digits.
func (f *file) sha() string {
	if d := f.digesting; d != nil && d.sum.SHA256 == f.sum {
		return d.sha
	}
	return hex.EncodeToString(f.sum[:])
}

// sender carries files from disk into the store: it joins the hash cache to the uploader.
type sender struct {
	ctx   context.Context // of the run, for reopen, which is called without one
	cache *hashcache.Cache
	up    *uploader.Uploader
	meter *meter
	kept  atomic.Int64 // bytes of memory of the contents that wait for their upload
	freed atomic.Int64 // when that became less, nanoseconds since 1970; or when the first of them came

	sources sync.Map // SHA-256 to the path of a file that had it: for what the Manager loses again
}

// Small files stay in memory between hashing and sending, so that they are read once; the budget bounds
// what waits there. Larger ones are read from the system's cache by the kernel itself while it sends.
const (
	keepFile   = 256 << 10
	keepBudget = 16 << 20

	roomPatience = time.Second           // a few round trips
	roomPoll     = 10 * time.Millisecond // in which no Manager takes all of keepBudget
)

// changeTries is how often a file that changes under our hands is taken again (design promise 2).
const changeTries = 3

// hash takes f's digest, from the cache where that can be trusted, and hands its content to the
// uploader. It does not wait for the upload; settle does.
func (s *sender) hash(ctx context.Context, f *file, info fs.FileInfo) error {
	sum, content, err := s.digest(ctx, f.source, info)
	if err != nil {
		return err
	}
	s.ensure(ctx, f, sum, content)
	return nil
}

// digest takes a file's digest; content is what was read of a small file, while there is room to keep it.
func (s *sender) digest(ctx context.Context, source string, info fs.FileInfo) (hashcache.Sum, *hashcache.Content, error) {
	limit := int64(keepFile)
	if s.kept.Load() > keepBudget {
		limit = 0
	}
	sum, content, err := s.cache.SumKeep(ctx, source, info, limit)
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

// awaitRoom holds back the hashing of a file that would be read a second time for sending, since too much is kept already.
// What is kept is enough to send, so nothing is lost. If it does not become less, other files may do better.
func (s *sender) awaitRoom(ctx context.Context) {
	for s.kept.Load() > keepBudget && time.Since(time.Unix(0, s.freed.Load())) < roomPatience {
		select {
		case <-ctx.Done():
			return
		case <-time.After(roomPoll):
		}
	}
}

// drop gives up content that is sent, or that nobody will send.
func (s *sender) drop(content *hashcache.Content) {
	if room := content.Room(); room > 0 {
		s.kept.Add(-room)
		s.freed.Store(time.Now().UnixNano())
	}
	content.Release()
}

// ensure hands a file's content to the uploader, which owns it from then on.
func (s *sender) ensure(ctx context.Context, f *file, sum hashcache.Sum, content *hashcache.Content) {
	f.sum, f.size = sum.SHA256, sum.Size
	s.sources.LoadOrStore(sum.SHA256, f.source)
	f.pending = s.up.Ensure(ctx, s.blob(f.source, f.sha(), sum, content))
}

// blob is a file's content as the uploader takes it: from memory where it was kept, else from disk.
func (s *sender) blob(source, sha string, sum hashcache.Sum, content *hashcache.Content) uploader.Blob {
	b := uploader.Blob{SHA256: sha, Size: sum.Size, Name: source}
	if content == nil {
		b.Open = func() (io.ReadCloser, error) { return os.Open(source) }
		b.Verify = func() error { return unchanged(source, sum.Stamp) }
		return b
	}
	b.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil }
	b.Release = func() { s.drop(content) }
	return b
}

// reopen finds a file again whose content the Manager had and has no more.
func (s *sender) reopen(spec api.ShamanFileSpec) (uploader.Blob, error) {
	var digest [32]byte
	if _, err := hex.Decode(digest[:], []byte(spec.Sha)); err != nil {
		return uploader.Blob{}, err
	}
	source, known := s.sources.Load(digest)
	if !known {
		return uploader.Blob{}, fmt.Errorf("%s: nothing was sent for it in this run", spec.Path)
	}
	path := source.(string)
	info, err := os.Stat(path)
	if err != nil {
		return uploader.Blob{}, err
	}
	sum, err := s.cache.Sum(s.ctx, path, info)
	if err != nil {
		return uploader.Blob{}, err
	}
	if sum.SHA256 != digest {
		return uploader.Blob{}, fmt.Errorf("%s: %w", path, uploader.ErrChanged)
	}
	return s.blob(path, spec.Sha, sum, nil), nil
}

// settle waits until the Manager has f. A file that changed while it was sent is hashed and sent again.
func (s *sender) settle(ctx context.Context, f *file) error {
	for try := 1; ; try++ {
		err := f.pending.Wait(ctx)
		if !errors.Is(err, uploader.ErrChanged) || try == changeTries {
			return err
		}
		info, err := os.Stat(f.source)
		if err != nil {
			return err
		}
		if err := s.hash(ctx, f, info); err != nil {
			return err
		}
		f.retaken = true
	}
}

// unchanged compares a file with what it was when it was hashed.
func unchanged(path string, before hashcache.Stamp) error {
	now, err := os.Stat(path)
	if err == nil && hashcache.StampOf(now) != before {
		err = uploader.ErrChanged
	}
	return err
}
