package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	// ErrForeign says that the file is no hash cache, but the database of another program or no database at
	// all. It stays as it is.
	ErrForeign = errors.New("this is no hash cache and is left as it is; name another file, or remove this one")

	errDamaged = errors.New("the file is damaged")
	errNewer   = errors.New("a newer version of flsync wrote it")

	headTable = []byte("flsync")
	formatKey = []byte("format")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// guard calls bbolt and turns what it throws at a damaged file into an error: assertions, slices out of
// range, and faults of its memory map, behind which the file may be shorter. Only calls of bbolt and copies
// out of its map belong into do: a panic of our own must not pass for damage.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = damaged("%v", p)
		}
	}()
	return do()
}

// boltFile is the file, open in bbolt, with one transaction.
type boltFile struct {
	*bbolt.DB
	file    *os.File // the one that bbolt has open
	info    fs.FileInfo
	tx      *bbolt.Tx
	cursors map[Table]*bbolt.Cursor
	roots   map[Table]int64 // pages; a small table has none of its own
	pages   pages
}

// openBolt opens the file with bbolt, begins a transaction and judges the file. The boltFile carries the
// file's info also with an error, once the file was opened. The caller has passed the turnstile: readers that
// are still inside leave within one view's life.
func (db *DB) openBolt(readOnly bool) (*boltFile, error) {
	b := &boltFile{cursors: make(map[Table]*bbolt.Cursor), roots: make(map[Table]int64)}
	opt := &bbolt.Options{
		ReadOnly: readOnly, PreLoadFreelist: true, NoSync: db.opt.noSync, FreelistType: bbolt.FreelistMapType,
		Timeout: time.Nanosecond, // one attempt; bbolt would wait for 50 ms between two
		OpenFile: func(path string, flag int, mode os.FileMode) (file *os.File, err error) {
			if file, err = os.OpenFile(path, flag, mode); err != nil {
				return nil, err
			}
			b.file = file
			if b.info, err = file.Stat(); err == nil && b.info.Size() > 0 && b.info.Size() < int64(2*os.Getpagesize()) {
				err = damaged("it ends before its header does")
			}
			return file, err
		},
	}
	if !readOnly && runtime.GOOS != "windows" { // there the file would grow with the map
		opt.InitialMmapSize = 64 << 20 // when the map grows, bbolt copies what the transaction has of it
	}
	err := poll(db.opt.View+100*time.Millisecond, nil, func() (bool, error) {
		err := guard(func() (err error) {
			if b.DB, err = bbolt.Open(db.path, 0o600, opt); err == nil {
				b.AllocSize = 1 << 20 // what the file grows by: 16 MiB where the map is larger than the file
			}
			return err
		})
		if err != nil && b.file != nil {
			_ = b.file.Close() // bbolt may have panicked before it could
		}
		if errors.Is(err, bolterrors.ErrTimeout) {
			return false, nil
		}
		return err == nil, err
	})
	switch {
	case err == nil:
		if err = db.judge(b, !readOnly); err != nil {
			b.close(err)
		}
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		err = damaged("%v", err)
	case b.info != nil && b.info.Size() == 0 && !readOnly:
		_ = os.Remove(db.path) // what a full disk left of it would look damaged
	}
	return b, err
}

// close ends the transaction and closes the database after a use that ended with err. After a panic bbolt may
// hold a lock that its Close waits for. Then only the file is closed, which ends the lock on it; the memory
// map stays until the end of the program.
func (b *boltFile) close(err error) {
	if errors.Is(err, errDamaged) || guard(func() error { _ = b.tx.Rollback(); return b.DB.Close() }) != nil {
		_ = b.file.Close()
	}
}

