package uploader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// start makes an uploader for a test. The test closes it.
func start(t testing.TB, shaman Shaman, c Config) *Uploader {
	t.Helper()
	u, err := New(t.Context(), shaman, c)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// ensureAll gives blobs to the uploader and waits for them.
func ensureAll(t testing.TB, u *Uploader, blobs []Blob) {
	t.Helper()
	pending := make([]*Pending, len(blobs))
	for i, b := range blobs {
		pending[i] = u.Ensure(t.Context(), b)
	}
	for i, p := range pending {
		if err := p.Wait(t.Context()); err != nil {
			t.Fatalf("blob %q: %v", blobs[i].Name, err)
		}
	}
}

func closeIt(t testing.TB, u *Uploader) {
	t.Helper()
	if err := u.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestOnceForEachDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("old")
		f.RTT = time.Millisecond
		events := &recorder{}
		u := start(t, f, Config{Observer: events})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for _, content := range []string{"new", "old", ""} {
					b := blob(content)
					b.Name = fmt.Sprintf("%s from %d", content, i)
					time.Sleep(time.Duration(i) * time.Millisecond / 5)
					if err := u.Ensure(t.Context(), b).Wait(t.Context()); err != nil {
						t.Errorf("%s: %v", b.Name, err)
					}
				}
			})
		}
		wg.Wait()
		closeIt(t, u)

		if diff := cmp.Diff(map[string]int{digest("new"): 1, digest(""): 1}, f.sent); diff != "" {
			t.Errorf("uploads (-want +got):\n%s", diff)
		}
		want := Stats{Unique: 3, UniqueBytes: 6, Stored: 1, StoredBytes: 3, Missing: 2, MissingBytes: 3, Uploaded: 2, UploadedBytes: 3, Uploads: 2}
		if diff := cmp.Diff(want, u.Stats(), cmpopts.IgnoreFields(Stats{}, "Checks", "Connections")); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[Kind]int64{Checked: 3, Stored: 1, Missing: 2, Moved: 0, Uploaded: 2}, events.blobs); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[Kind]int64{Checked: 6, Stored: 3, Missing: 3, Moved: 3, Uploaded: 3}, events.bytes); diff != "" {
			t.Errorf("bytes of events (-want +got):\n%s", diff)
		}
	})
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 40 * time.Millisecond
		u := start(t, f, Config{CheckOnly: true, CheckBatch: 3000})
		began := time.Now()
		u.Ensure(t.Context(), blob("the first"))
		synctest.Wait()
		for _, b := range numbered(10_000) {
			u.Ensure(t.Context(), b)
		}
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		closeIt(t, u)

		if f.batches[0] != 1 {
			t.Errorf("the first batch has %d files; it is to go out at once", f.batches[0])
		}
		if f.mostChecks < 3 || f.mostChecks > maxChecks {
			t.Errorf("at most %d requests at once, want several on a far Manager, and no more than %d", f.mostChecks, maxChecks)
		}
		for _, n := range f.batches {
			if n > 3000 {
				t.Errorf("a batch has %d files, more than the limit", n)
			}
		}
		if took > 3*f.RTT {
			t.Errorf("took %v, want no more than 3 round trips", took)
		}
		if s := u.Stats(); s.Missing != 10_001 || s.Uploads != 0 {
			t.Errorf("a dry run found %d missing and sent %d", s.Missing, s.Uploads)
		}
	})
}

func TestNearManagerGetsFewBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 200 * time.Microsecond
		u := start(t, f, Config{CheckOnly: true})
		for _, b := range numbered(20_000) { // found by a walk at 200,000 a second
			u.Ensure(t.Context(), b)
			time.Sleep(5 * time.Microsecond)
		}
		closeIt(t, u)
		if len(f.batches) > 25 {
			t.Errorf("20,000 files took %d requests", len(f.batches))
		}
	})
}

// TestFewBatchesBesideUploads: while the Manager is busy with uploads, and files are found as fast as it takes
// them, it is not asked about a handful at a time.
func TestFewBatchesBesideUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT, f.Capacity, f.Work = 200*time.Microsecond, 1, 500*time.Microsecond
		u := start(t, f, Config{})
		began := time.Now()
		for i, b := range numbered(2_400) {
			if u.Ensure(t.Context(), b); i >= 400 {
				time.Sleep(f.Work)
			}
		}
		closeIt(t, u)
		if len(f.batches) > 20 {
			t.Errorf("2,400 files took %d requests", len(f.batches))
		}
		if idle := time.Since(began) - 2_400*f.Work; idle > 20*time.Millisecond {
			t.Errorf("the Manager had nothing to do for %v", idle)
		}
	})
}

func TestPartialBatchIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		u := start(t, f, Config{})
		ensureAll(t, u, numbered(1))
		began := time.Now()
		ensureAll(t, u, numbered(3)[1:])
		if waited := time.Since(began); waited > batchDelay {
			t.Errorf("waited %v for more files to come", waited)
		}
		closeIt(t, u)
	})
}

func TestSecondBatchGoesBesideTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 40 * time.Millisecond
		u := start(t, f, Config{CheckOnly: true})
		began := time.Now()
		u.Ensure(t.Context(), numbered(1)[0])
		synctest.Wait()
		ensureAll(t, u, numbered(100)[1:])
		if took := time.Since(began); took > f.RTT+2*batchDelay {
			t.Errorf("took %v, want one round trip and a short wait", took)
		}
		closeIt(t, u)
	})
}

func TestBodyLimitOfProxySplitsBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.CheckScript = func(n int, files []api.ShamanFileSpec) error {
			if len(files) > 100 {
				return status(413)
			}
			return nil
		}
		u := start(t, f, Config{})
		ensureAll(t, u, numbered(1000))
		closeIt(t, u)
		if len(f.sent) != 1000 {
			t.Errorf("%d files were sent", len(f.sent))
		}
	})
}

func TestShardsNeverOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 10 * time.Millisecond
		u := start(t, f, Config{})
		ensureAll(t, u, append(numbered(3000), inShard(7, 40)...))
		closeIt(t, u)
		if f.overlaps > 0 {
			t.Errorf("%d uploads began while another of their shard was in flight", f.overlaps)
		}
		if f.highest < 40 { // 16 and one for each 350 µs
			t.Errorf("no more than %d uploads at once to a far Manager", f.highest)
		}
	})
}

// A client that sends one file after another needs 80 s.
func TestFarManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT, f.Work, f.Capacity = 40*time.Millisecond, 800*time.Microsecond, 2
		u := start(t, f, Config{})
		began := time.Now()
		ensureAll(t, u, numbered(2000))
		took := time.Since(began)
		closeIt(t, u)
		if took > 2*time.Second {
			t.Errorf("2,000 files took %v", took)
		}
	})
}

func TestNearManagerIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT, f.Work, f.Capacity = 200*time.Microsecond, 800*time.Microsecond, 2
		u := start(t, f, Config{})
		began := time.Now()
		ensureAll(t, u, numbered(5000))
		took := time.Since(began)
		n := u.Stats().Connections
		closeIt(t, u)
		if n > 16 {
			t.Errorf("%d connections to a Manager that can work on 2 uploads", n)
		}
		if least := 5000 / 2 * f.Work; took > least*105/100 {
			t.Errorf("took %v, the Manager alone needs %v", took, least)
		}
	})
}

func TestLargeFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = time.Millisecond
		const mb = 1 << 10 // as configured below
		u := start(t, f, Config{LargeFile: 8 * mb, LargeConnections: 2})
		blobs := numbered(300)
		for i := range 8 {
			blobs = append(blobs, large(fmt.Sprintf("large %d", i), (10+i)*mb))
		}
		most := 0
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if up.Size >= 8*mb {
				most++
				defer func() { most-- }()
				f.mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				f.mu.Lock()
				if most > 2 {
					t.Errorf("%d large uploads at once", most)
				}
			}
			if want := up.Size >= 8*mb; up.Expect != want {
				t.Errorf("%s: expect %v, want %v", up.Name, up.Expect, want)
			}
			return 0, nil
		}
		ensureAll(t, u, blobs)
		closeIt(t, u)

		var order []string
		for _, name := range f.order {
			if strings.HasPrefix(name, "large") {
				order = append(order, name)
			}
		}
		// The first two may begin before the others are known, and any two begin at the same moment, in either
		// order.
		for i := 2; i < len(order)-2; i++ {
			if slices.Max(order[i+2:]) > order[i] {
				t.Errorf("large files went in the order %v, want the largest first", order)
				break
			}
		}
		if len(order) != 8 {
			t.Errorf("%d large files went", len(order))
		}
	})
}

// Files just below the size of large ones fill any budget; a large one that comes later must not wait for all
// of them.
func TestLargeFilesDoNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 10 * time.Millisecond
		u := start(t, f, Config{LargeFile: 1000, BytesInFlight: 4000})
		for i := range 300 {
			u.Ensure(t.Context(), large(fmt.Sprintf("medium %d", i), 900))
		}
		time.Sleep(50 * time.Millisecond)
		u.Ensure(t.Context(), large("large", 5000))
		closeIt(t, u)
		if at := slices.Index(f.order, "large"); at > 100 {
			t.Errorf("the large file went as number %d", at)
		}
	})
}

func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 10 * time.Millisecond
		f.uploading[digest("file 000000")] = true // the first is put off, and must not block the rest
		u := start(t, f, Config{Backlog: 10})
		var went atomic.Int64
		go func() {
			for _, b := range numbered(200) {
				u.Ensure(t.Context(), b)
				went.Add(1)
			}
			u.Close()
		}()
		synctest.Wait()
		if n := went.Load(); n > 10 {
			t.Errorf("Ensure took %d blobs with a backlog of 10", n)
		}
		closeItLater(t, u, func() bool { return went.Load() == 200 })
		if s := u.Stats(); s.Uploaded != 200 || s.Left != 0 {
			t.Errorf("%d uploaded, %d left", s.Uploaded, s.Left)
		}
	})
}

