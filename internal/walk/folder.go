package walk

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/place"
)

// dir is a folder of the tree.
type dir struct {
	path   string // as it is listed, under links that led to it
	parent *dir
	origin *origin
	rules  *gate.Rules

	mu    sync.Mutex
	names []uint64 // hash of each name that is listed: 8 bytes each, so that a folder of millions can be checked
}

// origin is the root, or a link to a folder: what is below listed lies below real.
type origin struct{ listed, real string }

// real is the path of the folder without links.
func (d *dir) real() string { return d.origin.real + d.path[len(d.origin.listed):] }

// child is a folder in d.
func (d *dir) child(path string) *dir {
	return &dir{path: path, parent: d, origin: d.origin, rules: d.rules}
}

// entry is one name in a folder.
type entry struct {
	path string
	name string
	info fs.FileInfo // not of a link's target
}

// batch is what a worker has in hand.
type batch struct {
	entries []entry
	files   []File
}

// readAtOnce is how many names of a folder are read at a time: more would keep other workers idle.
const readAtOnce = 1024

// do reads a part of a folder and lists what it finds. If the folder goes on, another worker may read on
// meanwhile.
func (w *walker) do(t task, b *batch) {
	d, file := t.dir, t.file
	first := file == nil
	if first {
		if d.origin.listed != w.root && !w.countLinked() {
			w.miss(CodeTooManyLinks, d.path, fmt.Errorf("more than %d folders are reached through links; they are not followed any more", w.opt.MaxLinked))
			return
		}
		var err error
		if file, err = w.open(d); err != nil {
			w.trouble(d.path, err)
			return
		}
	}
	end, err := b.read(d, file, w.trouble)
	if err != nil {
		w.trouble(d.path, err)
		end = true
	}
	if first {
		if err := w.readRules(d, b.entries, end); err != nil {
			w.miss(CodeUnreadable, d.path, fmt.Errorf("it is left out, because its rules of what to leave out cannot be read: %w", err))
			file.Close()
			return
		}
	}
	if end {
		file.Close()
	} else {
		w.push(task{d, file})
	}
	w.list(d, b)
	if end {
		w.reportClashes(d)
	}
}

// open opens a folder for reading. It is below an os.Root, so that a folder on the way which somebody has
// replaced by a link does not lead out of the tree.
func (w *walker) open(d *dir) (*os.File, error) {
	flags := os.O_RDONLY
	if runtime.GOOS != "windows" {
		flags |= syscall.O_NONBLOCK // keeps a pipe that has taken the folder's place from waiting for a writer
	}
	file, err := w.tree.OpenFile(w.below(d.real()), flags, 0)
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		inner.Path = d.path
	}
	return file, err
}

// below is a path without links that lies in the tree, relative to the root.
func (w *walker) below(real string) string {
	rel, ok := place.Inside(w.realRoot, real)
	if !ok {
		return real // an os.Root refuses it
	}
	return filepath.FromSlash(rel)
}

// read fills b with the next entries of a folder and reports whether they are the last. It calls trouble for
// each entry that cannot be looked at.
func (b *batch) read(d *dir, file *os.File, trouble func(path string, err error)) (end bool, err error) {
	b.entries = b.entries[:0]
	prefix := strings.TrimSuffix(d.path, string(filepath.Separator)) + string(filepath.Separator)
	n, err := openfile.List(file, d.real(), readAtOnce, func(name string, info fs.FileInfo, err error) {
		path := prefix + name
		if err != nil {
			trouble(path, err)
			return
		}
		b.entries = append(b.entries, entry{path: path, name: path[len(prefix):], info: info})
	})
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return n < readAtOnce, err
}

// list sends subfolders to the workers and files to the caller.
func (w *walker) list(d *dir, b *batch) {
	var below []task
	names := make([]uint64, 0, len(b.entries))
	b.files = b.files[:0]
	for _, e := range b.entries {
		isDir := e.info.IsDir()
		if w.isOut(d, e.path, e.name, isDir) || !w.canBeSent(d, e) {
			continue
		}
		names = append(names, w.hash(e.name))
		switch mode := e.info.Mode().Type(); mode {
		case 0:
			b.files = append(b.files, File{Path: e.path, Rel: w.rel(e.path), Info: e.info})
		case fs.ModeDir:
			below = append(below, task{dir: d.child(e.path)})
		case fs.ModeSymlink, fs.ModeIrregular: // a junction of Windows is irregular
			w.follow(d, e, b)
		default:
			w.warn(CodeSpecial, e.path, "it is no file ("+kind(mode)+"), and is not sent")
		}
	}
	d.mu.Lock()
	d.names = append(d.names, names...)
	d.mu.Unlock()
	w.push(below...)
	w.emit(b.files)
	clear(b.files)
	clear(b.entries)
}

