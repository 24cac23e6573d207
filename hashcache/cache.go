package hashcache

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/hashcache/internal/kv"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/place"
)

// Source says how a Sum came about.
type Source int

const (
	Hashed   Source = iota // the contents were read for both digests
	Cached                 // the stamp agreed: the contents were not read
	Rehashed               // the contents were read for one digest, which agreed with the entry
)

func (s Source) String() string {
	return [...]string{"hashed", "cached", "rehashed"}[s]
}

// Read reports whether the contents were read.
func (s Source) Read() bool { return s != Cached }

// Sum is the digests of a file's contents.
type Sum struct {
	SHA256, BLAKE3 [32]byte // BLAKE3 may be zero, see Config.BLAKE3
	Size           int64    // bytes
	Source         Source
	Stamp          Stamp // that the file had when its contents were as the digests say
}

// ErrChanging says that a file changed each time it was read.
var ErrChanging = fmt.Errorf("it changed each of the %d times it was read; wait until the program that writes it is done, and run again", maxTries)

// Errors of opening a file; they are in the chain of a [*fs.PathError].
var (
	// ErrNotRegular says that the path is no regular file.
	ErrNotRegular = openfile.ErrNotRegular
	// ErrReplaced says that the path leads to another file than the one that was asked for. Look at it again,
	// and decide again whether it may be read.
	ErrReplaced = openfile.ErrReplaced
	// ErrForeign says that the cache file is no hash cache, but the file of another program.
	ErrForeign = kv.ErrForeign
)

// Cache knows the digests of files. Its methods may be called from any number of goroutines.
type Cache struct {
	cfg   Config
	store *kv.DB
	pool  buffers
	facts atomic.Bool  // this run has put some
	place place.Drives // one entry for a file on a mapped drive and on its share
}

// Open opens the cache in the file at path, or begins one. A file that cannot be read or written, is damaged,
// or comes from a newer version, costs a warning and not an error. Errors: a path that is not a file, and
// [ErrForeign], which leaves the file as it is.
func Open(path string, cfg Config) (*Cache, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.factsBytes = cmp.Or(cfg.factsBytes, factsBytes)
	cfg.changeWait = cmp.Or(cfg.changeWait, changeWait)
	store, err := kv.Open(path, kv.Options{
		Format: format, Tables: []kv.Table{filesTable, dirsTable, factsTable},
		BatchAge: cfg.batchAge, ReadOnly: cfg.ReadOnly, Warn: cfg.Warn,
	})
	if err != nil {
		return nil, fmt.Errorf("hash cache: %w", err)
	}
	return &Cache{cfg: cfg, store: store}, nil
}

// Path returns the absolute path of the cache file.
func (c *Cache) Path() string { return c.store.Path() }

// Flush saves the entries that are new. While other programs hold the cache it waits until ctx ends.
func (c *Cache) Flush(ctx context.Context) error { return c.store.Flush(ctx) }

// Close saves the entries that are new. It waits for other programs for about a second, then warns that the
// next run will read those files again. Close must not run beside other methods, and always returns nil.
func (c *Cache) Close() error {
	c.trimFacts()
	c.store.Close()
	return nil
}

// Lookup returns the digests of path if its entry can be trusted; info is of the contents, that is of the
// target if path is a link. It does not read the file.
func (c *Cache) Lookup(path string, info fs.FileInfo) (Sum, bool) {
	e, _, ok := c.lookup(path, info)
	if !ok {
		return Sum{}, false
	}
	return e.sum(Cached), true
}

// Sum returns the digests of the file at path, which must be absolute. It reads the file if Lookup has no
// answer, and only the file that info describes, as a walk or os.Stat gave it; with info nil it reads
// whichever file path leads to. The file may change meanwhile: the Sum is that of one state, whose size and
// stamp it carries. Errors: those of opening and reading, [ErrNotRegular], [ErrReplaced], [ErrChanging], and
// that of ctx. Other programs can rename, replace and remove the file while it is read.
func (c *Cache) Sum(ctx context.Context, path string, info fs.FileInfo) (Sum, error) {
	sum, content, err := c.SumKeep(ctx, path, info, 0)
	content.Release()
	return sum, err
}

// SumKeep is Sum for callers who want the contents too: if the file was read and has at most limit bytes,
// content holds them, else it is nil. The caller must release it.
func (c *Cache) SumKeep(ctx context.Context, path string, info fs.FileInfo, limit int64) (Sum, *Content, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Sum{}, nil, err
	}
	want := info
	if info == nil {
		if info, err = os.Stat(path); err != nil {
			return Sum{}, nil, err
		}
	}
	old, known, trusted := c.lookup(path, info)
	if trusted {
		return old.sum(Cached), nil, nil
	} else if !known {
		old.Size = -1 // agrees with no file
	}
	r := reading{path: path, want: want, old: old, limit: limit, now: c.cfg.Now, pool: &c.pool}
	r.blake3 = c.cfg.BLAKE3 || blake3IsFaster || r.old.hasBLAKE3()
	sum, content, err := r.hashStable(ctx, c.cfg.changeWait)
	if err == nil {
		c.learn(path, &r.found, known)
	}
	return sum, content, err
}

// HashFile reads the file at path, which may be relative, and returns both digests without any cache. Errors
// as for Sum.
func HashFile(ctx context.Context, path string) (Sum, error) {
	r := reading{path: path, old: entry{Stamp: Stamp{Size: -1}}, blake3: true, now: time.Now, pool: new(buffers)}
	sum, content, err := r.hashStable(ctx, changeWait)
	content.Release()
	return sum, err
}

// refreshAge is the age at which a lookup renews an entry, so that pruning by age finds what is not in use. A
// month makes that a rare write.
const refreshAge = 30 * 24 * time.Hour

// lookup returns what is known of path. It is trusted if its digests are all that are wanted, and stand for the
// file of which a walk got info.
func (c *Cache) lookup(path string, info fs.FileInfo) (e entry, known, trusted bool) {
	e, known = c.entry(path)
	if !known || c.cfg.Verify || e.Size != info.Size() || c.cfg.BLAKE3 && !e.hasBLAKE3() {
		return e, known, false
	}
	stamp, err := stampAt(path, info)
	now := c.cfg.Now().UnixNano()
	if err != nil || stamp != e.Stamp || !e.changeShows(e.written) || e.written > now {
		return e, known, false
	}
	if now-e.written > int64(refreshAge) {
		renewed := e
		renewed.written = now
		c.learn(path, &renewed, true)
	}
	return e, known, true
}

func (c *Cache) entry(path string) (e entry, ok bool) {
	var key [folderIDSize + 64]byte
	var value [entrySize + kv.SumSize]byte
	b, ok := c.store.Get(filesTable, fileKey(key[:0], c.place.Identity(path)), value[:0])
	return e, ok && e.decode(b)
}

// learn stores an entry and, for a path that was not known, the name of its folder.
func (c *Cache) learn(path string, e *entry, known bool) {
	var keyBuf [folderIDSize + 64]byte
	var buf [entrySize]byte
	path = c.place.Identity(path)
	key := fileKey(keyBuf[:0], path)
	c.store.Put(filesTable, key, e.encode(buf[:0]))
	if !known {
		dir, _ := filepath.Split(path)
		c.store.Put(dirsTable, key[:folderIDSize], []byte(dir))
	}
}
