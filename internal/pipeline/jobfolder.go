package pipeline

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/uploader"
)

// checkOut makes a folder of files, under a temporary name first, and a list of its contents for
// [PruneStorage].
func (p *pool) checkOut(ctx context.Context, requested string, files []api.ShamanFileSpec, record func(string) error) (string, error) {
	for _, f := range files {
		if err := uploader.CheckPath(f.Path); err != nil {
			return "", err
		}
	}
	again := p.folder == syncFolder
	folder := p.folderFor(requested, strings.ToLower(rand.Text()[:16]))
	if again {
		var ok bool
		if folder, ok = p.standing(requested, files); ok {
			return folder, nil
		}
	}
	if err := record(folder); err != nil {
		return "", err
	}
	err := p.makeFolder(ctx, p.at(folder), files)
	if err == nil || again && p.whole(folder, files) { // another run was faster
		p.count(func(s *uploader.Stats) { s.Checkouts++ })
		return folder, nil
	}
	if p.same() != nil || !p.writable() { // otherwise the file system does not take names of this job
		err = &StorageError{p.dir, err}
	}
	return "", err
}

// folderFor returns the folder of a checkout, below the storage.
func (p *pool) folderFor(requested, unique string) string {
	name := strings.ReplaceAll(uploader.CheckoutName(requested), "/", "_") + "-" + unique
	return path.Join(p.folder, name[max(0, len(name)-200):])
}

// standing returns the folder of a sync of files, and whether it is there, as it was made. Where somebody has
// changed one, the sync that follows makes another, which has a number behind its name and is found by those
// after it.
func (p *pool) standing(requested string, files []api.ShamanFileSpec) (folder string, ok bool) {
	name := p.folderFor(requested, digestOf(files))
	folder = name
	for n := 2; ; n++ {
		if _, err := os.Lstat(p.at(folder)); err != nil { // it gets its name when it is whole
			return folder, false
		}
		if p.whole(folder, files) {
			_, _ = p.keep(folder) // which only the account that made it may do
			return folder, true
		}
		folder = fmt.Sprint(name, "-", n)
	}
}

// countStored counts contents that were not put, because a folder has them.
func (p *pool) countStored(files []api.ShamanFileSpec) {
	seen := make(map[string]bool, len(files))
	var bytes int64
	for _, f := range files {
		if !seen[f.Sha] {
			seen[f.Sha] = true
			bytes += f.Size
		}
	}
	n := int64(len(seen))
	p.count(func(s *uploader.Stats) { s.Unique += n; s.UniqueBytes += bytes; s.Stored += n; s.StoredBytes += bytes })
	p.observer.Observe(uploader.Event{Kind: uploader.Checked, Blobs: n, Bytes: bytes})
}

