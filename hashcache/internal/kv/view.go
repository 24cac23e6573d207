package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

var errMiss = errors.New("not there")

// view is one snapshot of the file. boltFile is nil when there is no file.
type view struct {
	*boltFile
	timer *time.Timer // closes it
}

// read runs do, under guard, on a snapshot. It returns do's error, errMiss when there is no file, ErrBusy
// when other programs hold it, or an error that wraps errDamaged, ErrForeign or the system's.
func (db *DB) read(do func(*view) error) error {
	for try := 1; ; try++ {
		var bad fs.FileInfo
		err := poll(db.opt.Wait, nil, func() (bool, error) {
			db.viewing.Lock()
			defer db.viewing.Unlock()
			if db.view == nil {
				if ok, err := db.openView(&bad); !ok {
					return false, err
				}
			}
			v := db.view
			if v.boltFile == nil {
				return true, errMiss
			}
			err := guard(func() error { return do(v) })
			if errors.Is(err, errDamaged) {
				bad = v.info
				db.closeView(err)
			}
			return true, err
		})
		if try == 1 && (errors.Is(err, errDamaged) || errors.Is(err, errNewer)) {
			if err = db.setAside(bad, err); err == nil {
				continue
			}
		}
		if err != nil && err != errMiss {
			db.readFailed(err)
		}
		return err
	}
}

// readFailed lets lookups miss at once for a second, so that not each of them waits in turn.
func (db *DB) readFailed(err error) {
	db.viewing.Lock()
	if db.view == nil && time.Now().After(db.noView) {
		db.noView = time.Now().Add(time.Second)
	}
	db.viewing.Unlock()
	if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrForeign) { // that is an error of the whole run
		db.warn(WarnUnread, fmt.Sprintf("%s: it cannot be read, so files are read again: %v", db.path, err))
	}
}

// openView makes one attempt to open the file for reading. It returns false without an error when the
// turnstile is locked. It sets info once the file was opened. It is called under viewing.
func (db *DB) openView(info *fs.FileInfo) (bool, error) {
	if time.Now().Before(db.noView) {
		return false, ErrBusy
	}
	leave, err := db.enter(false, 0, nil)
	if err == nil {
		defer leave()
	} else if errors.Is(err, ErrBusy) {
		return false, nil
	} // else bbolt's own lock has to do: before the first write, and in a folder of somebody else
	v := new(view)
	now, err := os.Stat(db.path)
	if err == nil && now.Size() > 0 {
		v.boltFile, err = db.openBolt(true)
		*info = v.info
	} else if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		err = nil
	}
	if err != nil {
		return false, err
	}
	v.timer = time.AfterFunc(db.opt.View, func() {
		db.viewing.Lock()
		defer db.viewing.Unlock()
		if db.view == v {
			db.closeView(nil)
		}
	})
	db.view = v
	return true, nil
}

// closeView closes the view, if there is one, after a use that ended with err. It is called under viewing.
func (db *DB) closeView(err error) {
	v := db.view
	db.view = nil
	if v == nil {
		return
	}
	v.timer.Stop()
	if v.boltFile != nil {
		v.close(err)
	}
}

// leaveView closes the current view.
func (db *DB) leaveView() {
	db.viewing.Lock()
	defer db.viewing.Unlock()
	db.closeView(nil)
}

// get appends the stored bytes to dst.
func (v *view) get(table Table, key, dst []byte) ([]byte, error) {
	if root := v.roots[table]; root != 0 {
		if got, err := v.pages.get(root, key, dst); err != errLong {
			return got, err
		}
	}
	if c := v.cursors[table]; c != nil {
		if k, stored := c.Seek(key); k != nil && bytes.Equal(k, key) {
			return append(dst, stored...), nil
		}
	}
	return dst, errMiss
}
