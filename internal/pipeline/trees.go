package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/uploader"
)

// A treeFile is one file of a sync whose digest is known. Of a million files, this is what is kept: some 90
// bytes each.
type treeFile struct {
	folder *treeFolder
	name   string
	digest [32]byte // SHA-256
	size   int64    // bytes
}

// A treeFolder is where files lie on this machine and in the checkout; both end with a separator, or are "".
type treeFolder struct {
	source, checkout string
	renamed          string // if set, the folder is that of one file, which has this path in the checkout
}

func (f *treeFile) source() string { return f.folder.source + f.name }

func (f *treeFile) checkoutPath() string {
	return cmp.Or(f.folder.renamed, f.folder.checkout+f.name)
}

// compare orders files by their path in the checkout. It seldom puts the paths together.
func (f *treeFile) compare(g *treeFile) int {
	a, b := f.folder.checkout, g.folder.checkout
	n := min(len(a), len(b))
	if f.folder.renamed+g.folder.renamed != "" {
		return strings.Compare(f.checkoutPath(), g.checkoutPath())
	}
	return cmp.Or(strings.Compare(a[:n], b[:n]), strings.Compare(a[n:]+f.name, b[n:]+g.name))
}

// trees are the files of a sync.
type trees struct {
	run  *run
	late bool // files whose digest the cache has wait for sendLate

	mu      sync.Mutex
	files   []*treeFile
	folders map[string]*treeFolder // by source
	waiting []lateFile
	sending []sending
	sweepAt int // length of sending at which those that are stored are dropped
}

// sending is a file on its way to the store.
type sending struct {
	*treeFile
	pending pending
}

// A lateFile waits for sendLate.
type lateFile struct {
	*treeFile
	stamp hashcache.Stamp
}

// hash walks roots and hashes every file in them while the walk goes on. Each file goes to the store as soon
// as its digest is known, but for those that wait for sendLate.
func (t *trees) hash(ctx context.Context, roots []string, base string, exclude *gate.Patterns) error {
	r := t.run
	working, stop := context.WithCancel(ctx)
	defer stop()
	pool := newHashPool(r.env.hashWorkers())
	defer pool.close()
	for _, root := range roots {
		prefix := below(base, root)
		if err := r.admit(root); err != nil {
			return err
		}
		err := walk.Walk(working, walk.Options{Root: root, Exclude: exclude, Prefix: prefix, Warn: r.walkWarning, Parallel: true}, func(w walk.File) error {
			r.meter.foundFile(w.Info.Size())
			at := path.Join(prefix, w.Rel)
			if w.Path == root { // a single file
				at = prefix
			}
			if err := uploader.CheckPath(at); err != nil { // one odd name is no reason to send nothing
				r.fileFailed(w.Path, err)
				return nil
			}
			if sum, cached := r.env.Cache.Lookup(w.Path, w.Info); cached {
				r.meter.hashedFile(sum)
				t.add(working, w.Path, at, sum, nil)
				return nil
			}
			return pool.add(working, func() {
				r.sender.awaitRoom(working, w.Info.Size())
				sum, content, err := r.sender.readDigest(working, w.Path, w.Info)
				if err == nil {
					t.add(working, w.Path, at, sum, content)
				} else if working.Err() == nil {
					r.fileFailed(w.Path, err)
				}
			})
		})
		if err = r.incomplete(err); err != nil {
			stop()
			return err
		}
	}
	return nil
}

// add adds a file whose digest is known. content is what was read of it, nil for one that is not in memory.
func (t *trees) add(ctx context.Context, source, checkoutPath string, sum hashcache.Sum, content *hashcache.Content) {
	dir, name := filepath.Split(source)
	at, asOnDisk := strings.CutSuffix(checkoutPath, name)
	f := &treeFile{name: strings.Clone(name), digest: sum.SHA256, size: sum.Stamp.Size}
	late := t.late && !sum.Source.Read()
	t.mu.Lock()
	if f.folder = t.folders[dir]; !asOnDisk {
		f.folder = &treeFolder{source: dir, renamed: checkoutPath}
	} else if f.folder == nil || f.folder.checkout != at {
		f.folder = &treeFolder{source: strings.Clone(dir), checkout: strings.Clone(at)}
		t.folders[f.folder.source] = f.folder
	}
	t.files = append(t.files, f)
	if late {
		t.waiting = append(t.waiting, lateFile{f, sum.Stamp})
	}
	t.mu.Unlock()
	if !late {
		t.put(ctx, f, sum.Stamp, content)
	}
}

