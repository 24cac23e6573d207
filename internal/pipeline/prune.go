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

// PruneStorage removes from the farm's storage what copies left there and nothing uses: folders of jobs that
// the Manager no longer has, contents that no folder lists, and what killed runs left. With synced not 0,
// folders go, too, that no sync has made or used for so long and no job names. Whatever is younger than an
// hour stays, and so does everything that flsync did not make, or made for a Manager with another URL. Each
// removed folder is reported. The error wraps [ErrUnsupported] if the storage is not mounted here.
func PruneStorage(ctx context.Context, env Env, synced time.Duration) (Pruned, error) {
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
	p := &pruning{
		env: env, pool: &pool{dir: here}, limit: now.Add(-pruneGrace), syncLimit: now.Add(-max(synced, pruneGrace)),
		head: listHead(env.Manager.URL()), done: &done, used: make(map[string]bool),
	}
	// Folders are listed before jobs: whatever gets its job meanwhile is too young to go.
	made, err := p.folders(jobsFolder, p.limit)
	if err != nil {
		return done, err
	}
	bySync, err := p.folders(syncFolder, p.syncLimit)
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
		for _, value := range j.Settings { // somebody may have given a job a synced folder
			if text, ok := value.(string); ok && strings.HasPrefix(text, "{jobs}/"+syncFolder+"/") {
				name, _, _ := strings.Cut(strings.TrimPrefix(text, "{jobs}/"+syncFolder+"/"), "/")
				has[path.Join(syncFolder, name)] = true
			}
		}
	}
	if synced > 0 {
		made = append(made, bySync...)
		bySync = nil
	}
	for _, f := range made {
		if f.old && !has[path.Join(f.parent, f.name)] {
			err = errors.Join(err, p.removeFolder(f))
		} else {
			err = errors.Join(err, p.use(f))
		}
	}
	for _, f := range bySync {
		err = errors.Join(err, p.use(f))
	}
	if err != nil { // what an unread list names must stay
		return done, err
	}
	return done, p.contents(ctx)
}

// storageTime returns the time on the clock of the file system at dir, which may not agree with this
// machine's. A dry run writes nothing, and takes this machine's.
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
	env  Env
	pool *pool
	head string // of the lists of this Manager's folders
	done *Pruned
	used map[string]bool // names of contents

	limit, syncLimit time.Time // what is older than this may go
}

// madeFolder is a folder with a list beside it, or such a list alone.
type madeFolder struct {
	parent, name string
	old          bool
}

// folders returns the folders that flsync made in one below the storage, and removes what killed runs left
// there. A folder is old if its list was last written before limit.
func (p *pruning) folders(in string, limit time.Time) (made []madeFolder, err error) {
	entries, err := os.ReadDir(p.pool.at(in))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		name, isList := strings.CutSuffix(e.Name(), listSuffix)
		switch {
		case strings.HasPrefix(e.Name(), unfinished):
			if at := p.pool.at(in, e.Name()); allBefore(at, p.limit) {
				err = errors.Join(err, p.remove(at, 0))
			}
		case isList && e.Type().IsRegular():
			made = append(made, madeFolder{in, name, before(e, limit)})
		}
	}
	return made, err
}

// before reports whether something was last written before limit.
func before(e fs.DirEntry, limit time.Time) bool {
	info, err := e.Info()
	return err == nil && info.ModTime().Before(limit)
}

// allBefore reports whether all in a folder was last written before limit. A folder that a run still fills
// has something younger, deep in it. A hard link keeps the time of its file, and gives the folder that it is
// in a new one.
func allBefore(folder string, limit time.Time) bool {
	err := filepath.WalkDir(folder, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !before(e, limit) {
			err = fs.ErrExist
		}
		return err
	})
	return err == nil
}

// use reads the list of a folder that stays.
func (p *pruning) use(f madeFolder) error {
	text, err := os.ReadFile(p.pool.at(f.parent, f.name+listSuffix))
	if err != nil {
		return err
	}
	for name := range strings.Lines(string(text)) { // also of another Manager's
		p.used[strings.TrimSuffix(name, "\n")] = true
	}
	return nil
}

// removeFolder removes the folder of a job that is gone, and its list last, so that the next prune finds what
// a kill leaves. Nobody sees half a folder.
func (p *pruning) removeFolder(f madeFolder) error {
	list := p.pool.at(f.parent, f.name+listSuffix)
	if head, err := os.ReadFile(list); err != nil || !strings.HasPrefix(string(head), p.head) {
		return errors.Join(err, p.use(f)) // flsync did not make it, or for another Manager
	}
	if info, err := os.Lstat(list); err != nil || !info.ModTime().Before(p.limit) {
		return errors.Join(err, p.use(f)) // a run is about to submit its job
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
			if size, ours := contentSize(e.Name(), shard.Name()); ours && e.Type().IsRegular() && !p.used[e.Name()] && before(e, p.limit) {
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
