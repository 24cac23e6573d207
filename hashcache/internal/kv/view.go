package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	errMiss  = errors.New("not there")
	errNewer = errors.New("a newer version of flsync wrote it")

	headTable = []byte("flsync")
	formatKey = []byte("format")
)

// view is one snapshot of the file, open for reading. db is nil when there is no file.
type view struct {
	owner *DB
	db    *bbolt.DB
	file  *os.File    // that db has open
	info  os.FileInfo // of it
	timer *time.Timer

	// Below: guarded by owner.mu.
	readers []*reader
	idle    []*reader
	users   int
	retired bool // takes no more users; the last one closes it
	closed  chan struct{}
	broken  error // the damage that was met
	stuck   bool  // bbolt panicked with a lock in its hand
	foreign bool
}

// reader is one read transaction with its cursors. One goroutine at a time uses it.
type reader struct {
	tx      *bbolt.Tx
	cursors map[Table]*bbolt.Cursor
}

// read runs do on a snapshot and returns its error, or errMiss when there is no file, ErrBusy when it cannot be had now,
// errDamaged. Damage sets the file aside.
func (db *DB) read(do func(*reader) error) error {
	v := db.acquire()
	defer v.release()
	if v == nil {
		return ErrBusy
	}
	if v.db == nil {
		return errMiss
	}
	r, err := v.take()
	if err == nil {
		err = guard(func() error { return do(r) })
	}
	if errors.Is(err, errDamaged) {
		v.fail(err)
	} else if r != nil {
		v.give(r)
	}
	return err
}

// acquire returns the current view, or opens one. It returns nil, which release accepts, when the file is busy or
// cannot be read.
func (db *DB) acquire() *view {
	db.mu.Lock()
	defer db.mu.Unlock()
	for db.view == nil {
		if db.opening {
			db.ready.Wait()
			continue
		}
		if time.Now().Before(db.noView) {
			return nil
		}
		db.opening = true
		db.mu.Unlock()
		v, err := db.openView()
		db.mu.Lock()
		db.opening = false
		db.ready.Broadcast()
		if err != nil {
			// The others must not wait in turn; until then they miss at once.
			db.noView = time.Now().Add(time.Second)
			if !errors.Is(err, ErrBusy) {
				db.mu.Unlock()
				db.warn(WarnUnread, fmt.Sprintf("%s: it cannot be read, so files are read again: %v", db.path, err))
				db.mu.Lock()
			}
			return nil
		}
		db.view = v
		v.timer = time.AfterFunc(db.opt.View, func() { db.retireView(v) })
	}
	db.view.users++
	return db.view
}

func (v *view) release() {
	if v == nil {
		return
	}
	v.owner.mu.Lock()
	v.users--
	last := v.retired && v.users == 0
	v.owner.mu.Unlock()
	if last {
		v.close()
	}
}

// retire takes the current view out of use and waits a moment for those who are in it.
func (db *DB) retire() {
	db.mu.Lock()
	v := db.view
	db.mu.Unlock()
	if v == nil {
		return
	}
	db.retireView(v)
	select {
	case <-v.closed:
	case <-time.After(db.opt.View):
	}
}

func (db *DB) retireView(v *view) {
	db.mu.Lock()
	if db.view == v {
		db.view = nil
	}
	last := !v.retired && v.users == 0
	v.retired = true
	db.mu.Unlock()
	if last {
		v.close()
	}
}

func (v *view) close() {
	v.timer.Stop()
	if v.db != nil {
		for _, r := range v.readers {
			if guard(func() error { _ = r.tx.Rollback(); return nil }) != nil {
				v.stuck = true
			}
		}
		closeBolt(v.db, v.file, v.stuck)
	}
	close(v.closed)
	if v.broken != nil {
		v.owner.setAside(v.info, v.broken)
	}
}

