package uploader

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/folder"
	"github.com/flsync/flsync/internal/openfile"
)

// Direct is a [Shaman] whose store is mounted on this machine: it writes blobs there itself, and asks the
// Manager for everything else. Before the first blob it proves, with probes that it removes again, that the
// folder is the store of this Manager and that both can use what the other writes; otherwise, and after a
// write that failed, blobs go to the Manager as ever. An [Uploader] does not ask about blobs that are most
// likely new, see [Uploader.enqueue].
//
// A blob gets its name when it is whole and has the right digest, which is taken of what is written unless it
// was taken of the same memory before. No file of that name is ever overwritten, so that other clients, the
// Manager's own uploads and a kill at any moment do no harm. What a kill leaves has a name in a folder of
// flsync's own, and is removed after a day. Like the Manager, Direct leaves it to the operating system when
// data reaches the disk.
type Direct struct {
	Shaman
	storage string
	report  func(error)

	once    sync.Once
	proven  atomic.Bool // blobs are written here
	written atomic.Int64
	byLink  atomic.Bool // the file system cannot rename without overwriting
	blocks  sync.Pool   // *[blockSize]byte

	fileMode, dirMode fs.FileMode // as the Manager's own; 0: what is written here has them by itself
	chmod             bool        // new files do not have the mode that they are made with
}

// Folders of Shaman's store below the farm's shared storage, and names that flsync adds. The Manager looks
// for single files in "uploading", by digest, and never lists that folder.
const (
	storedFolder   = "file-store/stored"             // <2 hex digits>/<62 hex digits>/<size>.blob
	writingFolders = "file-store/uploading/.flsync-" // and a hex digit
	jobsFolder     = "jobs"
	probeCheckout  = "flsync-probe-"

	abandonedAfter = 24 * time.Hour // since the last write to a file
)

// NewDirect returns a Direct for the Manager's shared storage, which this machine has at storage. report,
// which may be nil, is called before the first blob is sent, with nil if blobs are written here, or else with
// the reason, and again with the reason if a write fails later.
func NewDirect(manager Shaman, storage string, report func(error)) *Direct {
	if report == nil {
		report = func(error) {}
	}
	return &Direct{Shaman: manager, storage: storage, report: report}
}

// Look returns an error if the storage is no shared storage of a Manager with Shaman. It writes nothing, and
// does not ask the Manager.
func (d *Direct) Look() error {
	for _, name := range []string{storedFolder, jobsFolder} {
		if info, err := os.Stat(d.path(name)); err != nil {
			return err
		} else if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: d.path(name), Err: errors.New("not a folder")}
		}
	}
	return nil
}

// Written returns how many blobs were written here.
func (d *Direct) Written() int64 { return d.written.Load() }

// ShamanUpload implements [Shaman].
func (d *Direct) ShamanUpload(ctx context.Context, up flamenco.Upload) (flamenco.UploadOutcome, error) {
	d.once.Do(func() {
		err := d.Prove(ctx)
		d.proven.Store(err == nil)
		if ctx.Err() == nil {
			d.report(err)
		}
	})
	if !d.proven.Load() {
		return d.Shaman.ShamanUpload(ctx, up)
	}
	outcome, err := d.write(ctx, up)
	if failed, ok := errors.AsType[*storeError](err); ok {
		if d.proven.Swap(false) {
			d.report(failed.err)
		}
		return d.Shaman.ShamanUpload(ctx, up)
	}
	if err == nil && outcome == flamenco.Stored {
		d.written.Add(1)
	}
	return outcome, err
}

// storeError is a failure of the mounted store, not of the blob's source.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

func (d *Direct) path(slashed string) string {
	return filepath.Join(d.storage, filepath.FromSlash(slashed))
}

func (d *Direct) blobPath(sha string, size int64) string {
	return filepath.Join(d.path(storedFolder), sha[:2], sha[2:], strconv.FormatInt(size, 10)+".blob")
}

// write puts a blob into the store. The error is a [*storeError] if the Manager may succeed where this
// failed.
func (d *Direct) write(ctx context.Context, up flamenco.Upload) (outcome flamenco.UploadOutcome, err error) {
	final := d.blobPath(up.SHA256, up.Size)
	if made, err := d.makeFolder(filepath.Dir(final)); err != nil {
		return 0, &storeError{err}
	} else if !made {
		if _, err := os.Lstat(final); err == nil {
			return flamenco.AlreadyStored, nil
		}
	}
	source, err := up.Body()
	if err != nil {
		return 0, &flamenco.BodyError{Name: up.Name, Err: err}
	}
	defer source.Close()
	temp := d.temporary(up.SHA256)
	moved := false
	defer func() {
		if moved {
			return
		}
		if rerr := os.Remove(temp); err == nil && rerr != nil {
			err = &storeError{rerr}
		}
	}()
	if content := hashedContent(source, up); content != nil && !d.chmod {
		if err := d.inFolder(temp, func() error { return openfile.Write(temp, cmp.Or(d.fileMode, 0o666), content) }); err != nil {
			return 0, &storeError{err}
		}
	} else if err := d.writeFile(ctx, temp, source, up); err != nil {
		return 0, err
	}
	if moved, err = d.name(temp, final); errors.Is(err, fs.ErrExist) {
		return flamenco.AlreadyStored, nil
	} else if err != nil {
		return 0, &storeError{err}
	}
	return flamenco.Stored, nil
}

