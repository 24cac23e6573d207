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
	Sound      bool   // the checksum agrees; not looked at when Each was asked for the head of the value only
}

// portionItems and portionBytes bound what Each copies out of the file at a time. After portionsMapped of them
// it gives up the memory map, of which each page that was read counts as memory of the program.
const (
	portionItems   = 1000
	portionBytes   = 1 << 20
	portionsMapped = 16
)

// Each visits what the file holds of a table, in the order of keys, and holds the file only while it copies a
// portion. With head >= 0 it cuts values after that many bytes and leaves their checksums alone. What is
// written meanwhile may or may not be visited; what is pending is not. The error is that of visit, ErrBusy,
// or says that the file is damaged.
func (db *DB) Each(table Table, head int, visit func(Item) error) error {
	var next []byte
	for portion := 1; ; portion++ {
		if portion%portionsMapped == 0 {
			db.leaveView()
		}
		var items []Item
		err := db.read(func(v *view) error {
			items = nil
			c, size, last := v.cursors[table], 0, next
			if c == nil {
				return nil
			}
			for k, stored := c.Seek(next); k != nil && len(items) < portionItems && size < portionBytes; k, stored = c.Next() {
				if bytes.Compare(k, last) < 0 {
					return damaged("its keys are not in order") // and would be visited for ever
				}
				last = append(bytes.Clone(k), 0)
				it := Item{Key: last[:len(k)], Size: max(0, len(stored)-SumSize)}
				if head >= 0 {
					stored = stored[:min(head, it.Size)]
				}
				it.Value = bytes.Clone(stored)
				items, size = append(items, it), size+len(k)+len(stored)
			}
			next = last
			return nil
		})
		if err != nil && !errors.Is(err, errMiss) {
			return fmt.Errorf("%s: %w", db.path, err)
		}
		if len(items) == 0 {
			return nil
		}
		for _, it := range items {
			if head < 0 {
				_, it.Sound = open(table, it.Key, it.Value)
				it.Value = it.Value[:it.Size]
			}
			if err := visit(it); err != nil {
				return err
			}
		}
	}
}

// Size returns the bytes of the file and how many of them are free.
func (db *DB) Size() (total, free int64, err error) {
	err = db.read(func(v *view) error {
		total = v.info.Size()
		free = int64(v.Stats().FreePageN*v.Info().PageSize) + max(0, total-v.tx.Size())
		return nil
	})
	if err == errMiss {
		err = nil
	}
	return total, free, err
}

// Compact writes the file anew without its free pages. Other programs cannot use it meanwhile; they go on
// without.
func (db *DB) Compact() error {
	db.flushing.Lock()
	defer db.flushing.Unlock()
	leave, err := db.enter(true, db.opt.Wait, nil)
	if err != nil {
		return err
	}
	defer leave()
	db.leaveView()
	if _, err := os.Stat(db.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	src, err := db.openBolt(false)
	if err != nil {
		return err
	}
	tmp := db.path + ".compact"
	defer os.Remove(tmp)
	_ = os.Remove(tmp) // of a run that was cut off
	err = guard(func() error {
		dst, err := bbolt.Open(tmp, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return err
		}
		err = bbolt.Compact(dst, src.DB, portionBytes)
		return errors.Join(err, dst.Sync(), dst.Close())
	})
	src.close(err)
	if err == nil {
		err = os.Rename(tmp, db.path)
	}
	return err
}
