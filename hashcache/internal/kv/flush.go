package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"go.etcd.io/bbolt"
)

// flusher writes batches until the store is closed.
func (db *DB) flusher() {
	defer close(db.stopped)
	ticker := time.NewTicker(db.opt.BatchAge)
	defer ticker.Stop()
	for {
		select {
		case <-db.stop:
			return
		case <-db.kick:
		case <-ticker.C:
		}
		db.flush(db.stop)
	}
}

// Flush writes what is pending. While other programs hold the file it tries again until ctx ends; the rest
// then stays pending. Failures of the disk are warned about. The error is that of ctx.
func (db *DB) Flush(ctx context.Context) error {
	db.flush(ctx.Done())
	return ctx.Err()
}

// flush writes until done is closed and returns how many keys are left.
func (db *DB) flush(done <-chan struct{}) (left int) {
	db.flushing.Lock()
	defer db.flushing.Unlock()

	db.mu.Lock()
	if db.opt.ReadOnly || db.unsaved || len(db.pending.values) == 0 {
		defer db.mu.Unlock()
		if db.opt.ReadOnly {
			return 0 // nothing is to be kept
		}
		return len(db.pending.values)
	}
	db.saving, db.pending = db.pending, newBatch()
	db.mu.Unlock()

	items := db.saving.items()
	err := db.save(items, done)
	db.mu.Lock()
	if err != nil { // they still serve this run
		for _, it := range items {
			if _, newer := db.pending.values[it.itemKey]; !newer {
				db.pending.put(it.table, []byte(it.key), it.value)
			}
		}
	}
	db.saving = nil
	left = len(db.pending.values)
	db.mu.Unlock()
	if err != nil && !errors.Is(err, ErrBusy) {
		db.cannotSave(err)
	}
	return left
}

// save commits the items. It sets a damaged file aside, once, and returns ErrBusy only when done is closed.
func (db *DB) save(items []item, done <-chan struct{}) error {
	for aside := false; ; {
		info, err := db.commit(items, done)
		switch {
		case (errors.Is(err, errDamaged) || errors.Is(err, errNewer)) && !aside:
			if err := db.setAside(info, err); err != nil {
				return err
			}
			aside = true
		case !errors.Is(err, ErrBusy):
			return err
		}
		select {
		case <-done:
			return ErrBusy
		case <-time.After(lockPoll):
		}
	}
}

// commit writes the items in one transaction. It returns the info of the file once that was opened.
func (db *DB) commit(items []item, done <-chan struct{}) (fs.FileInfo, error) {
	leave, err := db.enter(true, db.opt.Wait, done)
	if err != nil {
		return nil, err
	}
	defer leave()
	db.leaveView()
	b, err := db.openBolt(false)
	if err != nil {
		return b.info, err
	}
	err = guard(func() error {
		if err := db.write(b.tx, items); err != nil {
			return err
		}
		return b.tx.Commit()
	})
	db.setSound(nil) // with a damaged list of free pages bbolt has written over used ones
	b.close(err)
	if err == nil {
		err = db.verify(items)
	}
	return b.info, err
}

// verify reports damage unless the file has the items: with a damaged list of free pages two of them may have
// got one.
func (db *DB) verify(items []item) error {
	b, err := db.openBolt(true)
	if err != nil {
		return err
	}
	err = guard(func() error {
		for _, it := range items {
			stored, err := (&view{boltFile: b}).get(it.table, []byte(it.key), nil)
			value, sound := open(it.table, []byte(it.key), stored)
			if it.value == nil && err != errMiss || it.value != nil && (!sound || !bytes.Equal(value, it.value)) {
				return damaged("what was written is not there")
			}
		}
		return nil
	})
	b.close(err)
	return err
}

func (db *DB) write(tx *bbolt.Tx, items []item) error {
	head, err := tx.CreateBucketIfNotExists(headTable)
	if err != nil {
		return err
	}
	if head.Get(formatKey) == nil {
		if err := head.Put(formatKey, binary.LittleEndian.AppendUint32(nil, db.opt.Format)); err != nil {
			return err
		}
	}
	var bucket *bbolt.Bucket
	for i, it := range items {
		if i == 0 || it.table != items[i-1].table {
			if bucket, err = tx.CreateBucketIfNotExists([]byte(it.table)); err != nil {
				return err
			}
			// Keys of one folder arrive in order, so fuller pages than bbolt's half are worth it.
			bucket.FillPercent = 0.8
		}
		if key := []byte(it.key); it.value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, appendSum(it.value[:len(it.value):len(it.value)], it.table, key, it.value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
