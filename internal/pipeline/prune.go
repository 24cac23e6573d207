package pipeline

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// pruneGrace is how old something must be to be removed: a run may be about to submit the job of a folder.
const pruneGrace = time.Hour

// Pruned counts what [PruneStorage] removed, or would remove.
type Pruned struct {
	Folders int   `json:"folders"` // of jobs that are gone
	Files   int   `json:"files"`   // of the pool, and of runs that were killed
	Bytes   int64 `json:"bytes"`   // of those files
	DryRun  bool  `json:"dry_run"`
}

// PruneStorage removes from the farm's storage what copies left there and nothing uses: folders of jobs that the
// Manager no longer has, contents that no folder lists, and what killed runs left. Whatever is younger than an hour
// stays, and so does everything that flsync did not make. Each removed folder is reported. The error wraps
// [ErrUnsupported] if the storage is not mounted here.
func PruneStorage(ctx context.Context, env Env) (Pruned, error) {
	done := Pruned{DryRun: env.DryRun}
	farm, err := ask(ctx, env, env.Manager.Configuration)
	if err != nil {
		return done, err
	}
	env.Storage.Mode = StorageCopy
	_, here, err := chooseStorage(ctx, env, farm)
	if err != nil {
		return done, err
	}
	now, err := storageTime(here, env.DryRun)
	if err != nil {
		return done, &StorageError{here, err}
	}
	p := &pruning{env: env, pool: &pool{dir: here}, limit: now.Add(-pruneGrace), done: &done, used: make(map[string]bool)}
	// Folders are listed before jobs: whatever gets its job meanwhile is too young to go.
	jobs, err := p.folders(jobsFolder)
	if err != nil {
		return done, err
	}
	synced, err := p.folders(syncFolder)
	if err != nil {
		return done, err
	}
	list, err := ask(ctx, env, env.Manager.Jobs)
	if err != nil {
		return done, err
	}
	has := make(map[string]bool)
	for _, j := range list {
		has[j.Metadata[MetaCheckout]] = true
	}
	for _, f := range jobs {
		if f.old && !has[path.Join(jobsFolder, f.name)] {
			err = errors.Join(err, p.removeFolder(f))
		} else {
			err = errors.Join(err, p.use(f))
		}
	}
	for _, f := range synced {
		err = errors.Join(err, p.use(f))
	}
	if err != nil { // what an unread list names must stay
		return done, err
	}
	return done, p.contents(ctx)
}

// storageTime returns the time on the clock of the file system at dir, which may not agree with this machine's. A dry
// run writes nothing, and takes this machine's.
func storageTime(dir string, dryRun bool) (time.Time, error) {
	if dryRun {
		return time.Now(), nil
	}
	f, err := os.CreateTemp(dir, unfinished+"*")
	if err != nil {
		return time.Time{}, err
	}
	info, err := f.Stat()
	err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// pruning is a run of [PruneStorage].
type pruning struct {
	env   Env
	pool  *pool
	limit time.Time
	done  *Pruned
	used  map[string]bool // names of contents
}

// madeFolder is a folder with a list beside it, or such a list alone.
type madeFolder struct {
	parent, name string
	old          bool
}

// folders returns the folders that flsync made in one below the storage, and removes what killed runs left there.
func (p *pruning) folders(in string) (made []madeFolder, err error) {
	entries, err := os.ReadDir(p.pool.at(in))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		name, isList := strings.CutSuffix(e.Name(), listSuffix)
		switch {
		case strings.HasPrefix(e.Name(), unfinished):
			if p.isOld(e) {
				err = errors.Join(err, p.remove(p.pool.at(in, e.Name()), 0))
			}
		case isList && e.Type().IsRegular():
			made = append(made, madeFolder{in, name, p.isOld(e)})
		}
	}
	return made, err
}

// isOld reports whether something was last written before the hour of grace.
func (p *pruning) isOld(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && info.ModTime().Before(p.limit)
}

// use reads the list of a folder that stays.
func (p *pruning) use(f madeFolder) error {
	text, err := os.ReadFile(p.pool.at(f.parent, f.name+listSuffix))
	if err != nil {
		return err
	}
	names, ours := strings.CutPrefix(string(text), listHead)
	if ours {
		for name := range strings.Lines(names) {
			p.used[strings.TrimSuffix(name, "\n")] = true
		}
	}
	return nil
}

// removeFolder removes the folder of a job that is gone, and its list last, so that the next prune finds what a kill
// leaves. Nobody sees half a folder.
func (p *pruning) removeFolder(f madeFolder) error {
	list := p.pool.at(f.parent, f.name+listSuffix)
	if head, err := os.ReadFile(list); err != nil || !strings.HasPrefix(string(head), listHead) {
		return err
	}
	folder, going := p.pool.at(f.parent, f.name), p.pool.at(f.parent, unfinished+f.name)
	if _, err := os.Lstat(folder); err == nil {
		p.done.Folders++
		does := "removed"
		if p.env.DryRun {
			does = "would remove"
		}
		p.env.Sink.Emit(report.Note{Message: fmt.Sprintf("%s %s: no job has it", does, folder)})
	}
	if p.env.DryRun {
		return nil
	}
	if err := os.Rename(folder, going); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return errors.Join(os.RemoveAll(going), os.Remove(list))
}

// contents removes the contents of the pool that no folder lists.
func (p *pruning) contents(ctx context.Context) error {
	shards, err := os.ReadDir(p.pool.at(poolFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, shard := range shards {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(shard.Name()) != 2 || !shard.IsDir() {
			continue
		}
		dir := p.pool.at(poolFolder, shard.Name())
		entries, rerr := os.ReadDir(dir)
		err = errors.Join(err, rerr)
		for _, e := range entries {
			if size, ours := contentSize(e.Name(), shard.Name()); ours && e.Type().IsRegular() && !p.used[e.Name()] && p.isOld(e) {
				err = errors.Join(err, p.remove(filepath.Join(dir, e.Name()), size))
			}
		}
	}
	return err
}

// contentSize returns the size of a content of the pool that has this name, and whether it is such a name.
func contentSize(name, shard string) (int64, bool) {
	if strings.HasPrefix(name, unfinished) {
		return 0, true
	}
	sha, size, _ := strings.Cut(name, "-")
	n, err := strconv.ParseInt(size, 10, 64)
	_, herr := hex.DecodeString(sha)
	return n, err == nil && herr == nil && len(sha) == 64 && sha[:2] == shard
}

// remove removes a file, or the folder that a killed run left.
func (p *pruning) remove(path string, size int64) error {
	p.done.Files++
	p.done.Bytes += size
	if p.env.DryRun {
		return nil
	}
	return os.RemoveAll(path)
}
