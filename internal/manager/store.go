package manager

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// store is the state. All of it but the commands of tasks is in memory; a change is in the database before it
// is answered. Readers hold mu for reading, changes go through update.
type store struct {
	mu      sync.RWMutex
	db      *bolt.DB
	dirty   atomic.Bool // written since the last sync
	full    func() bool // whether to act as if the disk were full
	entries map[string]*entry
	ordered []*entry // by order of submission
	tasks   map[string]taskRef
	workers map[string]*worker
	tags    map[string]*tag
	seq     uint64 // the last one given out

	lastRendered string // job of the last image
}

// Buckets. Jobs, workers and tags are keyed by sequence number, tasks and commands by the job's and their
// index: what is added goes to the end, where it is cheapest.
var (
	bucketJobs     = []byte("jobs")
	bucketTasks    = []byte("tasks")
	bucketCommands = []byte("commands")
	bucketWorkers  = []byte("workers")
	bucketTags     = []byte("tags")
	bucketMeta     = []byte("meta")
	keyLast        = []byte("last-rendered")
	keyFormat      = []byte("format")
)

const storeFormat = "1"

func openStore(path string, durable bool) (*store, error) {
	const lockWait = time.Second
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: lockWait, NoSync: !durable, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s is in use: another embedded Manager runs on this folder", path)
	case err != nil:
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	s := &store{
		db: db, full: func() bool { return false },
		entries: make(map[string]*entry), tasks: make(map[string]taskRef),
		workers: make(map[string]*worker), tags: make(map[string]*tag),
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", path, err), db.Close())
	}
	return s, nil
}

// prepare makes what a new database lacks, and reads the rest. It writes nothing to one that is complete,
// because the disk may be full.
func (s *store) prepare() error {
	var format []byte
	err := s.db.View(func(tx *bolt.Tx) error {
		if meta := tx.Bucket(bucketMeta); meta != nil {
			format = append(format, meta.Get(keyFormat)...)
		}
		return nil
	})
	if err == nil && len(format) == 0 {
		format = []byte(storeFormat)
		err = s.db.Update(create)
	}
	switch {
	case err != nil:
		return err
	case string(format) != storeFormat:
		return fmt.Errorf("written by another version of flsync (format %q); move it away to begin anew", format)
	}
	return s.db.View(s.load)
}

func create(tx *bolt.Tx) error {
	for _, name := range [][]byte{bucketJobs, bucketTasks, bucketCommands, bucketWorkers, bucketTags, bucketMeta} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(bucketMeta).Put(keyFormat, []byte(storeFormat))
}

// load reads everything into memory.
func (s *store) load(tx *bolt.Tx) error {
	bySeq := make(map[uint64]*entry)
	s.lastRendered = string(tx.Bucket(bucketMeta).Get(keyLast))
	return errors.Join( // in this order
		each(tx, bucketJobs, func(_ []byte, j job) {
			e := &entry{job: j}
			s.entries[j.ID], bySeq[j.Seq] = e, e
			s.ordered = append(s.ordered, e)
			s.seq = max(s.seq, j.Seq)
		}),
		each(tx, bucketTasks, func(key []byte, t task) {
			if e := bySeq[binary.BigEndian.Uint64(key)]; e != nil {
				e.tasks = append(e.tasks, t)
				s.tasks[t.ID] = taskRef{e, len(e.tasks) - 1}
			}
		}),
		each(tx, bucketWorkers, func(_ []byte, w worker) {
			s.workers[w.ID] = &w
			s.seq = max(s.seq, w.Seq)
		}),
		each(tx, bucketTags, func(_ []byte, t tag) {
			s.tags[t.ID] = &t
			s.seq = max(s.seq, t.Seq)
		}))
}

// each decodes every value of a bucket, in the order of keys.
func each[T any](tx *bolt.Tx, bucket []byte, visit func(key []byte, value T)) error {
	return tx.Bucket(bucket).ForEach(func(key, data []byte) error {
		var value T
		if err := json.Unmarshal(data, &value); err != nil {
			return fmt.Errorf("%s %x: %w", bucket, key, err)
		}
		visit(key, value)
		return nil
	})
}

// syncIfDirty brings to the disk what a power cut would cost.
func (s *store) syncIfDirty() error {
	if !s.dirty.Swap(false) {
		return nil
	}
	return s.db.Sync()
}

func (s *store) close() error { return errors.Join(s.syncIfDirty(), s.db.Close()) }

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func taskKey(seq uint64, index int) []byte {
	return binary.BigEndian.AppendUint32(seqKey(seq), uint32(index))
}

// commands reads the commands of a task, as JSON.
func (s *store) commands(jobSeq uint64, index int) (commands json.RawMessage, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		commands = append(commands, tx.Bucket(bucketCommands).Get(taskKey(jobSeq, index))...)
		return nil
	})
	if len(commands) == 0 {
		commands = json.RawMessage("[]")
	}
	return commands, err
}
