package walk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"unicode/utf8"
)

// dir is a folder of the tree.
type dir struct {
	path   string // as it is listed, under links that led to it
	parent *dir
	origin *origin
	rules  *rules

	mu    sync.Mutex
	names []uint64 // foldHash of each name that is listed: 8 bytes each, so that a folder of millions can be checked
}

// origin is the root, or a link to a folder: what is below listed lies below real.
type origin struct{ listed, real string }

// real is the path of the folder without links.
func (d *dir) real() string { return d.origin.real + d.path[len(d.origin.listed):] }

// child is a folder in d.
func (d *dir) child(path string) *dir {
	return &dir{path: path, parent: d, origin: d.origin, rules: d.rules}
}

// item is one name in a folder; an entry is that with what else a system says of it.
type item struct {
	path string
	name string
	mode fs.FileMode // type bits; fs.ModeIrregular if the folder does not tell
}

// batch is what a worker has in hand.
type batch struct {
	entries []entry
	files   []File
	raw     []byte
}

// shared counts who uses an open folder: the chain of its readings, and the batches that came from it.
type shared struct {
	users atomic.Int32
	close func()
}

func (s *shared) release() {
	if s.users.Add(-1) == 0 {
		s.close()
	}
}

// do reads a part of a folder and lists what it finds. If the folder goes on, another worker may read on meanwhile.
func (w *walker) do(t task, b *batch) {
	d, r := t.dir, t.reader
	first := r == nil
	if first {
		if d.origin.listed != w.root && !w.countLinked() {
			w.miss(CodeTooManyLinks, d.path, fmt.Errorf("more than %d folders are reached through links; they are not followed any more", w.opt.MaxLinked))
			return
		}
		var err error
		if r, err = openReader(d.path, d.real()); err != nil {
			w.trouble(d.path, err)
			return
		}
		r.users.Store(1)
	}
	end, err := r.next(b)
	if err != nil {
		w.trouble(d.path, err)
		end = true
	}
	if first {
		if err := w.readRules(d, b.entries, end); err != nil {
			w.miss(CodeUnreadable, d.path, fmt.Errorf("it is left out, because its rules of what to leave out cannot be read: %w", err))
			r.release()
			return
		}
	}
	if !end {
		r.users.Add(1)
		w.push(task{d, r})
	}
	w.list(d, r, b)
	r.release()
	if end {
		w.reportClashes(d)
	}
}

// list sends subfolders to the workers and files to the caller.
func (w *walker) list(d *dir, r *reader, b *batch) {
	var below []task
	rest := b.entries[:0]
	names := make([]uint64, 0, len(b.entries))
	for _, e := range b.entries {
		if e.mode == fs.ModeIrregular {
			info, err := r.lstat(e)
			if err != nil {
				w.trouble(e.path, err)
				continue
			}
			e.mode = info.Mode().Type()
		}
		if w.isOut(d, e.path, e.name, e.mode.IsDir()) || !w.canBeSent(d, e) {
			continue
		}
		names = append(names, foldHash(e.name))
		if e.mode.IsDir() {
			below = append(below, task{dir: d.child(e.path)})
		} else {
			rest = append(rest, e)
		}
	}
	d.mu.Lock()
	d.names = append(d.names, names...)
	d.mu.Unlock()
	w.push(below...)

	b.files = b.files[:0]
	for _, e := range rest {
		switch e.mode {
		case 0:
			info, err := r.lstat(e)
			if err != nil {
				w.trouble(e.path, err)
			} else if !info.Mode().IsRegular() {
				w.warn(CodeVanished, e.path, "it was a file a moment ago, and is not sent")
			} else {
				b.files = append(b.files, File{Path: e.path, Rel: w.rel(e.path), Info: info})
			}
		case fs.ModeSymlink:
			w.follow(d, e, b)
		default:
			w.warn(CodeSpecial, e.path, "it is no file ("+kind(e.mode)+"), and is not sent")
		}
	}
	w.emit(b.files)
	clear(b.files)
	clear(b.entries)
}

func (w *walker) rel(path string) string { return filepath.ToSlash(path[w.start:]) }

// isOut reports whether a rule leaves the path out.
func (w *walker) isOut(d *dir, path, name string, isDir bool) bool {
	if len(w.opt.Exclude) > 0 && w.excluded(w.rel(path), name, isDir) {
		return true
	}
	if d.rules != nil {
		if out, decided := d.rules.judge(w.rel(path), isDir); decided {
			return out
		}
	}
	return leftOut(name, isDir)
}

