package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

const suffix = ".journal"

// keepRuns is how many journals stay. What they are needed for is the last night; what they are good for
// is looking back half a year.
const keepRuns = 500

// Run is the journal of the run that is going on.
type Run struct {
	file  *os.File
	began time.Time

	mu      sync.Mutex
	waiting []waiter
	syncing bool
	err     error // the first failure; nothing is recorded after it
}

type waiter struct {
	line []byte
	done chan error
}

// Create begins the journal of a run in folder dir. Files are readable by their owner only.
func Create(dir string, head Head) (*Run, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	prune(dir)
	file, err := os.OpenFile(filepath.Join(dir, head.Run+suffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	r := &Run{file: file, began: time.Now()}
	if err := r.Record(context.Background(), Entry{Step: Begun, Head: &head}); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, syncDir(dir)
}

// Record writes an entry and returns when it is on the disk. After a failed write nothing more is
// recorded, and every call returns that failure: what cannot be recorded must not be done.
func (r *Run) Record(ctx context.Context, e Entry) error {
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	if e.Step == Ended {
		e.Seconds = max(time.Since(r.began), 1).Seconds() // a clock with coarse ticks may not have moved
	}
	line, err := e.line()
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	w := waiter{line, make(chan error, 1)}
	r.mu.Lock()
	r.waiting = append(r.waiting, w)
	lead := !r.syncing
	r.syncing = true
	r.mu.Unlock()
	if lead {
		r.write()
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// write takes what waits to the disk, one sync for all of it, until nothing waits. One goroutine at a time
// is in it.
func (r *Run) write() {
	for {
		r.mu.Lock()
		batch, err := r.waiting, r.err
		r.waiting = nil
		if len(batch) == 0 {
			r.syncing = false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()

		var lines []byte
		for _, w := range batch {
			lines = append(lines, w.line...)
		}
		if err == nil {
			if _, err = r.file.Write(lines); err == nil {
				err = r.file.Sync()
			}
			if err != nil {
				err = fmt.Errorf("journal: %w; jobs are not submitted without a record", err)
			}
		}
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		for _, w := range batch {
			w.done <- err
		}
	}
}

// Close ends the journal.
func (r *Run) Close() error { return r.file.Close() }

// syncDir makes a new file's name durable. NTFS journals names by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// names lists the journals in dir, newest first.
func names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			found = append(found, e.Name())
		}
	}
	NewestFirst(found, time.Now())
	return found, nil
}

// NameTime is the layout of the time, in UTC, that the name of a run begins with.
const NameTime = "20060102-150405"

// NewestFirst sorts names of runs. Those of a time that is yet to come are the last: the clock was wrong
// then, and they are not to count as the latest for years.
func NewestFirst(names []string, now time.Time) {
	latest := now.UTC().Format(NameTime) + "~" // behind all names of this second
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(yetToCome(a > latest, b > latest), strings.Compare(b, a)) })
}

// yetToCome has what is in the future sorted behind what is not.
func yetToCome(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// prune takes the oldest journals away. What cannot go today goes tomorrow.
func prune(dir string) {
	found, err := names(dir)
	if err != nil || len(found) < keepRuns {
		return
	}
	for _, name := range found[keepRuns-1:] {
		os.Remove(filepath.Join(dir, name))
	}
}
