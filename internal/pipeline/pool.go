package pipeline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/uploader"
)

// Folders below the farm's shared storage.
const (
	poolFolder = "flsync/pool" // one file a content: <2 hex digits>/<SHA-256>-<size>
	jobsFolder = "flsync/jobs" // one folder a job
	unfinished = ".flsync-"    // begins the names of what is being made
)

// copiesAtOnce is how many files are copied into the pool at once.
const copiesAtOnce = 8

// pool is the store of a farm without Shaman whose shared storage is mounted here: a pool of contents, and folders of
// jobs that are made of it. Whatever gets its name is whole, so that other runs, and one that is killed, do no harm.
type pool struct {
	dir      string // the shared storage
	dryRun   bool
	observer uploader.Observer
	reopen   func(api.ShamanFileSpec) (uploader.Blob, error)
	slots    chan struct{}
	working  sync.WaitGroup

	mu      sync.Mutex
	blobs   map[string]*pooled // by name in the pool
	counts  uploader.Stats
	noLinks bool // the file system has no hard links
}

// pooled is a content on its way to the pool.
type pooled struct {
	done chan struct{}
	err  error
}

func (p *pooled) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pooled) Failed() bool {
	select {
	case <-p.done:
		return p.err != nil
	default:
		return false
	}
}

func openPool(dir string, dryRun bool, observer uploader.Observer, reopen func(api.ShamanFileSpec) (uploader.Blob, error)) *pool {
	return &pool{
		dir: dir, dryRun: dryRun, observer: observer, reopen: reopen,
		slots: make(chan struct{}, copiesAtOnce), blobs: make(map[string]*pooled),
	}
}

// contentPath returns where the pool has a content.
func (p *pool) contentPath(sha string, size int64) string {
	return filepath.Join(p.dir, filepath.FromSlash(poolFolder), sha[:2], fmt.Sprintf("%s-%d", sha, size))
}

func (p *pool) put(ctx context.Context, b uploader.Blob) pending {
	name := p.contentPath(b.SHA256, b.Size)
	p.mu.Lock()
	known := p.blobs[name]
	if known != nil && !known.Failed() {
		p.mu.Unlock()
		release(b)
		return known
	}
	if known == nil {
		p.counts.Unique++
		p.counts.UniqueBytes += b.Size
	}
	sent := &pooled{done: make(chan struct{})}
	p.blobs[name] = sent
	p.working.Add(1)
	p.mu.Unlock()
	p.slots <- struct{}{} // at most a few copies long
	go func() {
		defer p.working.Done()
		defer func() { <-p.slots }()
		defer close(sent.done)
		defer release(b)
		if sent.err = p.take(ctx, b, name); sent.err != nil {
			p.count(func(s *uploader.Stats) { s.Failed++ })
			sent.err = &uploader.BlobError{Name: b.Name, SHA256: b.SHA256, Size: b.Size, Attempts: 1, Err: sent.err}
			p.observer.Observe(uploader.Event{Kind: uploader.Failed, Blobs: 1, Bytes: b.Size, Name: b.Name, Err: sent.err})
		}
	}()
	return sent
}

func release(b uploader.Blob) {
	if b.Release != nil {
		b.Release()
	}
}

func (p *pool) count(change func(*uploader.Stats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.counts)
}

// take copies a content into the pool, unless it is there.
func (p *pool) take(ctx context.Context, b uploader.Blob, name string) error {
	event := func(kind uploader.Kind) {
		p.observer.Observe(uploader.Event{Kind: kind, Blobs: 1, Bytes: b.Size, Name: b.Name})
	}
	event(uploader.Checked)
	if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == b.Size {
		p.count(func(s *uploader.Stats) { s.Stored++; s.StoredBytes += b.Size })
		event(uploader.Stored)
		return nil
	}
	p.count(func(s *uploader.Stats) { s.Missing++; s.MissingBytes += b.Size })
	event(uploader.Missing)
	if p.dryRun {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	source, err := b.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	if err := writeWhole(name, source, b.Size, b.Verify); err != nil {
		return err
	}
	p.count(func(s *uploader.Stats) { s.Uploaded++; s.UploadedBytes += b.Size })
	p.observer.Observe(uploader.Event{Kind: uploader.Moved, Bytes: b.Size})
	event(uploader.Uploaded)
	return nil
}

// writeWhole writes size bytes to a read-only file of the given name, which appears when it is whole. verify, if it is
// not nil, has the last word.
func writeWhole(name string, source io.Reader, size int64, verify func() error) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), unfinished+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	n, err := io.Copy(temp, source) // the kernel copies or clones where it can
	if err == nil && n != size {
		err = uploader.ErrChanged
	}
	if err == nil && verify != nil {
		err = verify()
	}
	if err = errors.Join(err, temp.Chmod(0o444), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}

func (p *pool) flush(context.Context) error { p.working.Wait(); return nil }

// checkOut makes a folder of files, under a temporary name first.
func (p *pool) checkOut(ctx context.Context, requested string, files []api.ShamanFileSpec, record func(string) error) (string, error) {
	for _, f := range files {
		if err := uploader.CheckPath(f.Path); err != nil {
			return "", err
		}
	}
	folder := path.Join(jobsFolder, uploader.CheckoutName(requested)+"-"+strings.ToLower(rand.Text()[:16]))
	if err := record(folder); err != nil {
		return "", err
	}
	final := filepath.Join(p.dir, filepath.FromSlash(folder))
	if err := os.MkdirAll(filepath.Dir(final), 0o777); err != nil {
		return "", err
	}
	temp := filepath.Join(p.dir, filepath.FromSlash(jobsFolder), unfinished+filepath.Base(final))
	if err := os.Mkdir(temp, 0o777); err != nil {
		return "", err
	}
	err := p.fill(ctx, temp, files)
	if err == nil {
		err = os.Rename(temp, final)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(temp))
	}
	p.count(func(s *uploader.Stats) { s.Checkouts++ })
	return folder, nil
}

// fill puts files into a folder.
func (p *pool) fill(ctx context.Context, dir string, files []api.ShamanFileSpec) error {
	made := make(map[string]bool)
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Path))
		if parent := filepath.Dir(to); !made[parent] {
			if err := os.MkdirAll(parent, 0o777); err != nil {
				return err
			}
			made[parent] = true
		}
		err := p.link(f, to)
		if errors.Is(err, fs.ErrNotExist) { // the pool was pruned since
			if err = p.restore(ctx, f); err == nil {
				err = p.link(f, to)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

// link gives a content of the pool a name in a job's folder: by a hard link, or by a copy where there are none.
func (p *pool) link(f api.ShamanFileSpec, to string) error {
	from := p.contentPath(f.Sha, f.Size)
	p.mu.Lock()
	noLinks := p.noLinks
	p.mu.Unlock()
	if !noLinks {
		err := os.Link(from, to)
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return err
		}
		p.mu.Lock()
		p.noLinks = true
		p.mu.Unlock()
	}
	if _, err := os.Lstat(to); err == nil {
		return fs.ErrExist // two names of one file, where case does not count
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return writeWhole(to, source, f.Size, nil)
}

// restore puts a content into the pool again.
func (p *pool) restore(ctx context.Context, f api.ShamanFileSpec) error {
	b, err := p.reopen(f)
	if err != nil {
		return err
	}
	defer release(b)
	return p.take(ctx, b, p.contentPath(f.Sha, f.Size))
}

func (p *pool) close(bool) error { p.working.Wait(); return nil }

func (p *pool) stats() uploader.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.InFlight = len(p.slots)
	return s
}