// closeBolt closes the database. If bbolt is stuck, its Close would wait for ever for the lock that a panic has left
// behind; then the file is closed, which gives up the lock on it, and the memory map is left to the end of the program.
func closeBolt(db *bbolt.DB, file *os.File, stuck bool) {
	if stuck || guard(db.Close) != nil {
		_ = file.Close()
	}
}

// fail takes a view out of use because of damage. The reader that met it is not used again.
func (v *view) fail(err error) {
	v.owner.mu.Lock()
	v.broken = err
	v.owner.mu.Unlock()
	v.owner.retireView(v)
}

// take returns an idle reader, or a new one.
func (v *view) take() (*reader, error) {
	v.owner.mu.Lock()
	if n := len(v.idle); n > 0 {
		r := v.idle[n-1]
		v.idle = v.idle[:n-1]
		v.owner.mu.Unlock()
		return r, nil
	}
	v.owner.mu.Unlock()

	r := &reader{cursors: make(map[Table]*bbolt.Cursor, len(v.owner.opt.Tables))}
	err := guard(func() (err error) {
		r.tx, err = v.db.Begin(false)
		return err
	})
	v.owner.mu.Lock()
	if r.tx != nil {
		v.readers = append(v.readers, r)
	} else {
		v.stuck = v.stuck || errors.Is(err, errDamaged)
	}
	v.owner.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return r, guard(func() error {
		for _, table := range v.owner.opt.Tables {
			if b := r.tx.Bucket([]byte(table)); b != nil {
				r.cursors[table] = b.Cursor()
			}
		}
		return nil
	})
}

func (v *view) give(r *reader) {
	v.owner.mu.Lock()
	v.idle = append(v.idle, r)
	v.owner.mu.Unlock()
}

// get returns the stored bytes, which are valid while the reader is held.
func (r *reader) get(table Table, key []byte) ([]byte, bool) {
	c := r.cursors[table]
	if c == nil {
		return nil, false
	}
	k, v := c.Seek(key)
	return v, bytes.Equal(k, key) && k != nil
}

func (r *reader) hasPrefix(table Table, prefix []byte) bool {
	c := r.cursors[table]
	if c == nil {
		return false
	}
	k, _ := c.Seek(prefix)
	return bytes.HasPrefix(k, prefix) && k != nil
}

// openView opens the file for reading, after it has checked it if this process sees it for the first time.
func (db *DB) openView() (*view, error) {
	v, err := db.tryView()
	if errors.Is(err, errDamaged) || errors.Is(err, errNewer) {
		db.setAside(v.info, err)
		v, err = db.tryView()
	}
	return v, err
}

