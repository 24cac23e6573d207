package walk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/place"
)

// Options say what to walk.
type Options struct {
	// Root is a folder or a single file. A link there is followed.
	Root string

	// Exclude is what to leave out, and Prefix the path of Root, with slashes, from the folder that it is
	// relative to.
	Exclude *gate.Patterns
	Prefix  string

	// Only, unless empty, are the paths, relative to Root and with slashes, of the files and folders to list.
	Only []string

	// Warn is told what is left out and may be missed, one call at a time. Nil: nobody is told.
	Warn func(Warning)

	// Workers is how many goroutines read folders. Default: twice the cores, at least 4, at most 16: on a local
	// disk two a core are enough; on a network mount, where each answer takes a round trip, more are, and more
	// than 16 gain little.
	Workers int

	// MaxLinked bounds the folders that are listed under links to folders, since links that meet each other can
	// make a few folders look like millions. Default 100,000.
	MaxLinked int

	// Parallel lets each worker call found by itself, so that calls meet.
	Parallel bool
}

// Validate reports the first value that makes no sense.
func (o Options) Validate() error {
	switch {
	case o.Root == "":
		return errors.New("walk: no root was given")
	case o.Workers < 0:
		return fmt.Errorf("walk: Workers is %d, it must not be negative", o.Workers)
	case o.MaxLinked < 0:
		return fmt.Errorf("walk: MaxLinked is %d, it must not be negative", o.MaxLinked)
	}
	return nil
}

// File is one that was found.
type File struct {
	Path string // absolute, with the system's separators
	Rel  string // inside the root, with slashes; for a root that is a file, its name
	// Info is that of the contents, so never of a link.
	Info fs.FileInfo
	// Target is where the contents of a link lie, absolute and without further links; "" if Path is no link
	// itself.
	Target string
}

// The codes of warnings. What is marked with * is also counted in the [IncompleteError], since something is
// missing that belongs to the tree.
const (
	CodeLoop         = "loop"          // a link to a folder that it lies in
	CodeLinkOutside  = "link-outside"  // a link whose target is not in the tree
	CodeLinkBroken   = "link-broken"   // a link without a target
	CodeTooManyLinks = "link-limit"    // * more than Options.MaxLinked folders behind links
	CodeSpecial      = "special-file"  // a socket, pipe or device
	CodeVanished     = "vanished"      // it was there a moment ago
	CodeUnreadable   = "unreadable"    // * a folder or file that the system does not let us see
	CodePathTooLong  = "path-too-long" // * the system cannot open a path that long
	CodeNameEncoding = "name-encoding" // * a name that is not UTF-8, which JSON cannot carry
	CodeNameUnsafe   = "name-unsafe"   // * a name that means something else on another system; see CheckRel
	CodeNameClash    = "name-clash"    // names that differ by case or Unicode normal form only; all are listed
)

// Warning is something that may be missed on the farm.
type Warning struct {
	Code    string
	Path    string // absolute
	Message string // for people; does not repeat the path
}

// Error is a part of the tree that should have been listed and was not.
type Error struct {
	Code string
	Path string
	Err  error
}

