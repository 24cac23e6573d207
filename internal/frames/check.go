package frames

import (
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/png" // for --decode
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	_ "golang.org/x/image/tiff" // for --decode
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/internal/openfile"
)

// State says how a frame is.
type State string

// States of a frame. All but OK and Due are to be rendered again.
const (
	OK         State = "ok"
	Due        State = "due"          // it is not there yet, and its task is still to run; only callers set it
	Missing    State = "missing"      // there is no such file
	Empty      State = "empty"        // it has no bytes
	Truncated  State = "truncated"    // its end is missing, or its header is not that of its format
	Older      State = "older"        // it was written before the job was submitted
	OtherSize  State = "other-size"   // it has other pixels than the scene, or than most frames where that is not known
	Unreadable State = "unreadable"   // the system refuses it, or it is no regular file
	Undecoded  State = "not-decoding" // it has header and end, and what is between cannot be decoded
)

// Bad reports whether a frame is to be rendered again.
func (s State) Bad() bool { return s != OK && s != Due }

// Frame is one file of a job.
type Frame struct {
	Number int // of a movie: its first frame
	Path   string
	State  State
	Detail string // of a bad one: more words, may be empty
	Width  int    // pixels, 0 where the format is not read
	Height int
}

// Options say how Check looks.
type Options struct {
	Decode bool // decode PNG, JPEG and TIFF wholly
	// Size returns the pixels that a frame is to have; 0, 0, as nil does, for those of most frames. It is called
	// once, while the files are looked at.
	Size func() (width, height int)
}

// slack is how much the clocks of the Manager and of the file server may differ.
const slack = time.Minute

// maxPixels bounds what is decoded: 16K by 16K.
const maxPixels = 1 << 28

// Check looks at the files of a job in folder dir, which is where the folder of o.Path lies on this machine.
// A folder that is not there has no frames. The order of the frames is that of o.Frames. Errors are those of
// ctx, and of a folder that cannot be read.
func (o Output) Check(ctx context.Context, dir string, opt Options) ([]Frame, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		there[e.Name()] = true
	}
	names := o.names()
	found := make([]Frame, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // a file server answers slowly, and several at once
	const batch = 64
	for from := 0; from < len(names); from += batch {
		group.Go(func() error {
			for i := from; i < min(from+batch, len(names)); i++ {
				if err := ctx.Err(); err != nil {
					return err
				}
				f := &found[i]
				f.Number, f.Path, f.State = o.Frames[i], filepath.Join(dir, names[i]), Missing
				if there[names[i]] {
					o.look(f, opt)
				}
			}
			return nil
		})
	}
	var want size
	if opt.Size != nil {
		want.width, want.height = opt.Size()
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	compareSizes(found, want)
	return found, nil
}

// CheckFile looks at one file whose name is known, such as a movie.
func CheckFile(path string, since time.Time) Frame {
	f := Frame{Path: path, State: Missing}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		Output{Since: since}.look(&f, Options{})
	}
	return f
}

// look sets state and size of a frame whose file is there.
func (o Output) look(f *Frame, opt Options) {
	fail := func(s State, err error) { f.State, f.Detail = s, err.Error() }
	file, err := openfile.Open(f.Path, nil)
	if errors.Is(err, openfile.ErrNotRegular) { // a link is followed, as by those who will use the frame
		var target fs.FileInfo
		if target, err = os.Stat(f.Path); err == nil {
			file, err = openfile.Open(f.Path, target)
		}
	}
	if err != nil {
		fail(Unreadable, err)
		return
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		fail(Unreadable, err)
		return
	case info.Size() == 0:
		f.State = Empty
		return
	case info.ModTime().Before(o.Since.Add(-slack)):
		f.State, f.Detail = Older, "written "+info.ModTime().Local().Format(time.DateTime)
		return
	}
	s, err := inspect(file, info.Size(), filepath.Ext(f.Path))
	f.State, f.Width, f.Height = OK, s.width, s.height
	switch {
	case errors.As(err, new(*fs.PathError)):
		fail(Unreadable, err)
	case err != nil:
		fail(Truncated, err)
	case opt.Decode && s.decodes:
		if _, err := Picture(file); err != nil {
			fail(Undecoded, err)
		}
	}
}

// Picture decodes a PNG, JPEG or TIFF of a bounded size.
func Picture(file io.ReadSeeker) (image.Image, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	c, _, err := image.DecodeConfig(file)
	switch {
	case err != nil:
		return nil, err
	case c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height:
		return nil, fmt.Errorf("%d by %d pixels are not decoded", c.Width, c.Height)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	m, _, err := image.Decode(file)
	return m, err
}

type size struct{ width, height int }

// compareSizes finds frames of other pixels than want, or, where that is zero, than more than half of those
// that are whole.
func compareSizes(all []Frame, want size) {
	whose := "the scene has"
	if want == (size{}) {
		whose = "most frames are"
		number, total := map[size]int{}, 0
		for _, f := range all {
			if s := (size{f.Width, f.Height}); f.State == OK && f.Width > 0 {
				total++
				if number[s]++; number[s] > number[want] {
					want = s
				}
			}
		}
		if 2*number[want] <= total {
			return
		}
	}
	for i := range all {
		f := &all[i]
		if f.State == OK && f.Width > 0 && (size{f.Width, f.Height}) != want {
			f.State, f.Detail = OtherSize, fmt.Sprintf("%d×%d, %s %d×%d", f.Width, f.Height, whose, want.width, want.height)
		}
	}
}
