package hashcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/flsync/flsync/hashcache/internal/kv"
	"github.com/flsync/flsync/hashcache/internal/twolanes"
)

// Source says how a Sum came about.
type Source int

const (
	Hashed   Source = iota // the contents were read for both digests
	Cached                 // the stamp agreed: the contents were not read
	Rehashed               // the contents were read for BLAKE3, which agreed with the entry
	Copied                 // the contents were read for BLAKE3, which was known of another path
)

func (s Source) String() string {
	return [...]string{"hashed", "cached", "rehashed", "copied"}[s]
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

// ErrChanging is in the chain of the error for a file that changed each time it was read; see [ChangingError].
var ErrChanging = errors.New("the file keeps changing while it is read")

// ChangingError names such a file.
type ChangingError struct {
	Path  string
	Tries int
}

func (e *ChangingError) Error() string {
	return fmt.Sprintf("%s: it changed each of the %d times it was read; wait until the program that writes it is done, and run again", e.Path, e.Tries)
}

// Is makes errors.Is(err, ErrChanging) true.
func (e *ChangingError) Is(target error) bool { return target == ErrChanging }

// ErrNotRegular is in the chain of the error for a path that is no regular file.
var ErrNotRegular = errors.New("not a regular file")

// Cache knows the digests of files. Its methods may be called from any number of goroutines.
type Cache struct {
	cfg   Config
	store *kv.DB
	pool  buffers
	facts factsState
}

// Open opens the cache in the file at path, or begins one. A file that cannot be read or written, is damaged, or comes from
// a newer version, costs a warning and not an error. Errors: a bad configuration, a path that is not a file, or the
// database of another program.
func Open(path string, cfg Config) (*Cache, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	store, err := kv.Open(path, kv.Options{
		Format:   format,
		Tables:   []kv.Table{filesTable, dirsTable, copiesTable, factsTable},
		Prefix:   map[kv.Table]int{copiesTable: copyPrefix},
		Constant: []kv.Table{dirsTable, copiesTable},
		BatchAge: cfg.BatchAge,
		ReadOnly: cfg.ReadOnly,
		Warn:     func(code, message string) { cfg.Warn(Warning{code, message}) },
	})
	if err != nil {
		return nil, fmt.Errorf("hash cache: %w", err)
	}
	return &Cache{cfg: cfg, store: store}, nil
}

// Path is the absolute path of the cache file.
func (c *Cache) Path() string { return c.store.Path() }

// Flush saves what was learned so far. While other programs hold the cache it waits until ctx ends.
func (c *Cache) Flush(ctx context.Context) error { return c.store.Flush(ctx) }

// Close saves what was learned. It waits for other programs for about a second; what cannot be saved then is warned about
// and hashed again by the next run. Close must not run beside other methods, and always returns nil.
func (c *Cache) Close() error {
	c.trimFacts()
	c.store.Close()
	return nil
}

// Lookup returns the digests of path if its entry can be trusted; info is of the contents, that is of the target if path
// is a link. It opens no file.
func (c *Cache) Lookup(path string, info fs.FileInfo) (Sum, bool) {
	if c.cfg.Verify {
		return Sum{}, false
	}
	stamp := StampOf(info)
	if e, ok := c.entry(path); ok && c.trusts(&e, stamp) {
		c.keepYoung(path, &e)
		return e.sum(Cached), true
	}
	return Sum{}, false
}

// Sum returns the digests of the file at path, which must be absolute; info is what a walk or os.Stat says of its contents,
// or nil. It reads the file if Lookup has no answer. The file may change meanwhile: the Sum is that of one state,
// whose size and stamp it carries. Errors: those of opening and reading, [ErrNotRegular], [ErrChanging], and that of ctx.
func (c *Cache) Sum(ctx context.Context, path string, info fs.FileInfo) (Sum, error) {
	sum, content, err := c.SumKeep(ctx, path, info, 0)
	content.Release()
	return sum, err
}

// SumKeep is Sum for callers who want the contents too: if the file was read and has at most limit bytes, content holds
// them, else it is nil. It must be released.
func (c *Cache) SumKeep(ctx context.Context, path string, info fs.FileInfo, limit int64) (Sum, *Content, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Sum{}, nil, err
	}
	if info == nil {
		if info, err = os.Stat(path); err != nil {
			return Sum{}, nil, err
		}
	}
	if !info.Mode().IsRegular() {
		return Sum{}, nil, &fs.PathError{Op: "hash", Path: path, Err: ErrNotRegular}
	}
	old, known := c.entry(path)
	if known && !c.cfg.Verify && c.trusts(&old, StampOf(info)) {
		c.keepYoung(path, &old)
		return old.sum(Cached), nil, nil
	}
	if !known {
		old.Size = -1 // agrees with no file
	}
	r := reading{path: path, old: old, limit: limit, copies: c, now: c.cfg.Now, pool: &c.pool}
	r.sha256Alone = c.cfg.BLAKE3 == WhenReadAgain && !known && twolanes.Available
	sum, content, err := r.untilStill(ctx, c.cfg.ChangeWait)
	if err == nil {
		c.learn(path, &r.found, known, r.source)
	}
	return sum, content, err
}

// HashFile reads the file at path, which may be relative, and returns its digests without any cache. Errors as for Sum.
func HashFile(ctx context.Context, path string) (Sum, error) {
	r := reading{path: path, old: entry{Stamp: Stamp{Size: -1}}, copies: noCopies{}, now: time.Now, pool: new(buffers)}
	sum, content, err := r.untilStill(ctx, Config{}.withDefaults().ChangeWait)
	content.Release()
	return sum, err
}

// trusts reports whether the digests of e stand for a file with that stamp, and are all that are wanted.
func (c *Cache) trusts(e *entry, stamp Stamp) bool {
	return e.trusts(stamp, c.cfg.Now()) && (e.hasBLAKE3() || c.cfg.BLAKE3 != Always)
}

func (c *Cache) entry(path string) (e entry, ok bool) {
	var key [folderIDSize + 64]byte
	var value [entrySize]byte
	b, ok := c.store.Get(filesTable, fileKey(key[:0], path), value[:0])
	return e, ok && e.decode(b)
}

// learn stores an entry and, where they are not stored already, the name of its folder and what finds its copies.
func (c *Cache) learn(path string, e *entry, known bool, source Source) {
	var (
		keyBuf [folderIDSize + 64]byte
		buf    [entrySize]byte
	)
	key := fileKey(keyBuf[:0], path)
	c.store.Put(filesTable, key, e.encode(buf[:0]))
	if !known {
		dir, _ := splitPath(path)
		c.store.Put(dirsTable, key[:folderIDSize], []byte(dir))
	}
	if e.Size >= minCopySize && source == Hashed && e.hasBLAKE3() {
		c.store.Put(copiesTable, copyKey(nil, e.Size, e.head, e.blake3), encodeCopy(e.sha256, e.written))
	}
}

// youth is how old an entry may get before a lookup renews it, so that pruning by age finds what is not in use. A
// month makes that a rare write.
const youth = 30 * 24 * time.Hour

func (c *Cache) keepYoung(path string, e *entry) {
	if now := c.cfg.Now(); now.UnixNano()-e.written > int64(youth) {
		// The entry is trusted now, so its contents are those of now.
		renewed := *e
		renewed.written = now.UnixNano()
		c.learn(path, &renewed, true, Cached)
	}
}