func (db *DB) tryView() (*view, error) {
	v := &view{owner: db, closed: make(chan struct{})}
	flags := os.O_RDWR | os.O_CREATE
	if db.opt.ReadOnly {
		flags = os.O_RDONLY // where there is no lock to take, nobody has written yet
	}
	turnstile, err := lockOpened(db.lockPath(), flags, false, db.opt.Wait, nil)
	switch {
	case err == nil:
		defer turnstile.Close()
	case errors.Is(err, ErrBusy):
		return nil, err
	case db.opt.ReadOnly: // bbolt's own lock has to do, as below
	default:
		// A folder that cannot be written: bbolt's own lock keeps writers out while we read.
		db.cannotSave(err)
	}
	info, err := os.Stat(db.path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && info.Size() == 0 {
		return v, nil
	} else if err != nil {
		return nil, err
	}
	if v.db, v.file, v.info, err = db.openBolt(true); err != nil {
		return v, err
	}
	var tx *bbolt.Tx
	err = guard(func() error {
		if tx, err = v.db.Begin(false); err != nil {
			return err
		}
		v.foreign, err = db.judge(tx)
		return errors.Join(err, tx.Rollback())
	})
	if err != nil {
		stuck := tx == nil || guard(func() error { _ = tx.Rollback(); return nil }) != nil
		closeBolt(v.db, v.file, stuck)
	}
	return v, err
}

// judge looks at whose file it is. A file without any table is one that was cut off while it was made.
func (db *DB) judge(tx *bbolt.Tx) (foreign bool, err error) {
	head := tx.Bucket(headTable)
	if head == nil {
		k, _ := tx.Cursor().First()
		return k != nil, nil
	}
	format := head.Get(formatKey)
	if len(format) != 4 {
		return false, damaged("it does not say its format")
	}
	if f := binary.LittleEndian.Uint32(format); f > db.opt.Format {
		return false, fmt.Errorf("%w (format %d; this one knows %d)", errNewer, f, db.opt.Format)
	}
	return false, nil
}

// openBolt opens the file with bbolt. The caller holds the turnstile, so nobody writes meanwhile.
func (db *DB) openBolt(readOnly bool) (*bbolt.DB, *os.File, os.FileInfo, error) {
	var (
		bolt *bbolt.DB
		file *os.File
		info os.FileInfo
	)
	err := guard(func() (err error) {
		bolt, err = bbolt.Open(db.path, 0o600, &bbolt.Options{
			ReadOnly:     readOnly,
			Timeout:      db.opt.View + 100*time.Millisecond, // readers that are still in leave within one view's life
			NoStatistics: true,
			NoSync:       db.opt.noSync,
			FreelistType: bbolt.FreelistMapType,
			OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
				var err error
				if file, err = os.OpenFile(path, flag, mode); err != nil {
					return nil, err
				}
				if info, err = file.Stat(); err != nil {
					return file, err
				}
				return file, db.checkOnce(file, info, false)
			},
		})
		return err
	})
	if err == nil {
		return bolt, file, info, nil
	}
	if file != nil {
		_ = file.Close() // bbolt may have panicked before it could
	}
	if info != nil && info.Size() == 0 && !readOnly {
		_ = os.Remove(db.path) // what a full disk left of making it would look damaged
	}
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		err = ErrBusy
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		err = damaged("%v", err)
	}
	return nil, nil, info, err
}

// checkOnce checks a file that this process has not checked yet; see check. Programs that write it have checked it before,
// so it stays good.
func (db *DB) checkOnce(file *os.File, info os.FileInfo, full bool) error {
	level := 0
	if full {
		level = 1
	}
	db.mu.Lock()
	known := db.checked[level] != nil && os.SameFile(db.checked[level], info)
	db.mu.Unlock()
	if known || info.Size() == 0 {
		return nil
	}
	if err := check(file, info.Size(), full); err != nil {
		return err
	}
	db.mu.Lock()
	db.checked[level] = info
	db.mu.Unlock()
	return nil
}

func (db *DB) lockPath() string { return db.path + ".lock" }

// setAside renames the file, unless another program has done so already: bad is the file in which the fault was found.
func (db *DB) setAside(bad os.FileInfo, why error) {
	code, to := WarnDamaged, db.path+".damaged"
	if errors.Is(why, errNewer) {
		code, to = WarnNewer, db.path+".newer"
	}
	if db.opt.ReadOnly {
		db.warn(code, fmt.Sprintf("%s cannot be used: %v", db.path, why))
		return
	}
	turnstile, err := lockFile(db.lockPath(), true, db.opt.Wait, nil)
	if err == nil {
		defer turnstile.Close()
		var now os.FileInfo
		if now, err = os.Stat(db.path); errors.Is(err, fs.ErrNotExist) || err == nil && bad != nil && !os.SameFile(now, bad) {
			return
		}
		if err == nil {
			err = os.Rename(db.path, to)
		}
	}
	if err != nil {
		db.warn(code, fmt.Sprintf("%s cannot be used: %v; nor could it be set aside: %v", db.path, why, err))
		return
	}
	db.warn(code, fmt.Sprintf("%s cannot be used and was set aside as %s, a new one is begun: %v", db.path, to, why))
}
