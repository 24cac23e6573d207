package hashcache

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/flsync/flsync/hashcache/internal/kv"
)

// Stats counts what a cache holds.
type Stats struct {
	Path           string    `json:"path"`
	FileBytes      int64     `json:"file_bytes"` // of the cache file
	FreeBytes      int64     `json:"free_bytes"` // of these, unused
	Files          int       `json:"files"`
	ContentBytes   int64     `json:"content_bytes"` // sum of the sizes of these files
	Folders        int       `json:"folders"`
	Facts          int       `json:"facts"`
	FactsBytes     int64     `json:"facts_bytes"`
	Damaged        int       `json:"damaged"` // entries that do not agree with their checksum; they are not used
	Oldest, Newest time.Time `json:"-"`       // when entries of files were written; zero if there are none
}

// Stats reads the whole cache. Call Flush before it to have this run's entries counted.
func (c *Cache) Stats(ctx context.Context) (s Stats, err error) {
	s.Path = c.Path()
	if s.FileBytes, s.FreeBytes, err = c.store.Size(); err != nil {
		return s, err
	}
	err = c.store.Each(filesTable, -1, func(it kv.Item) error {
		var e entry
		if !it.Sound || !e.decode(it.Value) {
			s.Damaged++
			return ctx.Err()
		}
		s.Files++
		s.ContentBytes += e.Size
		written := time.Unix(0, e.written)
		if s.Oldest.IsZero() || written.Before(s.Oldest) {
			s.Oldest = written
		}
		if written.After(s.Newest) {
			s.Newest = written
		}
		return ctx.Err()
	})
	count := func(n *int, bytes *int64) func(kv.Item) error {
		return func(it kv.Item) error {
			*n++
			*bytes += int64(it.Size)
			return ctx.Err()
		}
	}
	var ignored int64
	return s, errors.Join(err,
		c.store.Each(dirsTable, 0, count(&s.Folders, &ignored)),
		c.store.Each(factsTable, 0, count(&s.Facts, &s.FactsBytes)))
}

// Verdict is what Verify found out about one entry.
type Verdict string

const (
	Good       Verdict = "good"       // the contents have these digests
	Unchecked  Verdict = "unchecked"  // the stamp agrees; the contents were not read
	Outdated   Verdict = "outdated"   // the file has changed since; the entry would not have been used
	Vanished   Verdict = "vanished"   // there is no such file any more
	Unreadable Verdict = "unreadable" // the file cannot be read
	Wrong      Verdict = "wrong"      // the stamp agrees, the contents do not: the entry would have been used. It is deleted.
	Damaged    Verdict = "damaged"    // the entry does not agree with its checksum. It is deleted.
)

