package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// meter counts what a run does. Stages add to it from any goroutine. It is read for progress while they work,
// and for the summary after they ended.
type meter struct {
	began time.Time
	sent  shares

	traced, toTrace                  atomic.Int64
	found, foundBytes                atomic.Int64 // files handed to hashing
	hashed, hashedBytes              atomic.Int64 // contents read
	cached, cachedBytes              atomic.Int64
	missing, failed, heldBack        atomic.Int64
	checked                          atomic.Int64 // blobs that the Manager was asked about
	wanted, wantedBytes              atomic.Int64 // are to be sent
	uploaded                         atomic.Int64
	movedBytes                       atomic.Int64 // also of uploads that failed later
	deferred, retried                atomic.Int64
	checkouts, toCheckout            atomic.Int64
	jobs, submitted, skipped, broken atomic.Int64

	lacks report.LackCounts // under the submission's lock

	inFlight func() int // how many uploads are under way; set before watch
}

// foundFile counts a file that is to be hashed.
func (m *meter) foundFile(size int64) {
	m.found.Add(1)
	m.foundBytes.Add(size)
}

// hashedFile counts a file whose digest is known now.
func (m *meter) hashedFile(sum hashcache.Sum) {
	if sum.Source == hashcache.Cached {
		m.cached.Add(1)
		m.cachedBytes.Add(sum.Size)
		return
	}
	m.hashed.Add(1)
	m.hashedBytes.Add(sum.Size)
}

// Observe implements [uploader.Observer].
func (m *meter) Observe(e uploader.Event) {
	switch e.Kind {
	case uploader.Checked:
		m.checked.Add(e.Blobs)
	case uploader.Missing:
		m.wanted.Add(e.Blobs)
		m.wantedBytes.Add(e.Bytes)
	case uploader.Moved:
		m.movedBytes.Add(e.Bytes)
	case uploader.Uploaded:
		m.uploaded.Add(e.Blobs)
		m.sent.add(e.Name, e.Bytes)
	case uploader.Deferred:
		m.deferred.Add(e.Blobs)
	case uploader.Retried:
		m.retried.Add(1)
	}
}

// progress returns the state of each stage that has begun.
func (m *meter) progress() []report.Progress {
	elapsed := time.Since(m.began).Seconds()
	inFlight := 0
	if m.inFlight != nil {
		inFlight = m.inFlight()
	}
	all := []report.Progress{
		{Stage: report.StageTrace, Done: m.traced.Load(), Total: m.toTrace.Load()},
		{Stage: report.StageHash,
			Done: m.hashed.Load() + m.cached.Load() + m.failed.Load(), Total: m.found.Load(),
			BytesDone: m.hashedBytes.Load() + m.cachedBytes.Load(), BytesTotal: m.foundBytes.Load()},
		{Stage: report.StageCheck, Done: m.checked.Load(), Total: m.checked.Load()},
		{Stage: report.StageUpload,
			Done: m.uploaded.Load(), Total: m.wanted.Load(),
			BytesDone: min(m.movedBytes.Load(), m.wantedBytes.Load()), BytesTotal: m.wantedBytes.Load(),
			InFlight: inFlight, Deferred: m.deferred.Load(), Retried: m.retried.Load()},
		{Stage: report.StageCheckout, Done: m.checkouts.Load(), Total: m.toCheckout.Load()},
		{Stage: report.StageSubmit, Done: m.submitted.Load() + m.skipped.Load() + m.broken.Load(), Total: m.jobs.Load()},
	}
	for i := range all {
		all[i].Elapsed = elapsed
	}
	return slices.DeleteFunc(all, func(p report.Progress) bool { return p.Total <= 0 })
}

// tick is how often progress is reported: often enough for a smooth line, seldom enough to cost nothing.
const tick = 200 * time.Millisecond