// hashedContent returns the contents of a source where its digest was taken of this very memory, else nil.
func hashedContent(source io.Reader, up flamenco.Upload) []byte {
	if b, ok := source.(*body); ok && b.limiter == nil && int64(len(b.content)) == up.Size {
		return b.content
	}
	return nil
}

// temporary returns a name for a blob on its way. The folder is one of sixteen, because a folder takes new
// names from one writer at a time.
func (d *Direct) temporary(sha string) string {
	return filepath.Join(d.path(writingFolders+sha[:1]), rand.Text())
}

// writeFile makes a file of a source, and checks its digest on the way.
func (d *Direct) writeFile(ctx context.Context, name string, source io.Reader, up flamenco.Upload) error {
	file, err := d.create(name)
	if err != nil {
		return &storeError{err}
	}
	err = d.fill(ctx, file, source, up)
	if cerr := file.Close(); err == nil && cerr != nil { // network file systems write here
		err = &storeError{cerr}
	}
	return err
}

// create makes a file for a blob on its way.
func (d *Direct) create(name string) (file *os.File, err error) {
	err = d.inFolder(name, func() error {
		file, err = openfile.Create(name, cmp.Or(d.fileMode, 0o666))
		return err
	})
	if err == nil && d.chmod {
		if err = file.Chmod(d.fileMode); err != nil {
			err = errors.Join(err, file.Close(), os.Remove(name))
		}
	}
	return file, err
}

// inFolder calls do, which makes a file, once more if the file's folder had to be made first.
func (d *Direct) inFolder(name string, do func() error) error {
	err := do()
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = d.makeFolder(filepath.Dir(name)); err == nil {
			err = do()
		}
	}
	return err
}

// fill copies a blob into a file and checks its digest on the way.
func (d *Direct) fill(ctx context.Context, temp *os.File, source io.Reader, up flamenco.Upload) error {
	digest := sha256.New()
	block, pooled := d.blocks.Get().(*[blockSize]byte)
	if !pooled {
		block = new([blockSize]byte)
	}
	defer d.blocks.Put(block)
	n, err := d.clone(ctx, temp, source, digest, block, up.Size)
	if err == nil && n == 0 {
		n, err = copyBlocks(ctx, io.MultiWriter(digest, storeWriter{temp}), source, block, up.Size)
	}
	if failed, ok := errors.AsType[*readError](err); ok {
		err = &flamenco.BodyError{Name: up.Name, Err: failed.err}
	}
	if err == nil && (n != up.Size || hex.EncodeToString(digest.Sum(nil)) != up.SHA256) {
		err = fmt.Errorf("%s: %w", up.Name, ErrChanged)
	}
	return err
}

// clone has the kernel copy a source that is a file, or let temp share its blocks, and takes the digest of
// what temp has then, which nobody else writes to. It returns 0 if that cannot be done.
func (d *Direct) clone(ctx context.Context, temp *os.File, source io.Reader, digest hash.Hash, block *[blockSize]byte, size int64) (int64, error) {
	file, ok := source.(*os.File)
	if !ok || size < blockSize {
		return 0, nil
	}
	if cloneFile(ctx, temp, file, size+1) != nil { // a read and a write meet the failure again, and show whose it is
		_, here := file.Seek(0, io.SeekStart)
		_, there := temp.Seek(0, io.SeekStart)
		return 0, errors.Join(here, there, temp.Truncate(0))
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	n, err := copyBlocks(ctx, digest, temp, block, size)
	if failed, ok := errors.AsType[*readError](err); ok {
		err = &storeError{failed.err}
	}
	return n, err
}

// blockSize is how much is copied at once: enough for a network file system, and no more than a core's cache
// holds.
const blockSize = 1 << 20

// copyBlocks copies everything, but ends soon after more than limit bytes. An error of the source is a
// [*readError].
func copyBlocks(ctx context.Context, to io.Writer, from io.Reader, block *[blockSize]byte, limit int64) (n int64, err error) {
	for n <= limit {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		read, err := from.Read(block[:])
		if read > 0 { // a file is written to even then
			if _, err := to.Write(block[:read]); err != nil {
				return n, err
			}
		}
		n += int64(read)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, &readError{err}
		}
	}
	return n, nil
}

type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// storeWriter marks errors as those of the store.
type storeWriter struct{ *os.File }

func (w storeWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		err = &storeError{err}
	}
	return n, err
}

// name gives a blob its name in a folder that write has made, unless there is one: the error is then
// [fs.ErrExist]. moved reports that temp is no more. The Manager removes folders that become empty, also
// between two calls here.
func (d *Direct) name(temp, final string) (moved bool, err error) {
	const tries = 5
	for try := 1; ; try++ {
		err = errors.ErrUnsupported
		if !d.byLink.Load() {
			err = renameNew(temp, final)
		}
		if moved = err == nil; errors.Is(err, errors.ErrUnsupported) {
			d.byLink.Store(true)
			err = os.Link(temp, final)
		}
		if !errors.Is(err, fs.ErrNotExist) || try == tries {
			return moved, err
		}
		if _, err := d.makeFolder(filepath.Dir(final)); err != nil {
			return false, err
		}
	}
}

// makeFolder makes a folder below the store, and those above it that are missing. made is false if it was there.
func (d *Direct) makeFolder(dir string) (made bool, err error) {
	err = folder.Make(dir, cmp.Or(d.dirMode, 0o777), func(one string) error {
		made = one == dir
		if !d.chmod {
			return nil
		}
		return folder.SetMode(one, d.dirMode)
	})
	return made, err
}