// Verify judges every entry, with contents set by reading the files themselves, and calls report, which may
// be nil, for each. It returns how many there are of each verdict. Errors: a cache file that is damaged or
// held by another program, and that of ctx.
func (c *Cache) Verify(ctx context.Context, contents bool, report func(path string, v Verdict)) (map[Verdict]int, error) {
	count := make(map[Verdict]int)
	if err := c.store.Flush(ctx); err != nil {
		return count, err
	}
	folders := folderNames{cache: c}
	err := c.store.Each(filesTable, -1, func(it kv.Item) error {
		path, known := folders.path(it.Key)
		verdict := Damaged
		var e entry
		if known && it.Sound && e.decode(it.Value) {
			verdict = e.verify(ctx, path, contents)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if verdict == Damaged || verdict == Wrong {
			c.store.Delete(filesTable, it.Key)
		}
		count[verdict]++
		if report != nil {
			report(path, verdict)
		}
		return nil
	})
	return count, errors.Join(err, c.store.Flush(ctx))
}

func (e *entry) verify(ctx context.Context, path string, contents bool) Verdict {
	stamp, err := StampAt(path)
	switch {
	case vanished(err):
		return Vanished
	case err != nil:
		return Unreadable
	case stamp != e.Stamp:
		return Outdated
	case !contents:
		return Unchecked
	}
	sum, err := HashFile(ctx, path)
	switch {
	case err != nil:
		return Unreadable
	case sum.Stamp != e.Stamp:
		return Outdated
	case sum.SHA256 != e.sha256 || e.hasBLAKE3() && sum.BLAKE3 != e.blake3:
		return Wrong
	}
	return Good
}

func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// PruneOptions selects what Prune removes.
type PruneOptions struct {
	// OlderThan removes what was neither written nor renewed for so long; entries in use are renewed once a
	// month. 0: age does not matter.
	OlderThan time.Duration
	// Vanished removes the entries of files that are no longer there. Those of a disk that is not mounted are
	// among them.
	Vanished bool
}

// Pruned counts what Prune removed.
type Pruned struct {
	Files      int   `json:"files"`
	Folders    int   `json:"folders"`
	Facts      int   `json:"facts"`
	FreedBytes int64 `json:"freed_bytes"` // by which the cache file got smaller
}

// Prune removes entries, and writes the cache file anew if more than half of it is free then.
func (c *Cache) Prune(ctx context.Context, opt PruneOptions) (done Pruned, err error) {
	p := pruning{
		Cache: c, ctx: ctx, opt: opt, now: c.cfg.Now().UnixNano(), done: &done,
		folders: make(map[[folderIDSize]byte]bool),
	}
	if err := c.store.Flush(ctx); err != nil {
		return done, err
	}
	before, _, err := c.store.Size()
	if err != nil {
		return done, err
	}
	err = errors.Join(p.files(), p.dirs(), p.facts(), c.store.Flush(ctx))
	if err != nil {
		return done, err
	}
	if total, free, err := c.store.Size(); err == nil && free > total/2 {
		if err := c.store.Compact(); err != nil {
			return done, err
		}
	}
	after, _, err := c.store.Size()
	done.FreedBytes = max(0, before-after)
	return done, err
}

type pruning struct {
	*Cache
	ctx     context.Context
	opt     PruneOptions
	now     int64
	done    *Pruned
	deleted int
	folders map[[folderIDSize]byte]bool // that still have entries
}

func (p *pruning) files() error {
	folders := folderNames{cache: p.Cache}
	return p.store.Each(filesTable, -1, func(it kv.Item) error {
		path, known := folders.path(it.Key)
		var e entry
		if known && it.Sound && e.decode(it.Value) && !p.tooOld(e.written) && !p.gone(path) {
			p.folders[[folderIDSize]byte(it.Key)] = true
			return p.ctx.Err()
		}
		return p.drop(filesTable, it.Key, &p.done.Files)
	})
}

func (p *pruning) dirs() error {
	return p.store.Each(dirsTable, 0, func(it kv.Item) error {
		if len(it.Key) == folderIDSize && p.folders[[folderIDSize]byte(it.Key)] {
			return p.ctx.Err()
		}
		return p.drop(dirsTable, it.Key, &p.done.Folders)
	})
}

func (p *pruning) facts() error {
	return p.store.Each(factsTable, 8, func(it kv.Item) error {
		if len(it.Value) == 8 && !p.tooOld(int64(binary.LittleEndian.Uint64(it.Value))) {
			return p.ctx.Err()
		}
		return p.drop(factsTable, it.Key, &p.done.Facts)
	})
}

func (p *pruning) tooOld(written int64) bool {
	return p.opt.OlderThan > 0 && p.now-written > int64(p.opt.OlderThan)
}

func (p *pruning) gone(path string) bool {
	if !p.opt.Vanished {
		return false
	}
	_, err := os.Lstat(path)
	return vanished(err)
}

// drop deletes a key, and now and then writes the deletions, so that they stay few in memory.
func (p *pruning) drop(table kv.Table, key []byte, count *int) error {
	p.store.Delete(table, key)
	*count++
	if p.deleted++; p.deleted%10_000 == 0 {
		return p.store.Flush(p.ctx)
	}
	return p.ctx.Err()
}

// folderNames turns keys of files into paths. It remembers one folder, since those of one lie side by side.
type folderNames struct {
	cache *Cache
	id    [folderIDSize]byte
	dir   string
	known bool
}

func (f *folderNames) path(key []byte) (path string, known bool) {
	if len(key) <= folderIDSize {
		return "", false
	}
	if id := [folderIDSize]byte(key); id != f.id || !f.known {
		dir, ok := f.cache.store.Get(dirsTable, id[:], nil)
		f.id, f.dir, f.known = id, string(dir), ok
	}
	return f.dir + string(key[folderIDSize:]), f.known
}
