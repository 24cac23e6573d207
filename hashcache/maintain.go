package hashcache

import (
	"context"
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
	count := func(table kv.Table, n *int, bytes *int64) error {
		return c.store.Each(table, 0, func(it kv.Item) error {
			*n++
			*bytes += int64(it.Size)
			return ctx.Err()
		})
	}
	return s, errors.Join(err, count(dirsTable, &s.Folders, new(int64)), count(factsTable, &s.Facts, &s.FactsBytes))
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

// Verify judges every entry, with contents set by reading the files themselves, and calls report for each. It returns how many there are of each verdict. Errors: a cache file that is damaged or
// held by another program, and that of ctx.
func (c *Cache) Verify(ctx context.Context, contents bool, report func(path string, v Verdict)) (map[Verdict]int, error) {
	count := make(map[Verdict]int)
	if err := c.store.Flush(ctx); err != nil {
		return count, err
	}
	folders := folderNames{cache: c}
	err := c.store.Each(filesTable, -1, func(it kv.Item) error {
		path, e, ok := folders.entry(it)
		verdict := Damaged
		if ok {
			verdict = e.verify(ctx, path, contents)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if verdict == Damaged || verdict == Wrong {
			c.store.Delete(filesTable, it.Key)
		}
		count[verdict]++
		report(path, verdict)
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
	if err := c.store.Flush(ctx); err != nil {
		return done, err
	}
	before, _, err := c.store.Size()
	if err != nil {
		return done, err
	}
	now := c.cfg.Now().UnixNano()
	tooOld := func(written int64) bool { return opt.OlderThan > 0 && now-written > int64(opt.OlderThan) }
	// prune deletes what is not to be kept. It writes the deletions now and then, so that they stay few in memory.
	prune := func(table kv.Table, head int, count *int, keep func(kv.Item) bool) error {
		return c.store.Each(table, head, func(it kv.Item) error {
			if keep(it) {
				return ctx.Err()
			}
			c.store.Delete(table, it.Key)
			if *count++; *count%10_000 == 0 {
				return c.store.Flush(ctx)
			}
			return ctx.Err()
		})
	}
	folders := folderNames{cache: c}
	used := make(map[string]bool) // folders that still have entries
	err = errors.Join(
		prune(filesTable, -1, &done.Files, func(it kv.Item) bool {
			path, e, ok := folders.entry(it)
			if !ok || tooOld(e.written) {
				return false
			}
			if _, err := os.Lstat(path); opt.Vanished && vanished(err) {
				return false
			}
			used[string(it.Key[:folderIDSize])] = true
			return true
		}),
		prune(dirsTable, 0, &done.Folders, func(it kv.Item) bool { return used[string(it.Key)] }),
		prune(factsTable, 8, &done.Facts, func(it kv.Item) bool { return !tooOld(factWritten(it)) }),
		c.store.Flush(ctx))
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

// folderNames finds the paths of files. It remembers one folder, since the files of one lie side by side.
type folderNames struct {
	cache *Cache
	id    [folderIDSize]byte
	dir   string
	known bool
}

// entry returns the path and the entry of an item of the table of files. It reports false for a damaged one,
// and for one whose folder is not known.
func (f *folderNames) entry(it kv.Item) (path string, e entry, ok bool) {
	if len(it.Key) <= folderIDSize {
		return "", e, false
	}
	if id := [folderIDSize]byte(it.Key); id != f.id || !f.known {
		dir, ok := f.cache.store.Get(dirsTable, id[:], nil)
		f.id, f.dir, f.known = id, string(dir), ok
	}
	ok = f.known && it.Sound && e.decode(it.Value)
	return f.dir + string(it.Key[folderIDSize:]), e, ok
}