// closeItLater lets time pass until done.
func closeItLater(t *testing.T, u *Uploader, done func() bool) {
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if done() {
			closeIt(t, u)
			return
		}
	}
	t.Fatal("it hangs")
}

func TestCancelLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 10 * time.Millisecond
		f.uploading[digest("file 000000")] = true
		stop := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		u, err := New(ctx, f, Config{})
		if err != nil {
			t.Fatal(err)
		}
		released := 0
		var pending []*Pending
		for _, b := range numbered(5000) {
			b.Release = func() { f.mu.Lock(); released++; f.mu.Unlock() }
			pending = append(pending, u.Ensure(t.Context(), b))
		}
		time.Sleep(100 * time.Millisecond)
		cancel(stop)
		if err := u.Close(); !errors.Is(err, stop) {
			t.Errorf("Close: %v", err)
		}
		var done, left int64
		for _, p := range pending {
			switch err := p.Wait(t.Context()); {
			case err == nil:
				done++
			case errors.Is(err, stop):
				left++
			default:
				t.Errorf("unexpected: %v", err)
			}
		}
		s := u.Stats()
		if done == 0 || left == 0 || s.Uploaded != done || s.Left != left || s.Failed != 0 || s.InFlight != 0 {
			t.Errorf("%d done, %d left; stats say %+v", done, left, s)
		}
		if released != 5000 {
			t.Errorf("%d of 5000 sources were released", released)
		}
		if err := u.Ensure(t.Context(), blob("late")).Wait(t.Context()); !errors.Is(err, stop) {
			t.Errorf("Ensure after the end: %v", err)
		}
	})
}

func TestInvalidBlobs(t *testing.T) {
	u := start(t, newFake(), Config{})
	defer closeIt(t, u)
	for _, b := range []Blob{
		{SHA256: "x", Size: 1},
		{SHA256: "", Size: 1},
		{SHA256: "A" + digest("a")[1:], Size: 1},
		{SHA256: digest("a")[1:] + "g", Size: 1},
		{SHA256: digest("a"), Size: -1},
	} {
		var e *BlobError
		if err := u.Ensure(t.Context(), b).Wait(t.Context()); !errors.As(err, &e) {
			t.Errorf("%q, %d: %v", b.SHA256, b.Size, err)
		}
	}
	if _, err := New(t.Context(), newFake(), Config{Attempts: -1, Backlog: -1}); err == nil {
		t.Error("negative values were accepted")
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		u := start(t, f, Config{LimitUpload: 10_000})
		began := time.Now()
		ensureAll(t, u, []Blob{large("a", 20_000), large("b", 30_000), large("c", 50_000)})
		took := time.Since(began)
		closeIt(t, u)
		if took < 9500*time.Millisecond || took > 10500*time.Millisecond {
			t.Errorf("100,000 bytes at 10,000 a second took %v", took)
		}
	})
}

// What is more urgent goes first: nothing is sent meanwhile, and all of it afterwards.
func TestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		urgent := make(chan struct{})
		u := start(t, f, Config{GiveWay: func(ctx context.Context) error {
			select {
			case <-urgent:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}})
		p := u.Ensure(t.Context(), large("a", 20_000))
		time.Sleep(time.Minute)
		synctest.Wait()
		f.mu.Lock()
		if f.sent[digest("a")] > 0 {
			t.Error("it was sent")
		}
		f.mu.Unlock()
		close(urgent)
		if err := p.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		closeIt(t, u)
	})
}

// What is kept for each blob that the Manager has.
func TestMemoryForEachBlob(t *testing.T) {
	const n = 200_000
	u := start(t, everything{}, Config{})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range n {
		u.Ensure(t.Context(), Blob{SHA256: fmt.Sprintf("%064x", i*7919), Size: int64(i), Name: "x"})
	}
	if err := u.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	each := (heap() - before) / n
	t.Logf("%d bytes for each blob", each)
	if each > 200 {
		t.Errorf("%d bytes for each blob, want at most 200", each)
	}
	closeIt(t, u)
}

// everything is a Manager that has everything.
type everything struct{ Shaman }

func (everything) ShamanRequirements(context.Context, api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error) {
	return api.ShamanRequirementsResponse{}, nil
}

// nothing is a Manager that takes anything, at once and unseen.
type nothing struct{ Shaman }

func (nothing) ShamanRequirements(_ context.Context, r api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error) {
	reply := api.ShamanRequirementsResponse{Files: make([]api.ShamanFileSpecWithStatus, len(r.Files))}
	for i, f := range r.Files {
		reply.Files[i] = api.ShamanFileSpecWithStatus{Sha: f.Sha, Size: f.Size, Status: api.ShamanFileStatusUnknown}
	}
	return reply, nil
}

func (nothing) ShamanUpload(_ context.Context, u flamenco.Upload) (flamenco.UploadOutcome, error) {
	body, err := u.Body()
	if err != nil {
		return 0, err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return flamenco.Stored, err
}
