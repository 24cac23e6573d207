package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
)

// Item is what Each visits.
type Item struct {
	Key, Value []byte // valid during the call
	Size       int    // bytes of the whole value
	Sound      bool   // the checksum agrees; not looked at when only the head of the value was asked for
}

// portion bounds what Each copies out of the file at a time, in items and bytes.
const (
	portionItems = 1000
	portionBytes = 1 << 20
)

// Each visits what the file holds of a table, in the order of keys, and holds the file only while it copies a portion.
// With head >= 0 values are cut after that many bytes and their checksums are left alone. What is written meanwhile may or
// may not be visited; what is pending is not. Returns the error of visit, or ErrBusy.
func (db *DB) Each(table Table, head int, visit func(Item) error) error {
	var next []byte
	for {
		var (
			items []Item
			size  int
		)
		err := db.read(func(r *reader) error {
			c := r.cursors[table]
			if c == nil {
				return nil
			}
			var last []byte
			for k, stored := c.Seek(next); k != nil && len(items) < portionItems && size < portionBytes; k, stored = c.Next() {
				if bytes.Compare(k, next) < 0 || last != nil && bytes.Compare(k, last) <= 0 {
					return damaged("its keys are not in order") // and would be visited for ever
				}
				last = k
				it := Item{Key: bytes.Clone(k), Size: max(0, len(stored)-sumSize)}
				value := stored[:it.Size]
				if head < 0 {
					_, it.Sound = open(table, k, stored)
				} else {
					value = value[:min(head, len(value))]
				}
				it.Value = bytes.Clone(value)
				items, size = append(items, it), size+len(it.Key)+len(it.Value)
			}
			return nil
		})
		if err != nil && !errors.Is(err, errMiss) {
			return fmt.Errorf("%s: %w", db.path, err)
		}
		if len(items) == 0 {
			return nil
		}
		for _, it := range items {
			if err := visit(it); err != nil {
				return err
			}
		}
		next = append(items[len(items)-1].Key, 0)
	}
}

// Size returns the bytes of the file and how many of them are free.
func (db *DB) Size() (total, free int64, err error) {
	err = db.withFile(func(file *os.File, size int64) error {
		total = size
		m, err := newestMeta(file)
		if err != nil {
			return err
		}
		c := &checker{file: file, pageSize: m.pageSize, pages: m.pages, used: make([]uint64, (m.pages+63)/64)}
		n, err := c.freelist(m.freelist)
		free = int64(n*m.pageSize) + max(0, size-int64(m.pages*m.pageSize))
		return err
	})
	return total, free, err
}

// Check reads every page of the file and returns an error that says what is wrong with its structure.
func (db *DB) Check() error {
	return db.withFile(func(file *os.File, size int64) error { return check(file, size, true) })
}

// withFile runs do, unless there is no file, while nobody writes to it.
func (db *DB) withFile(do func(file *os.File, size int64) error) error {
	v := db.acquire()
	defer v.release()
	if v == nil {
		return fmt.Errorf("%s: %w", db.path, ErrBusy)
	}
	if v.db == nil {
		return nil
	}
	file, err := os.Open(db.path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return do(file, info.Size())
}

// Compact writes the file anew without its free pages. Other programs cannot use it meanwhile; they go on without.
func (db *DB) Compact() (err error) {
	db.flushing.Lock()
	defer db.flushing.Unlock()
	turnstile, err := lockFile(db.lockPath(), true, db.opt.Wait, nil)
	if err != nil {
		return err
	}
	defer turnstile.Close()
	db.retire()
	if _, err := os.Stat(db.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	src, srcFile, _, err := db.openBolt(false)
	if err != nil {
		return err
	}
	tmp := db.path + ".compact"
	defer os.Remove(tmp)
	err = guard(func() error {
		_ = os.Remove(tmp) // of a run that was cut off
		dst, err := bbolt.Open(tmp, 0o600, &bbolt.Options{NoSync: true, NoStatistics: true, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return err
		}
		err = bbolt.Compact(dst, src, portionBytes)
		return errors.Join(err, dst.Sync(), dst.Close())
	})
	closeBolt(src, srcFile, err != nil)
	if err != nil {
		return err
	}
	// The turnstile keeps every reader and writer of ours out until the new file is in place.
	return os.Rename(tmp, db.path)
}