// digestOf returns a name for files: a part of the SHA-256 of their paths and contents.
func digestOf(files []api.ShamanFileSpec) string {
	byPath := func(a, b api.ShamanFileSpec) int { return strings.Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(files, byPath) {
		files = slices.SortedFunc(slices.Values(files), byPath)
	}
	hash := sha256.New()
	var line []byte
	for i, f := range files {
		line = line[:0]
		if i > 0 {
			line = append(line, '\n')
		}
		line = append(append(append(line, f.Path...), 0), f.Sha...)
		hash.Write(strconv.AppendInt(append(line, '-'), f.Size, 10))
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// whole reports whether a folder of files, with its list, is there, and each file has its size. It lists each
// folder once, which takes less than to look at each path.
func (p *pool) whole(folder string, files []api.ShamanFileSpec) bool {
	if _, err := os.Lstat(p.at(folder + listSuffix)); err != nil {
		return false
	}
	sizes := make(map[string]map[string]int64) // by folder and name
	for _, f := range files {
		dir, name := path.Split(f.Path)
		if sizes[dir] == nil {
			sizes[dir] = make(map[string]int64)
		}
		sizes[dir][name] = f.Size
	}
	var group errgroup.Group
	group.SetLimit(copiesAtOnce)
	for dir, sizes := range sizes {
		group.Go(func() error {
			if listed, err := os.Open(p.at(folder, dir)); err == nil {
				_, _ = openfile.List(listed, dir, -1, func(name string, info fs.FileInfo, err error) {
					if size, wanted := sizes[name]; wanted && err == nil && info.Mode().IsRegular() && info.Size() == size {
						delete(sizes, name)
					}
				})
				_ = listed.Close()
			}
			for name, size := range sizes { // listed in another spelling, or with an old size
				if info, err := os.Lstat(p.at(folder, dir, name)); err != nil || !info.Mode().IsRegular() || info.Size() != size {
					return fs.ErrNotExist
				}
			}
			return nil
		})
	}
	return group.Wait() == nil
}

// keep makes a folder young for [PruneStorage], which takes an old one without a job for one that nobody
// needs.
func (p *pool) keep(folder string) (there bool, err error) {
	now, err := storageTime(p.at(p.folder), false)
	if err == nil {
		err = os.Chtimes(p.at(folder+listSuffix), now, now)
	}
	if err == nil {
		_, err = os.Lstat(p.at(folder))
	}
	if serr := p.same(); serr != nil {
		return false, &StorageError{p.dir, serr}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// writable reports whether the storage still takes a small file.
func (p *pool) writable() bool {
	probe := p.at(p.folder, unfinished+rand.Text())
	err := os.WriteFile(probe, make([]byte, 64<<10), 0o600)
	return errors.Join(err, os.Remove(probe)) == nil
}

// makeFolder makes the folder final. Its first name is new each time: a run that was killed in a sync of the
// same files left another, and one that is at work now has its own.
func (p *pool) makeFolder(ctx context.Context, final string, files []api.ShamanFileSpec) (err error) {
	temp := filepath.Join(filepath.Dir(final), unfinished+rand.Text())
	if err = p.same(); err == nil {
		err = p.mkdir(temp)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(temp) // prune removes it else
		}
	}()
	if err := p.fill(ctx, temp, files); err != nil {
		return err
	}
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = contentName(f.Sha, f.Size) + "\n"
	}
	slices.Sort(list)
	text := listHead(p.manager) + strings.Join(slices.Compact(list), "")
	if err := p.writeWhole(final+listSuffix, strings.NewReader(text), int64(len(text)), nil); err != nil {
		return err
	}
	if err := p.same(); err != nil {
		return err
	}
	return os.Rename(temp, final)
}

// fill puts files into a folder.
func (p *pool) fill(ctx context.Context, dir string, files []api.ShamanFileSpec) error {
	made := make(map[string]bool)
	for _, f := range files {
		if parent := filepath.Join(dir, filepath.FromSlash(path.Dir(f.Path))); !made[parent] {
			if err := p.mkdir(parent); err != nil {
				return err
			}
			made[parent] = true
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	for _, f := range files {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			to := filepath.Join(dir, filepath.FromSlash(f.Path))
			err := p.link(f, to)
			if errors.Is(err, fs.ErrNotExist) { // the pool was pruned since
				if err = p.restore(ctx, f); err == nil {
					err = p.link(f, to)
				}
			}
			if errors.Is(err, fs.ErrExist) {
				err = errors.New("the farm's storage takes it for another file of the job, whose name differs in case or in the form of its letters: rename one of them")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// link gives a content of the pool a name in a job's folder: by a hard link, or by a copy where there are
// none, which the kernel makes a clone where the file system has those. A content may also have as many links
// as it can have.
func (p *pool) link(f api.ShamanFileSpec, to string) error {
	from := p.contentPath(contentName(f.Sha, f.Size))
	p.mu.Lock()
	noLinks := p.noLinks
	p.mu.Unlock()
	if !noLinks {
		err := p.hardLink(from, to)
		p.mu.Lock()
		p.linked = p.linked || err == nil
		p.noLinks = err != nil && !p.linked && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist)
		p.mu.Unlock()
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	return p.copyTo(to, source, f.Size, nil)
}

// restore puts a content into the pool again.
func (p *pool) restore(ctx context.Context, f api.ShamanFileSpec) error {
	b, err := p.reopen(f)
	if err != nil {
		return err
	}
	defer release(b)
	return p.take(ctx, b, new(shard), p.contentPath(contentName(f.Sha, f.Size)))
}
