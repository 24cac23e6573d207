package pipeline

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/folder"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/uploader"
)

// Folders below the farm's shared storage.
const (
	poolFolder = "flsync/pool"   // one file a content: <2 hex digits>/<SHA-256>-<size>
	jobsFolder = "flsync/jobs"   // one folder a job, and beside it a list of its contents
	syncFolder = "flsync/synced" // one folder a sync, and the same
	unfinished = ".flsync-"      // begins the names of what is being made or removed
	listSuffix = ".flsync"       // ends the names of lists
)

// listHead returns how the list of a folder's contents begins. A name in the pool follows on each other line.
// The URL is that of the Manager whose job has the folder: another Manager that uses the same storage knows
// nothing of the job.
func listHead(manager string) string { return "flsync folder 1\nof " + manager + "\n" }

// copiesAtOnce is how many files are copied or linked at once. More wait for the locks of the same folders.
const copiesAtOnce = 4

// StorageError reports that the farm's storage takes no more files: it is full, read-only or no longer
// mounted. It is about the run as a whole.
type StorageError struct {
	Dir string
	Err error
}

func (e *StorageError) Error() string {
	return fmt.Sprintf("the farm's storage at %s takes no files (what is there stays, and the next run goes on): %v", e.Dir, e.Err)
}
func (e *StorageError) Unwrap() error { return e.Err }

// errOther reports that another folder is in the place of the storage.
var errOther = errors.New("another folder is in its place; was it unmounted?")