func (w *walker) rel(path string) string { return filepath.ToSlash(path[w.start:]) }

// isOut reports whether a rule leaves the path out.
func (w *walker) isOut(d *dir, path, name string, isDir bool) bool {
	rel := w.rel(path)
	if !w.isAsked(rel, isDir) {
		return true
	}
	if w.opt.Exclude.Match(joinSlash(w.opt.Prefix, rel), isDir) {
		return true
	}
	if out, decided := d.rules.Judge(rel, isDir); decided {
		return out
	}
	return gate.LeftOut(name, isDir)
}

func joinSlash(prefix, rel string) string {
	if prefix == "" {
		return rel
	}
	return prefix + "/" + rel
}

// canBeSent reports names that no Manager must get.
func (w *walker) canBeSent(d *dir, e entry) bool {
	switch {
	case !utf8.ValidString(e.name):
		w.miss(CodeNameEncoding, e.path, errors.New("its name is not valid UTF-8, so it cannot be sent; rename it"))
		return false
	case strings.IndexByte(e.name, '\\') >= 0, d.parent == nil && place.HasDrive(e.name):
		if err := CheckRel(w.rel(e.path)); err != nil {
			w.miss(CodeNameUnsafe, e.path, fmt.Errorf("%w; rename it", err))
			return false
		}
	case maxPath() > 0 && len(e.path) > maxPath():
		w.miss(CodePathTooLong, e.path, fmt.Errorf("the path has %d bytes, the system opens %d at most", len(e.path), maxPath()))
		return false
	}
	return true
}

// follow lists what a link leads to; see the package comment.
func (w *walker) follow(d *dir, e entry, b *batch) {
	to, _ := os.Readlink(e.path)
	if host := gate.RemoteHost(to); host != "" && host != gate.RemoteHost(w.realRoot) {
		w.warn(CodeLinkOutside, e.path, "the link leads to another computer, to "+to+", and is not followed")
		return
	}
	if e.info.Mode()&fs.ModeSymlink != 0 || !filepath.IsAbs(to) {
		to = e.path
	} // EvalSymlinks does not follow junctions
	_, err := os.Stat(e.path)
	var real string
	var info fs.FileInfo
	if err == nil {
		real, err = filepath.EvalSymlinks(to)
	}
	inside := err == nil && place.In(w.realRoot, real)
	if inside {
		info, err = w.tree.Lstat(w.below(real))
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
	case !inside:
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

// hash is equal for names that are one name for a file system which ignores case or Unicode form.
func (w *walker) hash(name string) uint64 { return maphash.String(w.seed, place.Fold(name)) }

// maxPath is the longest path that the system opens, in bytes: PATH_MAX less the NUL; 0 where the system says
// so itself.
func maxPath() int {
	switch runtime.GOOS {
	case "linux":
		return 4095
	case "darwin":
		return 1023
	}
	return 0
}

// readRules reads the folder's ignore file, if there is one. Entries are its first names, and all of them if
// whole is set.
func (w *walker) readRules(d *dir, entries []entry, whole bool) (err error) {
	if whole && !slices.ContainsFunc(entries, func(e entry) bool { return e.name == gate.IgnoreFile }) {
		return nil
	}
	base := ""
	if d.path != w.root {
		base = w.rel(d.path)
	}
	d.rules, err = gate.ReadRules(d.real(), base, w.names, d.rules)
	return err
}

// reportClashes looks for names that some file systems take for the same. The names themselves are read
// again, since it is rare.
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
	if len(twice) == 0 || w.ended.Load() {
		return
	}
	file, err := w.open(d)
	if err != nil {
		return // it has been read; what it said is no longer true
	}
	defer file.Close()
	groups := make(map[string][]string)
	var b batch
	for end := false; !end && err == nil; {
		end, err = b.read(d, file, func(string, error) {})
		for _, e := range b.entries {
			if twice[w.hash(e.name)] && !w.isOut(d, e.path, e.name, e.info.IsDir()) {
				groups[place.Fold(e.name)] = append(groups[place.Fold(e.name)], e.name)
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
