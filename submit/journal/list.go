package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Past is a run as its journal tells it.
type Past struct {
	Head
	Began, Ended time.Time // Ended is zero for a run that was killed, or that is going on
	ExitCode     int
	Jobs         []Job
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
}

// Orphan tells whether a checkout was made, or may have been, whose job never came.
func (j Job) Orphan() bool {
	return j.Checkout != "" && j.ID == "" && j.Step != Skipped
}

// List reads the runs in dir, newest first, at most limit of them; 0 means all. A journal that vanishes
// meanwhile, or in which nothing can be read, is left out.
func List(dir string, limit int) ([]Past, error) {
	found, err := names(dir)
	if err != nil {
		return nil, err
	}
	var runs []Past
	for _, name := range found {
		if limit > 0 && len(runs) == limit {
			break
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if past, ok := tell(parse(text)); ok {
			runs = append(runs, past)
		}
	}
	return runs, nil
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
			continue
		}
		i, known := at[e.Key]
		if !known {
			i = len(p.Jobs)
			at[e.Key] = i
			p.Jobs = append(p.Jobs, Job{Key: e.Key})
		}
		j := &p.Jobs[i]
		j.Step, j.Time, j.Error = e.Step, e.Time, e.Error
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
