package kv

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Table names one of the tables given to Open.
type Table string

// Options configures a DB. Zero fields get the defaults of [Open].
type Options struct {
	// Format is the caller's version of keys and values. A file with a higher one is set aside.
	Format uint32
	Tables []Table

	// View is how long one snapshot may serve lookups, and so how long a writer waits. 50 ms: opening one
	// costs 0.1 ms.
	View time.Duration
	// Wait is how long a lookup waits for another program's batch, and a batch for other programs. 700 ms:
	// several times what a full batch takes on a disk, and below the second that two runs may keep each
	// other.
	Wait time.Duration
	// BatchKeys and BatchAge say when a batch is written, but for batchBytes: 10,000 keys are 20 ms of work and
	// 3 MB of memory, and 5 s is what a kill may cost. With four times as many in memory Put forgets.
	BatchKeys int
	BatchAge  time.Duration

	// ReadOnly leaves the disk as it is: what Put stores serves this DB only, and is forgotten.
	ReadOnly bool

	// Warn hears of each code once. It is called from any goroutine.
	Warn func(Warning)

	noSync bool // for tests that make thousands of files
}

// Warning is what costs speed but not correctness.
type Warning struct{ Code, Message string }

// The codes of warnings.
const (
	WarnDamaged = "cache-damaged" // the file was damaged and has been set aside, or single values are being ignored
	WarnNewer   = "cache-newer"   // the file was written by a newer version and has been set aside
	WarnUnsaved = "cache-unsaved" // what this run learned could not be written
	WarnUnread  = "cache-unread"  // the file cannot be read
)

// DB is an open store. Its methods may be called from any number of goroutines.
type DB struct {
	path string
	opt  Options

	viewing sync.Mutex // held during each lookup, and while the view is opened or closed
	view    *view
	noView  time.Time // until then lookups miss instead of waiting

	mu      sync.Mutex
	pending *batch // collects
	saving  *batch // is being written; nil when no write runs
	unsaved bool   // the disk takes no writes: what is put is kept only while it fits in memory
	warned  map[string]bool

	sound fs.FileInfo // see wasSound

	flushing  sync.Mutex // one writer at a time
	kick      chan struct{}
	stop      chan struct{}
	stopped   chan struct{}
	closeOnce sync.Once
}

// Open prepares the store at path and makes its folder. A file that is not there is made with the first
// batch; one that cannot be read or written costs a warning, not an error. Errors: path is a folder, or
// ErrForeign.
func Open(path string, opt Options) (*DB, error) {
	opt.View = cmp.Or(opt.View, 50*time.Millisecond)
	opt.Wait = cmp.Or(opt.Wait, 700*time.Millisecond)
	opt.BatchKeys = cmp.Or(opt.BatchKeys, 10_000)
	opt.BatchAge = cmp.Or(opt.BatchAge, 5*time.Second)
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a file", path)
	}
	db := &DB{
		path: path, opt: opt, pending: newBatch(), warned: make(map[string]bool),
		kick: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := db.read(func(*view) error { return nil }); errors.Is(err, ErrForeign) {
		db.leaveView()
		return nil, err
	}
	if !opt.ReadOnly {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			db.cannotSave(err)
		}
	}
	go db.flusher()
	return db, nil
}

// Path is the absolute path of the file.
func (db *DB) Path() string { return db.path }

// Get appends the value of key to dst, which saves an allocation if it has room for SumSize bytes more than
// the value. It reports false for a key that is not there, whose value is damaged, or that could not be
// looked up in time.
func (db *DB) Get(table Table, key, dst []byte) ([]byte, bool) {
	if value, known := db.unwritten(table, key); known {
		return append(dst, value...), value != nil
	}
	stored := dst
	err := db.read(func(v *view) (err error) {
		stored, err = v.get(table, key, dst)
		return err
	})
	if err != nil {
		return dst, false
	}
	value, ok := open(table, key, stored[len(dst):])
	if !ok {
		db.warn(WarnDamaged, fmt.Sprintf("%s: a value does not agree with its checksum and is ignored", db.path))
	}
	return stored[:len(dst)+len(value)], ok
}

// Values of batchBytes are a batch: while bbolt commits it, it takes four times their memory. With mostBytes, which
// is several of the largest values, Put forgets.
const (
	batchBytes = 4 << 20
	mostBytes  = 64 << 20
)

// Put stores a value, which must not be empty. It copies the slices.
func (db *DB) Put(table Table, key, value []byte) { db.put(table, key, value) }

// Delete removes a key.
func (db *DB) Delete(table Table, key []byte) { db.put(table, key, nil) }

func (db *DB) put(table Table, key, value []byte) {
	db.mu.Lock()
	full := len(db.pending.values) >= 4*db.opt.BatchKeys || db.pending.bytes+len(value) > mostBytes
	if !full {
		db.pending.put(table, key, value)
	}
	enough := len(db.pending.values) >= db.opt.BatchKeys || db.pending.bytes >= batchBytes
	db.mu.Unlock()
	if db.opt.ReadOnly {
		return
	}
	if full { // the writer does not keep up, or cannot write: forget, do not grow
		db.warn(WarnUnsaved, db.path+": it could not be written for some time, so a part of what this run learned is not kept")
	}
	if enough {
		db.wake()
	}
}

func (db *DB) wake() {
	select {
	case db.kick <- struct{}{}:
	default:
	}
}

// unwritten looks a key up in the batches that are not in the file yet. A nil value with known set means that
// the key was deleted.
func (db *DB) unwritten(table Table, key []byte) (value []byte, known bool) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if value, known = db.pending.get(table, key); !known {
		value, known = db.saving.get(table, key)
	}
	return value, known
}

// Close writes what is left and ends. If other programs hold the file it gives up after Options.Wait, with a
// warning.
func (db *DB) Close() {
	db.closeOnce.Do(func() {
		enough := make(chan struct{})
		defer time.AfterFunc(db.opt.Wait, func() { close(enough) }).Stop()
		close(db.stop)
		<-db.stopped
		if left := db.flush(enough); left > 0 {
			db.warn(WarnUnsaved, fmt.Sprintf("%s: another program held it, so %d entries are not kept; the next run will read those files again", db.path, left))
		}
		db.leaveView()
	})
}

// warn passes the first warning of each code on.
func (db *DB) warn(code, message string) {
	db.mu.Lock()
	first := !db.warned[code]
	db.warned[code] = true
	db.mu.Unlock()
	if first && db.opt.Warn != nil {
		db.opt.Warn(Warning{code, message})
	}
}

// cannotSave stops writing for the rest of the run.
func (db *DB) cannotSave(err error) {
	db.mu.Lock()
	db.unsaved = true
	db.mu.Unlock()
	db.warn(WarnUnsaved, fmt.Sprintf("%s: what this run learns is not kept, the next one will read those files again: %v", db.path, err))
}

var crcTable = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(crc64.ECMA) })

// SumSize is the length of the checksum that is stored behind each value, in bytes.
const SumSize = 8

// open returns the value without its checksum, or false if they do not agree.
func open(table Table, key, stored []byte) ([]byte, bool) {
	if len(stored) <= SumSize {
		return nil, false
	}
	value := stored[:len(stored)-SumSize]
	var want [SumSize]byte
	return value, string(appendSum(want[:0], table, key, value)) == string(stored[len(value):])
}

func appendSum(dst []byte, table Table, key, value []byte) []byte {
	sum := uint64(len(key))
	for _, part := range [][]byte{[]byte(table), key, value} {
		sum = crc64.Update(sum, crcTable(), part)
	}
	return binary.BigEndian.AppendUint64(dst, sum)
}
