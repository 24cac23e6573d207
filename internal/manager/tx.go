package manager

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// tx is one change of the state. What it touches is changed in memory at once, put into the database at its
// end, and put back as it was when that fails. Slices and maps inside records are replaced, never changed in
// place.
type tx struct {
	s       *store
	now     time.Time
	touched map[any]bool // pointers to records
	writes  []write
	undo    []func()
	logs    []logLine
}

// write puts a value into the database, as JSON or raw if it is bytes; nil removes the key.
type write struct {
	bucket, key []byte
	value       any
}

func (x *tx) write(bucket, key []byte, value any) {
	x.writes = append(x.writes, write{bucket, key, value})
}

// logLine is to be appended to a task's log once the change is stored.
type logLine struct{ job, task, text string }

// update makes one change: all of what change does, or, when it fails, nothing.
func (m *Manager) update(change func(*tx) error) error {
	logs, err := m.store.update(change)
	for _, line := range logs {
		m.appendLog(line)
	}
	return err
}

func (s *store) update(change func(*tx) error) ([]logLine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := &tx{s: s, now: time.Now().UTC(), touched: make(map[any]bool)}
	err := change(x)
	if err == nil {
		err = x.commit()
	}
	if err != nil {
		for _, undo := range slices.Backward(x.undo) {
			undo()
		}
		return nil, err
	}
	return x.logs, nil
}

// edit returns record to change. The first time it notes how the record was, and that it is to be written.
func edit[V any](x *tx, record *V, bucket, key []byte) *V {
	if !x.touched[record] {
		x.touched[record] = true
		was := *record
		x.undo = append(x.undo, func() { *record = was })
		x.write(bucket, key, record)
	}
	return record
}

// job returns a job to change.
func (x *tx) job(e *entry) *job {
	j := edit(x, &e.job, bucketJobs, seqKey(e.Seq))
	j.Updated = x.now
	return j
}

// task returns a task to change.
func (x *tx) task(ref taskRef) *task {
	t := edit(x, ref.task(), bucketTasks, taskKey(ref.entry.Seq, ref.task().Index))
	t.Updated = x.now
	return t
}

// worker returns a worker to change.
func (x *tx) worker(w *worker) *worker { return edit(x, w, bucketWorkers, seqKey(w.Seq)) }

// tag returns a tag to change.
func (x *tx) tag(t *tag) *tag { return edit(x, t, bucketTags, seqKey(t.Seq)) }

// setLastRendered sets the job of the last image.
func (x *tx) setLastRendered(job string) {
	before := x.s.lastRendered
	x.s.lastRendered = job
	x.undo = append(x.undo, func() { x.s.lastRendered = before })
	x.write(bucketMeta, keyLast, []byte(job))
}

// log appends a line to a task's log, after the time as the real Manager writes it.
func (x *tx) log(e *entry, t *task, text string) {
	x.logs = append(x.logs, logLine{e.ID, t.ID, x.now.Local().Format(time.RFC3339) + " " + text})
}

func (x *tx) nextSeq() uint64 {
	x.s.seq++ // stays used when the change fails
	return x.s.seq
}

func (x *tx) addJob(e *entry, commands []json.RawMessage) {
	e.Seq = x.nextSeq()
	x.s.remember(e)
	x.undo = append(x.undo, func() { x.s.forget(e) })
	x.write(bucketJobs, seqKey(e.Seq), &e.job)
	for i := range e.tasks {
		key := taskKey(e.Seq, e.tasks[i].Index)
		x.write(bucketTasks, key, &e.tasks[i])
		x.write(bucketCommands, key, []byte(commands[i]))
	}
}

func (x *tx) removeJob(e *entry) {
	x.s.forget(e)
	x.undo = append(x.undo, func() { x.s.remember(e) })
	if x.s.lastRendered == e.ID {
		x.setLastRendered("")
	}
	for i := range e.tasks {
		key := taskKey(e.Seq, e.tasks[i].Index)
		x.write(bucketTasks, key, nil)
		x.write(bucketCommands, key, nil)
	}
	x.write(bucketJobs, seqKey(e.Seq), nil)
}

func (s *store) forget(e *entry) {
	delete(s.entries, e.ID)
	s.ordered = slices.DeleteFunc(s.ordered, func(other *entry) bool { return other == e })
	for i := range e.tasks {
		delete(s.tasks, e.tasks[i].ID)
	}
}

func (s *store) remember(e *entry) {
	s.entries[e.ID] = e
	s.ordered = append(s.ordered, e)
	slices.SortFunc(s.ordered, func(a, b *entry) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range e.tasks {
		s.tasks[e.tasks[i].ID] = taskRef{e, i}
	}
}

func (x *tx) addWorker(w *worker) {
	w.Seq = x.nextSeq()
	x.s.workers[w.ID] = w
	x.worker(w)
	x.undo = append(x.undo, func() { delete(x.s.workers, w.ID) })
}

func (x *tx) addTag(t *tag) {
	t.Seq = x.nextSeq()
	x.s.tags[t.ID] = t
	x.tag(t)
	x.undo = append(x.undo, func() { delete(x.s.tags, t.ID) })
}

func (x *tx) removeTag(t *tag) {
	delete(x.s.tags, t.ID)
	x.undo = append(x.undo, func() { x.s.tags[t.ID] = t })
	x.write(bucketTags, seqKey(t.Seq), nil)
}

// commit writes everything into the database, in one transaction.
func (x *tx) commit() error {
	if len(x.writes) == 0 {
		return nil
	}
	x.s.dirty.Store(true)
	if x.s.full() {
		return errDiskFull
	}
	return x.s.db.Update(func(tx *bolt.Tx) error {
		for _, w := range x.writes {
			bucket := tx.Bucket(w.bucket)
			data, raw := w.value.([]byte)
			if !raw && w.value != nil {
				data = encode(w.value)
			}
			var err error
			if w.value == nil {
				err = bucket.Delete(w.key)
			} else {
				err = bucket.Put(w.key, data)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// quote writes a status the way the real Manager does in activities.
func quote[S ~string](status S) string { return strconv.Quote(string(status)) }