// pool is the store of a farm without Shaman whose shared storage is mounted here: a pool of contents, and
// folders of jobs that are made of it. Whatever gets its name is whole, so that other runs, and one that is
// killed, do no harm.
type pool struct {
	dir      string      // the shared storage
	manager  string      // its URL
	root     fs.FileInfo // of dir, when the run began
	folder   string      // below dir: that of jobs' folders, or of synced ones
	dryRun   bool
	observer uploader.Observer
	reopen   func(api.ShamanFileSpec) (uploader.Blob, error)
	slots    chan struct{}
	working  sync.WaitGroup
	hardLink func(from, to string) error
	ctx      context.Context // of the copies: that of a put may end before them
	abandon  context.CancelFunc

	present  *pooled // every content that the pool had
	modeOnce sync.Once
	modeless atomic.Bool // new files do not have the mode that they are made with

	mu      sync.Mutex
	blobs   map[string]*pooled // by name in the pool
	shards  map[string]*shard  // by name
	counts  uploader.Stats
	linked  bool // a hard link was made
	noLinks bool // the first one failed: the file system has none
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

func (p *pooled) Failed() bool { return p.ended() && p.err != nil }
func (p *pooled) Stored() bool { return p.ended() && p.err == nil }

func (p *pooled) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// openPool opens the pool of the shared storage of a Manager at dir. Only here are its folders made: if they
// are gone later, the storage was unmounted.
func openPool(ctx context.Context, manager, dir string, dryRun bool, observer uploader.Observer, reopen func(api.ShamanFileSpec) (uploader.Blob, error)) (*pool, error) {
	p := &pool{
		dir: dir, manager: manager, folder: jobsFolder, dryRun: dryRun, observer: observer, reopen: reopen,
		slots: make(chan struct{}, copiesAtOnce), hardLink: os.Link, blobs: make(map[string]*pooled), shards: make(map[string]*shard),
		present: &pooled{done: make(chan struct{})},
	}
	close(p.present.done)
	p.ctx, p.abandon = context.WithCancel(ctx)
	var err error
	if p.root, err = os.Stat(dir); err == nil && !dryRun {
		for _, folder := range []string{poolFolder, jobsFolder, syncFolder} {
			err = errors.Join(err, p.mkdir(p.at(folder)))
		}
	}
	if err != nil {
		return nil, &StorageError{dir, err}
	}
	return p, nil
}

// at returns the path of a slash path below the storage.
func (p *pool) at(below ...string) string {
	return filepath.Join(p.dir, filepath.FromSlash(path.Join(below...)))
}

// shard is a folder of the pool, whose names are digests that begin alike.
type shard struct {
	sync.Once
	has  map[string]bool // names of contents when the run first looked
	err  error
	made bool // the folder is there; only its first writer asks
	mu   sync.Mutex
}

// look lists the shard of a content, once for a run: a look at each content takes a server's time.
func (p *pool) look(content string) *shard {
	name := content[:2]
	p.mu.Lock()
	s := p.shards[name]
	if s == nil {
		s = new(shard)
		p.shards[name] = s
	}
	p.mu.Unlock()
	s.Do(func() {
		var entries []os.DirEntry
		entries, s.err = os.ReadDir(p.at(poolFolder, name))
		s.made = s.err == nil
		if errors.Is(s.err, fs.ErrNotExist) {
			s.err = nil
		}
		s.has = make(map[string]bool, len(entries))
		for _, e := range entries {
			s.has[e.Name()] = e.Type().IsRegular()
		}
	})
	return s
}

// makeIn makes the shard of a content. It does not make the folders above it, which are gone when the storage
// is unmounted.
func (p *pool) makeIn(s *shard, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made {
		return nil
	}
	if err := p.same(); err != nil {
		return &fs.PathError{Op: "mkdir", Path: filepath.Dir(name), Err: err}
	}
	err := p.mkdir(filepath.Dir(name))
	s.made = err == nil
	return err
}

// mkdir makes a folder, with those above it, that the accounts which may write to the storage may write to.
func (p *pool) mkdir(dir string) error {
	return folder.Make(dir, 0o777, func(made string) error {
		_ = folder.SetMode(made, p.root.Mode()) // some file systems have no modes
		return nil
	})
}

// same returns an error if the storage is no longer the folder that it was when the run began.
func (p *pool) same() error {
	now, err := os.Stat(p.dir)
	if err == nil && !os.SameFile(p.root, now) {
		err = errOther
	}
	return err
}

// contentPath returns where the pool has a content of that name.
func (p *pool) contentPath(name string) string { return p.at(poolFolder, name[:2], name) }

func contentName(sha string, size int64) string { return sha + "-" + strconv.FormatInt(size, 10) }

func (p *pool) put(_ context.Context, b uploader.Blob) pending {
	name := contentName(b.SHA256, b.Size)
	s := p.look(name)
	stored := s.has[name] // the name has the size, and whatever has its name is whole
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
	sent := p.present
	if stored {
		p.counts.Stored++
		p.counts.StoredBytes += b.Size
	} else {
		sent = &pooled{done: make(chan struct{})}
	}
	p.blobs[name] = sent
	p.mu.Unlock()
	p.event(uploader.Checked, b)
	if stored {
		p.event(uploader.Stored, b)
		release(b)
		return sent
	}
	p.working.Add(1)
	p.slots <- struct{}{} // at most a few copies long
	go func() {
		defer p.working.Done()
		defer func() { <-p.slots }()
		defer close(sent.done)
		defer release(b)
		if sent.err = p.take(p.ctx, b, s, p.contentPath(name)); sent.err != nil {
			p.count(func(s *uploader.Stats) { s.Failed++ })
			sent.err = &uploader.BlobError{Name: b.Name, SHA256: b.SHA256, Size: b.Size, Attempts: 1, Err: sent.err}
			p.observer.Observe(uploader.Event{Kind: uploader.Failed, Blobs: 1, Bytes: b.Size, Name: b.Name, Err: sent.err})
		}
	}()
	return sent
}

func (p *pool) has([sha256.Size]byte, int64) bool { return false } // put looks

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

func (p *pool) event(kind uploader.Kind, b uploader.Blob) {
	p.observer.Observe(uploader.Event{Kind: kind, Blobs: 1, Bytes: b.Size, Name: b.Name})
}

// take copies a content into its shard of the pool.
func (p *pool) take(ctx context.Context, b uploader.Blob, s *shard, name string) error {
	if s.err != nil {
		return p.blame(s.err)
	}
	p.count(func(s *uploader.Stats) { s.Missing++; s.MissingBytes += b.Size })
	p.event(uploader.Missing, b)
	if p.dryRun {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	source, err := b.Open()
	if err != nil {
		return err
	}
	defer source.Close()
	if err = p.makeIn(s, name); err == nil {
		err = p.writeWhole(name, source, b.Size, b.Verify)
	}
	if err != nil {
		return p.blame(err)
	}
	p.count(func(s *uploader.Stats) { s.Uploaded++; s.UploadedBytes += b.Size })
	p.observer.Observe(uploader.Event{Kind: uploader.Moved, Bytes: b.Size})
	p.event(uploader.Uploaded, b)
	return nil
}

// blame makes a [StorageError] of an error that is about a file of the pool, and leaves others as they are.
func (p *pool) blame(err error) error {
	var file *fs.PathError
	var link *os.LinkError
	if errors.As(err, &file) && below(p.at(poolFolder), file.Path) != "" || errors.As(err, &link) && below(p.at(poolFolder), link.New) != "" {
		return &StorageError{p.dir, err}
	}
	return err
}

// writeWhole writes size bytes to a read-only file of the given name, which appears when it is whole. verify,
// if it is not nil, has the last word.
func (p *pool) writeWhole(name string, source io.Reader, size int64, verify func() error) (err error) {
	temp := filepath.Join(filepath.Dir(name), unfinished+rand.Text())
	if err := p.copyTo(temp, source, size, verify); err != nil {
		return err
	}
	if err = openfile.Rename(temp, name); err == nil {
		return nil
	}
	if info, look := os.Lstat(name); look == nil && info.Size() == size {
		return os.Remove(temp) // another run was faster, and Windows replaces no read-only file
	}
	_ = os.Remove(temp) // prune removes it else
	return err
}

// copyTo makes a read-only file of size bytes. After an error it removes what it has made.
func (p *pool) copyTo(name string, source io.Reader, size int64, verify func() error) error {
	const mode = 0o444
	file, err := openfile.Create(name, mode)
	if err != nil {
		return err
	}
	n, err := io.Copy(file, source) // the kernel copies or clones where it can
	if err == nil && n != size {
		err = uploader.ErrChanged
	}
	if err == nil && verify != nil {
		err = verify()
	}
	p.modeOnce.Do(func() { // the umask or a default ACL takes rights away from all new files, or from none
		info, err := file.Stat()
		p.modeless.Store(err != nil || info.Mode().Perm() != mode)
	})
	if p.modeless.Load() {
		_ = file.Chmod(mode) // some file systems have no modes
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(name) // prune removes it else
	}
	return err
}

func (p *pool) flush(context.Context) error { p.working.Wait(); return nil }

func (p *pool) close(abandon bool) error {
	if abandon {
		p.abandon()
	}
	p.working.Wait()
	p.abandon()
	return nil
}

func (p *pool) stats() uploader.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.counts
	s.InFlight = len(p.slots)
	return s
}