// canBeSent reports names that no Manager must get.
func (w *walker) canBeSent(d *dir, e entry) bool {
	switch {
	case !utf8.ValidString(e.name):
		w.miss(CodeNameEncoding, e.path, errors.New("its name is not valid UTF-8, so it cannot be sent; rename it"))
		return false
	case strings.IndexByte(e.name, '\\') >= 0, d.parent == nil && len(e.name) > 1 && e.name[1] == ':':
		if err := CheckRel(w.rel(e.path)); err != nil {
			w.miss(CodeNameUnsafe, e.path, fmt.Errorf("%w; rename it", err))
			return false
		}
	case maxPath > 0 && len(e.path) > maxPath:
		w.miss(CodePathTooLong, e.path, fmt.Errorf("the path has %d bytes, the system opens %d at most", len(e.path), maxPath))
		return false
	}
	if w.opt.WindowsNames {
		if problem := WindowsProblem(e.name); problem != "" {
			w.warn(CodeNameWindows, e.path, problem)
		}
	}
	return true
}

// follow lists what a link leads to; see the package comment.
func (w *walker) follow(d *dir, e entry, b *batch) {
	info, err := os.Stat(e.path)
	var real string
	if err == nil {
		real, err = filepath.EvalSymlinks(e.path)
	}
	switch {
	case errors.Is(err, syscall.ELOOP):
		w.warn(CodeLoop, e.path, "the link leads back to itself, and is not followed")
		return
	case errors.Is(err, fs.ErrNotExist):
		w.warn(CodeLinkBroken, e.path, "the link's target does not exist")
		return
	case err != nil:
		w.trouble(e.path, err)
		return
	case !within(w.realRoot, real, filepath.Separator):
		w.warn(CodeLinkOutside, e.path, "the link leads out of the tree, to "+real+", and is not followed")
		return
	case info.Mode().IsRegular():
		b.files = append(b.files, File{Path: e.path, Rel: w.rel(e.path), Info: info, Target: real})
		return
	case !info.IsDir():
		w.warn(CodeSpecial, e.path, "the link leads to no file ("+kind(info.Mode().Type())+"), and is not sent")
		return
	}
	if w.isOut(d, e.path, e.name, true) {
		return
	}
	for up := d; up != nil; up = up.parent {
		if up.real() == real {
			w.warn(CodeLoop, e.path, "the link leads to "+up.path+", which it lies in, and is not followed")
			return
		}
	}
	linked := d.child(e.path)
	linked.origin = &origin{listed: e.path, real: real}
	w.push(task{dir: linked})
}

// countLinked reports whether one more folder may be listed under a link.
func (w *walker) countLinked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linked++
	return w.linked <= w.opt.MaxLinked
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return mode.String()
}

// readRules reads the folder's ignore file, if there is one. Entries are its first names, and all of them if whole is set.
func (w *walker) readRules(d *dir, entries []entry, whole bool) error {
	if whole && !slices.ContainsFunc(entries, func(e entry) bool { return e.name == IgnoreFile }) {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(d.real(), IgnoreFile), openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxIgnoreFile+1))
	if err != nil {
		return err
	}
	if len(text) > maxIgnoreFile {
		return fmt.Errorf("%s is larger than %d bytes", file.Name(), maxIgnoreFile)
	}
	base := ""
	if d.path != w.root {
		base = w.rel(d.path) + "/"
	}
	d.rules = parseRules(text, base, d.rules)
	return nil
}

// reportClashes looks for names that some file systems take for the same. The names themselves are read again, since it is rare.
func (w *walker) reportClashes(d *dir) {
	d.mu.Lock()
	names := d.names
	d.names = nil
	d.mu.Unlock()
	slices.Sort(names)
	twice := make(map[uint64]bool)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			twice[names[i]] = true
		}
	}
	if len(twice) == 0 || w.failed() {
		return
	}
	r, err := openReader(d.path, d.real())
	if err != nil {
		return // it has been read; what it said is no longer true
	}
	r.users.Store(1)
	defer r.release()
	groups := make(map[string][]string)
	b := newBatch()
	for end := false; !end; {
		if end, err = r.next(b); err != nil {
			break
		}
		for _, e := range b.entries {
			if twice[foldHash(e.name)] && !w.isOut(d, e.path, e.name, e.mode.IsDir()) {
				groups[FoldName(e.name)] = append(groups[FoldName(e.name)], e.name)
			}
		}
	}
	for _, group := range groups {
		if len(group) < 2 {
			continue
		}
		slices.Sort(group)
		w.warn(CodeNameClash, filepath.Join(d.path, group[0]),
			fmt.Sprintf("%q are one name for systems that ignore case or Unicode form; all are sent", group))
	}
}