// put hands a file to the store, unless the store has it.
func (t *trees) put(ctx context.Context, f *treeFile, stamp hashcache.Stamp, content *hashcache.Content) {
	if t.run.store.has(f.digest, f.size) {
		t.run.sender.drop(content)
		return
	}
	p := t.run.store.put(ctx, t.run.sender.blob(f.source(), hex.EncodeToString(f.digest[:]), stamp, content))
	if p.Stored() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.sending) >= t.sweepAt {
		t.sending = slices.DeleteFunc(t.sending, func(s sending) bool { return s.pending.Stored() })
		t.sweepAt = 2*len(t.sending) + 4096
	}
	t.sending = append(t.sending, sending{f, p})
}

// sendLate sends the files that wait for it.
func (t *trees) sendLate(ctx context.Context) {
	for _, f := range t.waiting {
		t.put(ctx, f.treeFile, f.stamp, nil)
	}
	t.waiting = nil
}

// isStanding reports whether an earlier sync of the same files has left a folder that nobody has changed. It
// is then the checkout of this one.
func (t *trees) isStanding(ctx context.Context, copies *pool, name string) bool {
	specs := t.specs()
	folder, ok := copies.standing(name, specs)
	if ok {
		copies.countStored(specs)
		t.run.meter.toCheckout.Add(1)
		t.run.checkedOut(ctx, name, folder, len(specs), t.paths)
	}
	return ok
}

// store waits until the store has the files, and drops those that it has not, which it reports. The error is
// about the run as a whole.
func (t *trees) store(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := t.run.store.flush(ctx); err != nil {
		return err
	}
	lost := make(map[*treeFile]bool)
	for _, sent := range t.sending {
		err := t.waitStored(ctx, sent)
		if err == nil {
			continue
		}
		if abortsRun(ctx, err) {
			return err
		}
		t.run.fileFailed(sent.source(), err)
		lost[sent.treeFile] = true
	}
	t.files = slices.DeleteFunc(t.files, func(f *treeFile) bool { return lost[f] })
	return nil
}

// waitStored is [sender.waitStored] for a file of a tree.
func (t *trees) waitStored(ctx context.Context, f sending) error {
	for try := 1; ; try++ {
		err := f.pending.Wait(ctx)
		if !errors.Is(err, uploader.ErrChanged) || try == changeTries {
			return err
		}
		sum, content, err := t.run.sender.hashAgain(ctx, f.source())
		if err != nil {
			return err
		}
		f.digest, f.size = sum.SHA256, sum.Stamp.Size
		f.pending = t.run.store.put(ctx, t.run.sender.blob(f.source(), hex.EncodeToString(f.digest[:]), sum.Stamp, content))
	}
}

// specs sorts the files by their path in the checkout and describes them.
func (t *trees) specs() []api.ShamanFileSpec {
	slices.SortFunc(t.files, (*treeFile).compare)
	specs := make([]api.ShamanFileSpec, len(t.files))
	var digits strings.Builder // one piece of memory for all digests
	digits.Grow(hex.EncodedLen(sha256.Size) * len(specs))
	for i, f := range t.files {
		var sha [2 * sha256.Size]byte
		hex.Encode(sha[:], f.digest[:])
		digits.Write(sha[:])
		specs[i] = api.ShamanFileSpec{Path: f.checkoutPath(), Size: f.size, Sha: digits.String()[digits.Len()-len(sha):]}
	}
	return specs
}

// paths yields where each file lies, and its path in the checkout.
func (t *trees) paths(yield func(source, checkoutPath string) bool) {
	for _, f := range t.files {
		if !yield(f.source(), f.checkoutPath()) {
			return
		}
	}
}

// sent yields the files by their digest.
func (t *trees) sent(yield func(digest [32]byte, source string) bool) {
	for _, f := range t.files {
		if !yield(f.digest, f.source()) {
			return
		}
	}
}

// composed gives files the NFC form of their paths in the checkout, if their disk ignores the form of
// Unicode: it may list names in NFD that blend files and the farm have in NFC. Of files that would have one
// path then, it warns, and their paths stay.
func (t *trees) composed(names place.Rules) {
	if !names.Form {
		return
	}
	count := make(map[string]int)
	for _, at := range t.paths {
		count[norm.NFC.String(at)]++
	}
	for _, f := range t.files {
		at := f.checkoutPath()
		switch form := norm.NFC.String(at); {
		case form == at:
		case count[form] == 1:
			f.folder = &treeFolder{source: f.folder.source, renamed: form}
		default:
			t.run.env.Sink.Emit(report.Warning{Code: "name-clash", Path: f.source(),
				Message: "the name is sent as the disk lists it, because another file has it in Unicode's form NFC, which farms have"})
		}
	}
}
