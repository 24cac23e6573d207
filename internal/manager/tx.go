package manager

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
)

// tx is one change of the state. What it touches is changed in memory at once, put into the database at its end, and
// put back as it was when that fails. Slices and maps inside records are replaced, never changed in place.
type tx struct {
	s       *store
	now     time.Time
	jobs    map[*entry]job // as they were
	tasks   map[taskRef]task
	workers map[*worker]worker
	tags    map[*tag]tag
	added   *newJob
	removed []func(*bolt.Tx) error
	undo    []func()
	logs    []logLine
	image   bool // lastRendered changed
}

// newJob is a job that this change adds, with what its tasks are to do.
type newJob struct {
	entry    *entry
	commands []json.RawMessage
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
	x := &tx{s: s, now: time.Now().UTC()}
	before := s.lastRendered
	err := change(x)
	if err == nil {
		err = x.commit()
	}
	if err != nil {
		x.rollback()
		s.lastRendered = before
		return nil, err
	}
	return x.logs, nil
}

// edit notes what a record was like when a change first touches it.
func edit[K comparable, V any](touched *map[K]V, key K, value V) {
	if *touched == nil {
		*touched = make(map[K]V)
	}
	if _, ok := (*touched)[key]; !ok {
		(*touched)[key] = value
	}
}

// job returns a job to change.
func (x *tx) job(e *entry) *job {
	edit(&x.jobs, e, e.job)
	e.Updated = x.now
	return &e.job
}

// task returns a task to change.
func (x *tx) task(ref taskRef) *task {
	t := ref.task()
	edit(&x.tasks, ref, *t)
	t.Updated = x.now
	return t
}

// worker returns a worker to change.
func (x *tx) worker(w *worker) *worker {
	edit(&x.workers, w, *w)
	return w
}

// tag returns a tag to change.
func (x *tx) tag(t *tag) *tag {
	edit(&x.tags, t, *t)
	return t
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
	s := x.s
	s.entries[e.ID] = e
	s.ordered = append(s.ordered, e)
	for i := range e.tasks {
		s.tasks[e.tasks[i].ID] = taskRef{e, i}
	}
	x.added = &newJob{e, commands}
	x.undo = append(x.undo, func() { s.forget(e) })
}

func (x *tx) removeJob(e *entry) {
	s := x.s
	last := s.lastRendered
	s.forget(e)
	if last == e.ID {
		s.lastRendered, x.image = "", true
	}
	x.undo = append(x.undo, func() { s.remember(e) })
	x.removed = append(x.removed, func(tx *bolt.Tx) error {
		for i := range e.tasks {
			key := taskKey(e.Seq, e.tasks[i].Index)
			if err := tx.Bucket(bucketTasks).Delete(key); err != nil {
				return err
			}
			if err := tx.Bucket(bucketCommands).Delete(key); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketJobs).Delete(seqKey(e.Seq))
	})
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
	edit(&x.workers, w, *w)
	x.undo = append(x.undo, func() { delete(x.s.workers, w.ID) })
}

func (x *tx) addTag(t *tag) {
	t.Seq = x.nextSeq()
	x.s.tags[t.ID] = t
	edit(&x.tags, t, *t)
	x.undo = append(x.undo, func() { delete(x.s.tags, t.ID) })
}

func (x *tx) removeTag(t *tag) {
	delete(x.s.tags, t.ID)
	x.undo = append(x.undo, func() { x.s.tags[t.ID] = t })
	x.removed = append(x.removed, func(tx *bolt.Tx) error { return tx.Bucket(bucketTags).Delete(seqKey(t.Seq)) })
}

// commit puts everything that was touched into the database, in one transaction.
func (x *tx) commit() error {
	if len(x.jobs)+len(x.tasks)+len(x.workers)+len(x.tags)+len(x.removed) == 0 && x.added == nil && !x.image {
		return nil
	}
	x.s.dirty.Store(true)
	if x.s.full() {
		return errDiskFull
	}
	return x.s.db.Update(func(tx *bolt.Tx) error {
		puts := putter{tx: tx}
		for e := range x.jobs {
			puts.put(bucketJobs, seqKey(e.Seq), &e.job)
		}
		for _, ref := range slices.SortedFunc(maps.Keys(x.tasks), func(a, b taskRef) int { return a.index - b.index }) {
			puts.put(bucketTasks, taskKey(ref.entry.Seq, ref.task().Index), ref.task())
		}
		for w := range x.workers {
			puts.put(bucketWorkers, seqKey(w.Seq), w)
		}
		for t := range x.tags {
			puts.put(bucketTags, seqKey(t.Seq), t)
		}
		if x.added != nil {
			x.added.put(&puts)
		}
		if x.image {
			puts.raw(bucketMeta, keyLast, []byte(x.s.lastRendered))
		}
		for _, remove := range x.removed {
			if puts.err == nil {
				puts.err = remove(tx)
			}
		}
		return puts.err
	})
}

func (n *newJob) put(puts *putter) {
	puts.put(bucketJobs, seqKey(n.entry.Seq), &n.entry.job)
	for i := range n.entry.tasks {
		key := taskKey(n.entry.Seq, n.entry.tasks[i].Index)
		puts.put(bucketTasks, key, &n.entry.tasks[i])
		puts.raw(bucketCommands, key, n.commands[i])
	}
}

// putter writes until the first error.
type putter struct {
	tx  *bolt.Tx
	err error
}

func (p *putter) put(bucket, key []byte, value any) { p.raw(bucket, key, encode(value)) }

func (p *putter) raw(bucket, key, data []byte) {
	if p.err == nil {
		p.err = p.tx.Bucket(bucket).Put(key, data)
	}
}

// rollback puts every record back as it was, the last change first.
func (x *tx) rollback() {
	for e, was := range x.jobs {
		e.job = was
	}
	for ref, was := range x.tasks {
		*ref.task() = was
	}
	for w, was := range x.workers {
		*w = was
	}
	for t, was := range x.tags {
		*t = was
	}
	for _, undo := range slices.Backward(x.undo) {
		undo()
	}
}

// quote writes a status the way the real Manager does in activities.
func quote[S ~string](status S) string { return strconv.Quote(string(status)) }
