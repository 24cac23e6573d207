package journal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Past is a run as its journal tells it.
type Past struct {
	Head
	Began, Ended time.Time // Ended is zero for a run that was killed, or that is going on
	Took         time.Duration
	ExitCode     int
	Jobs         []Job

	path     string
	released bool // it may have released held jobs
}

// Job is what a run did with one job.
type Job struct {
	Key         string    `json:"key"`
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Step        Step      `json:"step"` // the last one
	Checkout    string    `json:"checkout,omitempty"`
	ID          string    `json:"id,omitempty"` // the Manager's
	Error       string    `json:"error,omitempty"`
	Time        time.Time `json:"time"`

	used   bool // the checkout, by a job of this or a later run
	sent   bool // and nobody knows what came of it
	posted bool // by this run, and the Manager has it

	unanswered []string // paths of checkouts that were asked for, before Checkout
}

// Posted reports whether the run itself brought the job to the Manager. Others it skipped, released or
// canceled.
func (j Job) Posted() bool { return j.posted }

// Orphans are the checkouts that were made, or may have been, and have no job: one whose job never came, and
// those that were asked for without an answer.
func (j Job) Orphans() []string {
	if j.Checkout == "" || j.ID != "" || j.used || j.Step == Skipped || j.Step == NoCheckout {
		return j.unanswered
	}
	return append(j.unanswered[:len(j.unanswered):len(j.unanswered)], j.Checkout)
}

// List reads the runs in dir, newest first, at most limit of them; 0 means all. A journal that vanishes
// meanwhile, or in which nothing can be read, is left out.
func List(dir string, limit int) ([]Past, error) {
	runs, err := read(dir, limit, parse)
	markUsed(runs)
	return runs, err
}

// read is List with as many entries of each journal as parse returns. The first is enough for their order.
func read(dir string, limit int, parse func(text []byte) []Entry) ([]Past, error) {
	found, err := names(dir)
	if err != nil {
		return nil, err
	}
	var runs []Past
	var text bytes.Buffer // of one after the other
	for _, name := range found {
		if limit > 0 && len(runs) == limit {
			break
		}
		path := filepath.Join(dir, name)
		if err := load(&text, path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		if past, ok := tell(parse(text.Bytes())); ok {
			past.path, past.released = path, bytes.Contains(text.Bytes(), fmt.Appendf(nil, "%q", Released))
			runs = append(runs, past)
		}
	}
	// Names that older versions gave tell runs of one second apart by chance only, and what is open hangs on
	// which came last.
	now := time.Now()
	slices.SortStableFunc(runs, func(a, b Past) int {
		return cmp.Or(yetToCome(a.Began.After(now), b.Began.After(now)), b.Began.Compare(a.Began))
	})
	return runs, nil
}

// load puts the contents of a file into text.
func load(text *bytes.Buffer, path string) error {
	text.Reset()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = text.ReadFrom(file)
	return err
}

// markUsed finds the checkouts that have jobs after all: several jobs can share one, and a job whose answer
// was lost in one run is found by the next.
func markUsed(runs []Past) {
	used := make(map[string]bool)
	for _, r := range runs {
		for _, j := range r.Jobs {
			if j.ID != "" {
				used[j.Checkout] = true
			}
		}
	}
	for _, r := range runs {
		for i, j := range r.Jobs {
			r.Jobs[i].used = used[j.Checkout]
		}
	}
}

// Open is what earlier runs on a Manager leave open.
type Open struct {
	// Unsettled are jobs that were sent and never answered for, by key: the latest run of each that did so.
	Unsettled map[string]string
	// Released are the Manager's ids of held jobs that were released.
	Released map[string]bool
	// Jobs are the jobs that the Manager was last seen to have, by key; none of a key in Unsettled.
	Jobs map[string]Job
}

// lookBack is how many runs LeftOpen looks at: more than a night has.
const lookBack = 50

// LeftOpen reads what earlier runs on a Manager leave open of the jobs of keys; nil: of all. It reads no
// further back than it takes to know of each of them, but for journals of runs that released held jobs.
func LeftOpen(dir, manager string, keys []string) (Open, error) {
	open := Open{Unsettled: make(map[string]string), Released: make(map[string]bool), Jobs: make(map[string]Job)}
	heads, err := read(dir, lookBack, func(text []byte) []Entry { return parse(text[:bytes.IndexByte(text, '\n')+1]) })
	if err != nil {
		return open, err
	}
	unknown := make(map[string]bool) // those of keys that no journal said enough of yet
	for _, key := range keys {
		unknown[key] = true
	}
	settled := make(map[string]bool)
	var text bytes.Buffer
	for _, r := range heads { // newest first
		if r.Manager != manager || keys != nil && len(unknown) == 0 && !r.released {
			continue
		}
		if err := load(&text, r.path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return open, err
		}
		r, _ := tell(parse(text.Bytes()))
		for _, j := range r.Jobs {
			if j.Step == Released {
				open.Released[j.ID] = true
			}
			if keys != nil && !unknown[j.Key] {
				continue
			}
			if _, known := open.Unsettled[j.Key]; !known && !settled[j.Key] && j.sent {
				open.Unsettled[j.Key] = r.Run
			}
			if _, known := open.Jobs[j.Key]; !known && j.ID != "" && open.Unsettled[j.Key] == "" {
				open.Jobs[j.Key] = j
			}
			if j.ID != "" || open.Unsettled[j.Key] != "" {
				delete(unknown, j.Key)
			}
			settled[j.Key] = true
		}
	}
	return open, nil
}

// tell follows the entries of a run.
func tell(entries []Entry) (p Past, ok bool) {
	if len(entries) == 0 || entries[0].Step != Begun || entries[0].Head == nil {
		return p, false
	}
	p.Head, p.Began = *entries[0].Head, entries[0].Time
	at := make(map[string]int)
	for _, e := range entries[1:] {
		if e.Step == Ended {
			p.Ended, p.ExitCode = e.Time, e.ExitCode
			p.Took = time.Duration(e.Seconds * float64(time.Second))
			if e.Seconds == 0 { // of a version that did not write it
				p.Took = max(0, e.Time.Sub(p.Began))
			}
			continue
		}
		i, known := at[e.Key]
		if !known {
			i = len(p.Jobs)
			at[e.Key] = i
			p.Jobs = append(p.Jobs, Job{Key: e.Key})
		}
		j := &p.Jobs[i]
		if e.Step == CheckingOut && j.Step == CheckingOut {
			j.unanswered = append(j.unanswered, j.Checkout)
		}
		j.Step, j.Time, j.Error = e.Step, e.Time, e.Error
		switch e.Step {
		case Posting:
			j.sent = true
		case Posted, Refused, Skipped:
			j.sent, j.posted = false, j.posted || e.Step == Posted
		}
		for _, f := range []struct {
			field *string
			value string
		}{{&j.Name, e.Name}, {&j.Fingerprint, e.Fingerprint}, {&j.Checkout, e.Checkout}, {&j.ID, e.Job}} {
			if f.value != "" {
				*f.field = f.value
			}
		}
	}
	return p, true
}
