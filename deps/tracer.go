package deps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/flsync/flsync/deps/blend"
)

// Facts keeps what was read of blend files from run to run. Nobody changes what Get returned.
type Facts interface {
	Get(key []byte) (value []byte, ok bool)
	Put(key, value []byte)
}

// Config is how to trace. The zero value traces without remembering.
type Config struct {
	// Facts and Digest, if both are set, save opening blend files that were
	// read before: what they refer to is kept under the digest of their contents.
	Facts Facts
	// Digest gives a digest of a file's contents as they are now. It may give "" when it is not known and
	// would take reading the file, which then is not remembered.
	Digest func(ctx context.Context, path string) (string, error)
	// Workers is how many blend files are read at the same time. 0: as many as
	// there are processors, since reading them is mostly decompression.
	Workers int
	// Properties says that files and folders count which paths in custom properties lead to, as those of
	// add-ons do that keep caches. Otherwise they are lacks.
	Properties bool
	// MayTouch reports whether a path of a blend file, absolute and in the system's form, may be looked at.
	// To look at one on another computer (\\host\share, /net/host) tells that computer who asks. Nil: all
	// may.
	MayTouch func(path string) bool
	// Warn is told what went wrong without changing the result, such as a
	// digest that could not be had. Nil: nobody is told.
	Warn func(error)
}

// Validate reports values that make no sense.
func (c Config) Validate() error {
	if c.Workers < 0 {
		return fmt.Errorf("deps: Workers is %d, not positive", c.Workers)
	}
	if (c.Facts == nil) != (c.Digest == nil) {
		return errors.New("deps: Facts and Digest work together or not at all")
	}
	return nil
}

// A Tracer traces blend files. It lasts for a run: it opens each library once and looks at each file once, so
// it does not notice what changes on disk in the meantime. Goroutines may share it.
type Tracer struct {
	config Config
	slots  chan struct{} // one for each blend file being read
	plans  planCache
	shared blend.Shared
	expand expander
	usual  atomic.Int64 // how many files the last trace found

	mu    sync.Mutex
	files map[fileKey]*loading
}

type fileKey struct {
	path  string
	graph bool
}

// loading is a blend file that is being read, or was.
type loading struct {
	done chan struct{} // closed when the rest is there
	file *tracedFile
	err  error
}

// New makes a Tracer. The error is that of Config.Validate.
func New(config Config) (*Tracer, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config.Workers = cmp.Or(config.Workers, runtime.GOMAXPROCS(0))
	return &Tracer{
		config: config,
		slots:  make(chan struct{}, config.Workers),
		expand: expander{disk: newDisk(config.MayTouch), windows: runtime.GOOS == "windows", properties: config.Properties},
		files:  map[fileKey]*loading{},
	}, nil
}

// Trace finds all that a render of the blend file at path needs. The error is a
// *blend.FormatError when the file is no Blender file or is damaged, else that
// of opening it. Libraries that cannot be read are Problems, no errors.
func (t *Tracer) Trace(ctx context.Context, path string) (*Trace, error) {
	main, err := t.loadMain(ctx, path)
	if err != nil {
		return nil, err
	}
	r := newRun(t, main)
	if err := r.follow(ctx); err != nil {
		return nil, err
	}
	facts, err := t.inspect(ctx, main)
	if err != nil {
		return nil, err
	}
	r.trace.Blend = *facts
	r.lacks()
	return r.result(), nil
}

// Inspect gives what a render needs to know of the blend file at path. Errors
// are those of Trace. Libraries are opened only for scenes that are linked.
func (t *Tracer) Inspect(ctx context.Context, path string) (*Blend, error) {
	main, err := t.loadMain(ctx, path)
	if err != nil {
		return nil, err
	}
	return t.inspect(ctx, main)
}

func (t *Tracer) loadMain(ctx context.Context, path string) (*tracedFile, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := t.load(ctx, filepath.ToSlash(absolute), false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// load gives the blend file at a path. graph says that what its data-blocks use
// must be known; such a file is read once however many ask for it.
func (t *Tracer) load(ctx context.Context, path string, graph bool) (*tracedFile, error) {
	key := fileKey{path, graph}
	for {
		t.mu.Lock()
		l := t.files[key]
		mine := l == nil
		if mine {
			l = &loading{done: make(chan struct{})}
			t.files[key] = l
		}
		t.mu.Unlock()
		if mine {
			l.file, l.err = t.read(ctx, path, graph)
			if isCancelled(l.err) || !graph {
				// A cancelled one is for the next to do in its own time. A shot
				// is traced once, and not worth the memory.
				t.mu.Lock()
				delete(t.files, key)
				t.mu.Unlock()
			}
			close(l.done)
			return l.file, l.err
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !isCancelled(l.err) {
			return l.file, l.err
		}
	}
}

// loaded returns the library at a path if it was read before; nil if not, or if that is not over.
func (t *Tracer) loaded(path string) (*tracedFile, error) {
	t.mu.Lock()
	l := t.files[fileKey{path, true}]
	t.mu.Unlock()
	if l != nil {
		select {
		case <-l.done:
			if !isCancelled(l.err) {
				return l.file, l.err
			}
		default:
		}
	}
	return nil, nil
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// read reads a blend file, or what is remembered of it.
func (t *Tracer) read(ctx context.Context, path string, graph bool) (*tracedFile, error) {
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.slots }()

	native := filepath.FromSlash(path)
	before, key, err := t.key(ctx, native)
	if err != nil {
		return nil, err
	}
	if key != nil {
		if c := t.recall(key, graph); c != nil {
			return newTracedFile(path, c), nil
		}
	}
	f, err := blend.Open(ctx, native, blend.Options{Shared: &t.shared})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := readContents(f, &t.plans, graph, 0)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // a file packed into it may have been cut short by that
	}
	if key != nil && sameFile(before, native) {
		t.config.Facts.Put(key, encodeContents(c))
	}
	return newTracedFile(path, c), nil
}

// key gives the key under which a file's contents are kept; nil when they are not.
func (t *Tracer) key(ctx context.Context, path string) (os.FileInfo, []byte, error) {
	if t.config.Facts == nil {
		return nil, nil, nil
	}
	before, err := os.Stat(path)
	if err != nil || !before.Mode().IsRegular() {
		return nil, nil, nil // opening it says what is wrong
	}
	digest, err := t.config.Digest(ctx, path)
	if isCancelled(err) {
		return nil, nil, err
	}
	if err != nil && t.config.Warn != nil {
		t.config.Warn(fmt.Errorf("digest of %s: %w", path, err))
	}
	if err != nil || digest == "" {
		return nil, nil, nil
	}
	return before, []byte(contentsFormat + digest), nil
}

func (t *Tracer) recall(key []byte, graph bool) *Contents {
	value, ok := t.config.Facts.Get(key)
	if !ok {
		return nil
	}
	c, err := decodeContents(value)
	if err != nil || graph && !c.HasGraph {
		return nil // written by another version, or for less than is needed now
	}
	return c
}

// sameFile reports whether a file is as it was before.
func sameFile(before os.FileInfo, path string) bool {
	after, err := os.Stat(path)
	return err == nil && os.SameFile(before, after) &&
		before.Size() == after.Size() && before.ModTime().Equal(after.ModTime())
}
