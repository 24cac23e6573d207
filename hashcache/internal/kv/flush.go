package kv

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	// minChunk and slowCommit steer how much one transaction holds: when a commit takes longer than slowCommit, the
	// next holds half as much, so that nobody else waits for long on a slow disk.
	minChunk   = 500
	slowCommit = 250 * time.Millisecond
	// maxChunkBytes bounds a transaction of large values.
	maxChunkBytes = 32 << 20
	// breather is the pause between two transactions in which the others get their turn.
	breather = 3 * lockPoll
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

// Flush writes what is pending. While other programs hold the file it tries again until ctx ends; what is left then
// stays pending. Failures of the disk have been warned about.
func (db *DB) Flush(ctx context.Context) error {
	db.flush(ctx.Done())
	return ctx.Err()
}

// flush does the same until done is closed, and reports how many keys are left.
func (db *DB) flush(done <-chan struct{}) (left int) {
	db.flushing.Lock()
	defer db.flushing.Unlock()

	db.mu.Lock()
	if db.opt.ReadOnly {
		db.mu.Unlock()
		return 0 // nothing is to be kept
	}
	if db.unsaved || db.pending.keys == 0 {
		left = db.pending.keys
		db.mu.Unlock()
		return left
	}
	db.saving, db.pending = db.pending, newBatch(db.opt.Prefix)
	items := db.saving.items()
	db.mu.Unlock()

	items, err := db.save(items, done)
	db.mu.Lock()
	db.pending.addOlder(items) // they still serve this run
	db.saving = nil
	left = db.pending.keys
	db.mu.Unlock()
	if err != nil {
		db.cannotSave(err)
	}
	return left
}

// save writes the items in chunks, each in an open of its own, so that others get in between. It returns what is left
// when done is closed, or with an error when the disk refuses.
func (db *DB) save(items []item, done <-chan struct{}) (left []item, err error) {
	if err := db.checkFully(); err != nil {
		return items, err
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key))
	})
	setAside := false
	for len(items) > 0 {
		n := chunkLen(items, db.chunk)
		took, info, err := db.commit(items[:n], done)
		switch {
		case err == nil:
			items = items[n:]
			if took > slowCommit {
				db.chunk = max(db.chunk/2, minChunk)
			} else if took < slowCommit/2 {
				db.chunk = min(db.chunk*2, db.opt.BatchKeys)
			}
		case (errors.Is(err, errDamaged) || errors.Is(err, errNewer)) && !setAside:
			db.setAside(info, err)
			setAside = true
		case !errors.Is(err, ErrBusy):
			return items, err
		}
		if len(items) == 0 {
			break
		}
		select {
		case <-done:
			return items, nil
		case <-time.After(breather):
		}
	}
	return items, nil
}

func chunkLen(items []item, most int) int {
	bytes := 0
	for i, it := range items {
		bytes += len(it.key) + len(it.value)
		if i > 0 && (i >= most || bytes > maxChunkBytes) {
			return i
		}
	}
	return len(items)
}

// checkFully checks the whole file before this process first writes to it. It does so beside other readers.
func (db *DB) checkFully() error {
	v := db.acquire()
	defer v.release()
	if v == nil || v.db == nil {
		return nil
	}
	file, err := os.Open(db.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if now, err := file.Stat(); err != nil || !os.SameFile(now, v.info) {
		return err
	}
	if err := db.checkOnce(file, v.info, true); errors.Is(err, errDamaged) {
		v.fail(err)
	} else if err != nil {
		return err
	}
	return nil
}

// commit writes the items in one transaction and reports how long it held the file.
func (db *DB) commit(items []item, done <-chan struct{}) (took time.Duration, info os.FileInfo, err error) {
	turnstile, err := lockFile(db.lockPath(), true, db.opt.Wait, done)
	if err != nil {
		return 0, nil, err
	}
	defer turnstile.Close()
	start := time.Now()
	db.retire()
	db.drain()
	bolt, file, info, err := db.openBolt(false)
	if err != nil {
		return 0, info, err
	}
	var tx *bbolt.Tx
	err = guard(func() error {
		if tx, err = bolt.Begin(true); err != nil {
			return err
		}
		if err := db.write(tx, items); err != nil {
			return err
		}
		return tx.Commit()
	})
	stuck := false
	if err != nil {
		stuck = tx == nil || guard(func() error { _ = tx.Rollback(); return nil }) != nil
	}
	closeBolt(bolt, file, stuck)
	return time.Since(start), info, err
}

// drain waits until the readers that are still in have left. bbolt would do so as well, but looks only every 50 ms.
func (db *DB) drain() {
	if file, err := lockFile(db.path, true, db.opt.View, nil); err == nil {
		_ = file.Close()
	}
}

func (db *DB) write(tx *bbolt.Tx, items []item) error {
	if foreign, err := db.judge(tx); err != nil {
		return err
	} else if foreign {
		return ErrForeign
	}
	head, err := tx.CreateBucketIfNotExists(headTable)
	if err != nil {
		return err
	}
	if head.Get(formatKey) == nil {
		if err := head.Put(formatKey, binary.LittleEndian.AppendUint32(nil, db.opt.Format)); err != nil {
			return err
		}
	}
	var (
		bucket   *bbolt.Bucket
		constant bool
	)
	for i, it := range items {
		if i == 0 || it.table != items[i-1].table {
			if bucket, err = tx.CreateBucketIfNotExists([]byte(it.table)); err != nil {
				return err
			}
			// Keys of one folder arrive in order, so fuller pages than bbolt's half are worth it.
			bucket.FillPercent = 0.8
			constant = slices.Contains(db.opt.Constant, it.table)
		}
		key := []byte(it.key)
		if constant && it.value != nil {
			if _, sound := open(it.table, key, bucket.Get(key)); sound {
				continue
			}
		}
		if it.value == nil {
			err = bucket.Delete(key)
		} else {
			err = bucket.Put(key, seal(it.table, key, it.value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