func (e *Error) Error() string {
	if inner := (*fs.PathError)(nil); errors.As(e.Err, &inner) && inner.Path == e.Path {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// maxErrors is how many errors an IncompleteError holds.
const maxErrors = 1000

// IncompleteError says that the walk went to its end, but not all of the tree could be listed.
type IncompleteError struct {
	Count  int      // of what is missing
	Errors []*Error // the first of them, at most 1,000
}

func (e *IncompleteError) Error() string {
	if e.Count == 1 {
		return e.Errors[0].Error()
	}
	return fmt.Sprintf("%v, and %d more that could not be listed", e.Errors[0], e.Count-1)
}

func (e *IncompleteError) Unwrap() []error {
	list := make([]error, len(e.Errors))
	for i, err := range e.Errors {
		list[i] = err
	}
	return list
}

// Walk calls found for every file below the root that is not left out: one call at a time unless
// [Options.Parallel] is set, in no order, from other goroutines than the caller's. An error of found ends the
// walk and is returned; so is that of ctx. If something could not be listed, the walk goes on, and Walk
// returns an [IncompleteError] at the end. If the root itself cannot be read, it returns an [Error].
func Walk(ctx context.Context, opt Options, found func(File) error) error {
	if err := opt.Validate(); err != nil {
		return err
	}
	root, err := filepath.Abs(opt.Root)
	if err != nil {
		return err
	}
	info, err := os.Stat(root)
	if err != nil {
		return &Error{CodeUnreadable, root, err}
	}
	switch {
	case info.Mode().IsRegular():
		return single(root, info, found)
	case !info.IsDir():
		return &Error{CodeSpecial, root, fmt.Errorf("it is neither a file nor a folder (%v)", info.Mode().Type())}
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return &Error{CodeUnreadable, root, err}
	}
	tree, err := os.OpenRoot(real)
	if err != nil {
		return &Error{CodeUnreadable, root, err}
	}
	defer tree.Close()
	w := &walker{opt: opt, found: found, root: root, realRoot: real, tree: tree, names: place.RulesOf(real), seed: maphash.MakeSeed()}
	w.more = sync.NewCond(&w.mu)
	w.start = len(root) + 1
	if os.IsPathSeparator(root[len(root)-1]) { // the root of a disk
		w.start--
	}
	err = w.run(ctx)
	if ctx.Err() != nil && (err == nil || errors.As(err, new(*IncompleteError))) {
		err = context.Cause(ctx) // it ended while the last folders were read: nobody can rely on the rest
	}
	return err
}

func single(path string, info fs.FileInfo, found func(File) error) error {
	f := File{Path: path, Rel: filepath.Base(path), Info: info}
	if err := CheckRel(f.Rel); err != nil {
		return &IncompleteError{1, []*Error{{CodeNameUnsafe, path, err}}}
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 {
			f.Target = real
		}
	}
	return found(f)
}

// walker is one walk.
type walker struct {
	opt      Options
	found    func(File) error
	root     string   // absolute
	realRoot string   // without links
	start    int      // where Rel begins in Path
	tree     *os.Root // at realRoot
	names    place.Rules
	seed     maphash.Seed

	emitting sync.Mutex // held by calls of Warn, and of found unless they are parallel

	mu     sync.Mutex
	more   *sync.Cond // a task was added, or the walk ends
	tasks  []task     // a stack, so that a folder is done before its siblings are begun and few are open
	active int        // workers that may add tasks
	err    error      // ends the walk
	missed IncompleteError
	linked int // folders listed under links

	ended atomic.Bool // err is set
}

// task is a folder to be read, from its beginning or from where another worker has left it.
type task struct {
	dir  *dir
	file *os.File // nil: not begun
}

func (w *walker) run(ctx context.Context) error {
	workers := w.opt.Workers
	if workers == 0 {
		workers = min(max(2*runtime.GOMAXPROCS(0), 4), 16)
	}
	if w.opt.MaxLinked == 0 {
		w.opt.MaxLinked = 100_000
	}
	stop := context.AfterFunc(ctx, func() { w.fail(context.Cause(ctx)) })
	w.tasks = []task{{dir: &dir{path: w.root, origin: &origin{w.root, w.realRoot}}}}
	var group sync.WaitGroup
	for range workers {
		group.Go(w.work)
	}
	group.Wait()
	stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.tasks { // left by a walk that failed
		if t.file != nil {
			t.file.Close()
		}
	}
	switch {
	case w.err != nil:
		return w.err
	case w.missed.Count > 0:
		return &w.missed
	}
	return nil
}

// work takes tasks until there are none and nobody can add any.
func (w *walker) work() {
	b := new(batch)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.tasks) == 0 && w.active > 0 && w.err == nil {
			w.more.Wait()
		}
		if len(w.tasks) == 0 || w.err != nil {
			w.more.Broadcast()
			return
		}
		t := w.tasks[len(w.tasks)-1]
		w.tasks = w.tasks[:len(w.tasks)-1]
		w.active++
		w.mu.Unlock()
		w.do(t, b)
		w.mu.Lock()
		w.active--
	}
}

// push adds tasks; the last one is taken next.
func (w *walker) push(tasks ...task) {
	if len(tasks) == 0 {
		return
	}
	w.mu.Lock()
	w.tasks = append(w.tasks, tasks...)
	w.mu.Unlock()
	w.more.Broadcast()
}

// fail ends the walk with the first error.
func (w *walker) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.ended.Store(true)
	w.mu.Unlock()
	w.more.Broadcast()
}

// emit hands files over.
func (w *walker) emit(files []File) {
	if len(files) == 0 {
		return
	}
	if !w.opt.Parallel {
		w.emitting.Lock()
		defer w.emitting.Unlock()
	}
	for _, f := range files {
		if w.ended.Load() {
			return
		}
		if err := w.found(f); err != nil {
			w.fail(err)
			return
		}
	}
}

func (w *walker) warn(code, path, message string) {
	if w.opt.Warn == nil {
		return
	}
	w.emitting.Lock()
	defer w.emitting.Unlock()
	w.opt.Warn(Warning{code, path, message})
}

// miss notes a part of the tree that could not be listed.
func (w *walker) miss(code, path string, err error) {
	w.mu.Lock()
	w.missed.Count++
	if len(w.missed.Errors) < maxErrors {
		w.missed.Errors = append(w.missed.Errors, &Error{code, path, err})
	}
	w.mu.Unlock()
	w.warn(code, path, reason(err))
}

// trouble sorts out an error of the system about a path in the tree.
func (w *walker) trouble(path string, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.warn(CodeVanished, path, "it was there a moment ago, and is not sent")
	case errors.Is(err, syscall.ENAMETOOLONG):
		w.miss(CodePathTooLong, path, err)
	default:
		w.miss(CodeUnreadable, path, err)
	}
}

// reason is an error's text without the path.
func reason(err error) string {
	if inner := (*fs.PathError)(nil); errors.As(err, &inner) {
		return inner.Err.Error()
	}
	return err.Error()
}

// isAsked reports whether a file at rel is to be listed, or a folder there may hold such a file.
func (w *walker) isAsked(rel string, isDir bool) bool {
	return len(w.opt.Only) == 0 || slices.ContainsFunc(w.opt.Only, func(only string) bool {
		return only == "." || rel == only || strings.HasPrefix(rel, only+"/") || isDir && strings.HasPrefix(only, rel+"/")
	})
}