// judge begins the transaction of b. It returns an error that wraps errDamaged or errNewer for a file that
// must not be used. A file without any table was cut off while it was made.
func (db *DB) judge(b *boltFile, writable bool) error {
	var (
		empty  bool
		format []byte
	)
	err := guard(func() (err error) {
		if b.tx, err = b.Begin(writable); err != nil {
			return err
		}
		first, _ := b.tx.Cursor().First()
		empty = first == nil
		if head := b.tx.Bucket(headTable); head != nil {
			format = bytes.Clone(head.Get(formatKey))
		}
		for _, table := range db.opt.Tables {
			if bucket := b.tx.Bucket([]byte(table)); bucket != nil {
				b.cursors[table] = bucket.Cursor()
				b.roots[table] = int64(bucket.Root())
			}
		}
		b.pages.file, b.pages.size = b.file, int64(b.Info().PageSize)
		return nil
	})
	if err != nil || empty {
		return err
	}
	if len(format) != 4 {
		return damaged("it does not say its format")
	}
	if f := binary.LittleEndian.Uint32(format); f > db.opt.Format {
		return fmt.Errorf("%w (format %d; this one knows %d)", errNewer, f, db.opt.Format)
	}
	if db.wasSound(b.info) {
		return nil
	}
	for _, root := range b.roots {
		if err := checkDepth(b.file, b.pages.size, root, 0); err != nil {
			return err
		}
	}
	db.setSound(b.info)
	return nil
}

// wasSound reports whether info is of the file that was last judged sound, and that this program has not
// changed since.
func (db *DB) wasSound(info fs.FileInfo) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.sound != nil && info != nil && os.SameFile(db.sound, info)
}

func (db *DB) setSound(info fs.FileInfo) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.sound = info
}

// checkDepth reports damage when the pages below page id lead deeper than those of any sound file do. bbolt
// follows them by recursion, and no program survives the overflow of its stack. See [pages] for the format.
func checkDepth(file io.ReaderAt, pageSize, id int64, depth int) error {
	var header [headerSize]byte
	if _, err := file.ReadAt(header[:], id*pageSize); err != nil {
		return damaged("page %d: %v", id, err)
	}
	if binary.NativeEndian.Uint16(header[8:]) != branchPage {
		return nil
	}
	elements := make([]byte, elementSize*int(binary.NativeEndian.Uint16(header[10:])))
	if _, err := file.ReadAt(elements, id*pageSize+headerSize); err != nil || depth == maxDepth {
		return damaged("page %d leads out of the file, or to itself", id)
	}
	for element := range slices.Chunk(elements, elementSize) {
		if err := checkDepth(file, pageSize, int64(binary.NativeEndian.Uint64(element[8:])), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// setAside renames the file in which a fault was found, unless another program has done so already. It
// replaces none that was set aside earlier. The error wraps ErrForeign for a file that is not ours.
func (db *DB) setAside(bad fs.FileInfo, why error) error {
	if !errors.Is(why, errNewer) && !db.isOurs(bad) {
		return fmt.Errorf("%s: %w (%w)", db.path, ErrForeign, why)
	}
	code, to := WarnDamaged, db.path+".damaged"
	if errors.Is(why, errNewer) {
		code, to = WarnNewer, db.path+".newer"
	}
	if db.opt.ReadOnly {
		db.warn(code, fmt.Sprintf("%s cannot be used: %v", db.path, why))
		return why
	}
	leave, err := db.enter(true, db.opt.Wait, nil)
	if err == nil {
		defer leave()
		now, statErr := os.Stat(db.path)
		if errors.Is(statErr, fs.ErrNotExist) || statErr == nil && bad != nil && !os.SameFile(now, bad) {
			return nil
		}
		if _, err := os.Lstat(to); err == nil {
			to += time.Now().Format(".20060102-150405.000000000")
		}
		err = os.Rename(db.path, to)
	}
	if err != nil {
		return fmt.Errorf("%w; nor could it be set aside: %w", why, err)
	}
	db.warn(code, fmt.Sprintf("%s cannot be used and was set aside as %s, a new one is begun: %v", db.path, to, why))
	return nil
}

// isOurs reports whether a file that cannot be used is a cache nevertheless: it was sound before, or it
// begins as a bbolt file does, as far as it goes, and a run that wrote to it has left its lock beside it.
func (db *DB) isOurs(bad fs.FileInfo) bool {
	if db.wasSound(bad) {
		return true
	}
	_, lockErr := os.Stat(db.lockPath())
	file, err := os.Open(db.path)
	if err != nil || lockErr != nil {
		return false
	}
	defer file.Close()
	magic := binary.NativeEndian.AppendUint32(nil, 0xED0CDAED) // in both meta pages, at 16
	first := make([]byte, os.Getpagesize()+20)
	n, _ := io.ReadFull(file, first)
	return n < 20 || bytes.HasPrefix(first[16:], magic) || bytes.HasSuffix(first, magic)
}