// watch reports progress to sink until ctx ends, each stage only if it moved. It returns when each stage
// began and ended.
func (m *meter) watch(ctx context.Context, sink report.Sink) []report.StageTimes {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := make(map[report.Stage]report.Progress)
	var times []report.StageTimes
	at := make(map[report.Stage]int)
	emit := func() {
		for _, p := range m.progress() {
			before := last[p.Stage]
			before.Elapsed = p.Elapsed
			if before == p {
				continue
			}
			last[p.Stage] = p
			if i, ok := at[p.Stage]; ok {
				times[i].End = p.Elapsed
			} else {
				at[p.Stage] = len(times)
				times = append(times, report.StageTimes{Stage: p.Stage, Begin: max(0, p.Elapsed-tick.Seconds()), End: p.Elapsed})
			}
			sink.Emit(p)
		}
	}
	for {
		select {
		case <-ctx.Done():
			emit()
			return times
		case <-ticker.C:
			emit()
		}
	}
}

// result returns nil if nothing failed, [ErrNoneDone] if nothing was done, and [ErrPartial] otherwise.
func (m *meter) result() error {
	jobs, broken := m.jobs.Load(), m.broken.Load()
	switch {
	case jobs > 0 && broken == jobs:
		return fmt.Errorf("%w: all of %d jobs failed", ErrNoneDone, jobs)
	case broken > 0:
		return fmt.Errorf("%w: %d of %d jobs failed", ErrPartial, broken, jobs)
	case m.failed.Load() > 0:
		return fmt.Errorf("%w: %d files failed", ErrPartial, m.failed.Load())
	case m.heldBack.Load() > 0:
		return fmt.Errorf("%w: %d files that jobs need do not reach the workers", ErrPartial, m.heldBack.Load())
	}
	return nil
}

// summary returns the counts as the last event of a run shows them. The caller adds the checkouts.
func (m *meter) summary(store uploader.Stats) report.Summary {
	return report.Summary{
		Duration: time.Since(m.began).Seconds(),
		Files: report.FileCounts{
			Total: m.found.Load(), Bytes: m.foundBytes.Load(),
			Hashed: m.hashed.Load(), HashedBytes: m.hashedBytes.Load(), Cached: m.cached.Load(),
			Missing: m.missing.Load(), Failed: m.failed.Load(), HeldBack: m.heldBack.Load(),
		},
		Store: report.StoreCounts{
			Unique: store.Unique, AlreadyStored: store.Stored,
			Uploaded: store.Uploaded, UploadedBytes: store.UploadedBytes, Direct: store.Direct,
			Deferred: store.Deferred, Retried: store.Retried,
			Wanted: store.Missing, WantedBytes: store.MissingBytes,
		},
		SentByType: m.sent.largest(&m.sent.types), SentByFolder: m.sent.largest(&m.sent.folders),
		Checkouts: []report.Checkout{}, Lacks: m.lacks,
		Jobs: report.JobCounts{
			Total: int(m.jobs.Load()), Submitted: int(m.submitted.Load()),
			Skipped: int(m.skipped.Load()), Failed: int(m.broken.Load()),
		},
	}
}

// shares adds up what was sent, by type and by folder.
type shares struct {
	mu             sync.Mutex
	types, folders map[string]report.Share
}

// mostFolders bounds the map. All further folders are added up as "(others)".
const mostFolders = 10_000

func (s *shares) add(path string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types == nil {
		s.types, s.folders = make(map[string]report.Share), make(map[string]report.Share)
	}
	ext := strings.ToLower(filepath.Ext(path))
	if ext == "" {
		ext = "(none)"
	}
	addShare(s.types, ext, bytes)
	addShare(s.folders, filepath.Dir(path), bytes)
}

func addShare(m map[string]report.Share, name string, bytes int64) {
	if _, known := m[name]; !known && len(m) >= mostFolders {
		name = "(others)"
	}
	share := m[name]
	m[name] = report.Share{Name: name, Files: share.Files + 1, Bytes: share.Bytes + bytes}
}

// mostShares is how many a summary lists.
const mostShares = 12

// largest returns the largest shares, and all others as one.
func (s *shares) largest(m *map[string]report.Share) []report.Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.SortedFunc(maps.Values(*m), func(a, b report.Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	if len(list) > mostShares {
		rest := report.Share{Name: "(others)"}
		for _, share := range list[mostShares:] {
			rest.Files += share.Files
			rest.Bytes += share.Bytes
		}
		list = append(list[:mostShares], rest)
	}
	return list
}
