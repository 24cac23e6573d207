package faults

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flsync/flsync/internal/lab/netsim"
)

// figureSums adds up what came of many seeds and kills. They can be used from any goroutine.
type figureSums struct {
	mu       sync.Mutex
	began    time.Time
	seeds    int
	requests int
	runs     int
	early    int
	jobs     int
	faults   map[netsim.Kind]int
	peak     uint64
	broken   []uint64
	kills    *KillResult
}

// newFigures begins to count.
func newFigures(now time.Time) *figureSums {
	return &figureSums{began: now, faults: make(map[netsim.Kind]int)}
}

// add counts a seed.
func (f *figureSums) add(r Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seeds++
	f.requests += r.Requests
	f.runs += r.Runs
	f.early += len(r.Said)
	f.jobs += r.Jobs
	f.peak = max(f.peak, r.Peak)
	for kind, n := range r.Faults {
		f.faults[kind] += n
	}
	if len(r.Broken) > 0 {
		f.broken = append(f.broken, r.Seed)
	}
}

// addKills takes what came of the kills.
func (f *figureSums) addKills(r KillResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kills = &r
}

// brokenSeeds are the seeds that broke a promise, in order.
func (f *figureSums) brokenSeeds() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.broken))
}

// text gives the figures as Markdown.
func (f *figureSums) text() string {
	broken := f.brokenSeeds()
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	total := 0
	for _, n := range f.faults {
		total += n
	}
	fmt.Fprintf(&b, "Measured on %s, %s/%s, %d cores.\n\n", f.began.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	b.WriteString("| what | figure |\n|---|---|\n")
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	row("seeds run", "%d", f.seeds)
	row("seeds that broke a promise", "%d %s", len(broken), listed(broken))
	row("requests", "%d", f.requests)
	row("faults met", "%d", total)
	row("runs of the program", "%d, of which %d ended early, said so, and were run again", f.runs, f.early)
	row("jobs that were to be there once", "%d", f.jobs)
	row("most heap, Manager and proxy included", "%d MiB", f.peak>>20)
	if k := f.kills; k != nil {
		row("SIGKILL of the program", "%d (%d in sync, %d in submit)", k.Kills, k.Syncs, k.Submits)
		row("SIGKILL of the Manager beside it", "%d", k.ManagerKills)
		row("after kills: jobs lost, jobs twice, checkouts not whole", "%d", len(k.Broken))
	}
	b.WriteString("\n| fault | times met |\n|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(f.faults)) {
		fmt.Fprintf(&b, "| %s | %d |\n", kind, f.faults[kind])
	}
	return b.String()
}

func listed(seeds []uint64) string {
	if len(seeds) == 0 {
		return ""
	}
	return fmt.Sprint(seeds)
}

// Figures stand between these lines of a document.
const (
	beginMark = "<!-- figures: written by make chaos -->\n"
	endMark   = "<!-- end of figures -->\n"
)

// writeInto replaces the figures in a document.
func (f *figureSums) writeInto(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(old, []byte(beginMark))
	_, after, closed := bytes.Cut(rest, []byte(endMark))
	if !ok || !closed {
		return errors.New(path + " has no place for figures: two lines mark it")
	}
	text := slices.Concat(before, []byte(beginMark), []byte(f.text()), []byte(endMark), after)
	return os.WriteFile(path, text, 0o644)
}
