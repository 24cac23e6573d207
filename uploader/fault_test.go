package uploader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

func TestDeferredUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = time.Millisecond
		// One is being sent by somebody who crashed, one by somebody who will be done in a second.
		f.uploading[digest("crashed")], f.uploading[digest("busy")] = true, true
		go func() {
			time.Sleep(time.Second)
			f.mu.Lock()
			defer f.mu.Unlock()
			f.stored[digest("busy")] = true
			delete(f.uploading, digest("busy"))
		}()
		u := start(t, f, Config{})
		began := time.Now()
		slow := []*Pending{u.Ensure(t.Context(), blob("crashed")), u.Ensure(t.Context(), blob("busy"))}
		ensureAll(t, u, numbered(500))
		if took := time.Since(began); took > time.Second {
			t.Errorf("the other files took %v", took)
		}
		for _, p := range slow {
			if err := p.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		closeIt(t, u)

		var canDefer []bool
		var waits []time.Duration
		var last time.Time
		for i, h := range f.headers {
			if h.Name != "crashed" {
				continue
			}
			canDefer = append(canDefer, h.CanDefer)
			if !h.Expect {
				t.Error("a file that somebody else is sending was sent without asking first")
			}
			if !last.IsZero() {
				waits = append(waits, f.at[i].Sub(last))
			}
			last = f.at[i]
		}
		if want := []bool{true, true, true, true, true, false}; !slices.Equal(canDefer, want) {
			t.Errorf("can-defer headers: %v, want only the last one without", canDefer)
		}
		for i := 2; i < len(waits); i++ {
			if waits[i] < waits[i-2] {
				t.Errorf("waits do not grow: %v", waits)
			}
		}
		s := u.Stats()
		if s.Deferred < 6 || s.Uploaded != 501 || s.Stored != 1 || s.Failed != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

func TestDeferralThatWasNotOfferedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) { return flamenco.Deferred, nil }
		u := start(t, f, Config{})
		var e *BlobError
		if err := u.Ensure(t.Context(), blob("x")).Wait(t.Context()); !errors.As(err, &e) {
			t.Errorf("got %v", err)
		}
		closeIt(t, u)
	})
}

// What is tried again, and how often.
func TestRetries(t *testing.T) {
	const always = 1 << 20
	for _, c := range []struct {
		name     string
		err      error
		times    int // how often it happens
		requests int // how many are made in all
		fails    bool
	}{
		{"shard race", status(500), 3, 4, false},
		{"500 for ever", status(500), always, 10, true},
		{"408", status(408), 2, 3, false},
		{"429", status(429), 2, 3, false},
		{"502", status(502), 2, 3, false},
		{"503", status(503), 2, 3, false},
		{"504", status(504), 2, 3, false},
		{"507 for ever", status(507), always, 10, true},
		{"501", status(501), always, 1, true},
		{"400", status(400), always, 1, true},
		{"401", status(401), always, 1, true},
		{"403", status(403), always, 1, true},
		{"404", status(404), always, 1, true},
		{"413", status(413), always, 1, true},
		{"redirect", status(302), always, 1, true},
		{"cut before", cut(false), 2, 3, false},
		{"cut after", cut(true), 2, 3, false},
		{"page of a proxy", &flamenco.Error{Status: 200, Err: flamenco.ErrNotAManager}, 2, 3, false},
		{"unreadable", &flamenco.BodyError{Name: "x", Err: fs.ErrPermission}, always, 1, true},
		{"refused by the client", errors.New("not a digest"), always, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.RTT = time.Millisecond
				f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
					if up.Name == "x" && n <= c.times {
						return 0, c.err
					}
					return 0, nil
				}
				u := start(t, f, Config{})
				x := u.Ensure(t.Context(), blob("x"))
				ensureAll(t, u, numbered(50)) // the others go on
				err := x.Wait(t.Context())
				if c.fails != (err != nil) || c.fails && !errors.Is(err, c.err) {
					t.Errorf("ended with %v", err)
				}
				if n := f.sent[digest("x")]; n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
				if s := u.Stats(); s.Retried != int64(c.requests-1) {
					t.Errorf("%d retries counted, want %d", s.Retried, c.requests-1)
				}
				// What failed may be tried again.
				f.Script = nil
				if err := u.Ensure(t.Context(), blob("x")).Wait(t.Context()); err != nil {
					t.Errorf("another try: %v", err)
				}
				closeIt(t, u)
			})
		})
	}
}

// Single failures among successes hold nothing else up.
func TestSingleFailuresDoNotSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = 20 * time.Millisecond
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if n == 1 && up.SHA256[63] == '0' { // one in 16
				return 0, status(500)
			}
			return 0, nil
		}
		u := start(t, f, Config{})
		began := time.Now()
		ensureAll(t, u, numbered(4000))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		closeIt(t, u)
	})
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.Script = func(n int, _ flamenco.Upload) (flamenco.UploadOutcome, error) {
			if n == 1 {
				return 0, &flamenco.Error{Status: 429, RetryAfter: 7 * time.Second}
			}
			return 0, nil
		}
		u := start(t, f, Config{})
		ensureAll(t, u, numbered(1))
		if waited := f.at[1].Sub(f.at[0]); waited < 7*time.Second || waited > 8*time.Second {
			t.Errorf("waited %v, want the 7 s that were asked for", waited)
		}
		closeIt(t, u)
	})
}

// outage makes a fake that is away from one time after its start to another.
func outage(from, until time.Duration) *fake {
	f := newFake()
	f.RTT = time.Millisecond
	f.Work = time.Millisecond
	began := time.Now()
	away := func() error {
		if d := time.Since(began); d >= from && d < until {
			return cut(false)
		}
		return nil
	}
	f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) { return 0, away() }
	f.CheckScript = func(int, []api.ShamanFileSpec) error { return away() }
	f.CheckoutScript = func(int, api.ShamanCheckout) error { return away() }
	return f
}

func TestManagerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := outage(20*time.Millisecond, 2*time.Minute)
		u := start(t, f, Config{})
		blobs := numbered(2000)
		ensureAll(t, u, blobs[:1000])
		ensureAll(t, u, blobs[1000:])
		closeIt(t, u)
		if s := u.Stats(); s.Uploaded != 2000 || s.Failed != 0 {
			t.Errorf("stats: %+v", s)
		}
		inVain := -2000
		for _, n := range f.sent {
			inVain += n
		}
		if inVain > 300 {
			t.Errorf("%d requests were made in vain", inVain)
		}
	})
}

func TestManagerStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := outage(20*time.Millisecond, time.Hour)
		u := start(t, f, Config{})
		began := time.Now()
		var pending []*Pending
		for _, b := range numbered(2000) {
			pending = append(pending, u.Ensure(t.Context(), b))
		}
		err := u.Close()
		var gaveUp *GaveUpError
		if !errors.As(err, &gaveUp) {
			t.Fatalf("Close: %v", err)
		}
		if took := time.Since(began); took < 3*time.Minute || took > 3*time.Minute+10*time.Second {
			t.Errorf("gave up after %v", took)
		}
		var left int64
		for _, p := range pending {
			if err := p.Wait(t.Context()); err != nil {
				left++
				if !errors.As(err, new(*GaveUpError)) {
					t.Errorf("a blob ended with %v", err)
				}
			}
		}
		if gaveUp.Left != left || gaveUp.Done != 2000-left || gaveUp.Done == 0 || gaveUp.LeftBytes != left*int64(len("file 000000")) {
			t.Errorf("%d are left; the error says %+v", left, gaveUp)
		}
		if !errors.As(err, new(*flamenco.UnreachableError)) {
			t.Errorf("the cause is lost: %v", err)
		}
		if _, err := u.Checkout(t.Context(), "x", nil); !errors.As(err, &gaveUp) {
			t.Errorf("Checkout afterwards: %v", err)
		}
	})
}

// A full disk: requirements are answered, every upload fails. That must not become a storm.
func TestEveryUploadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = time.Millisecond
		f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) { return 0, status(500) }
		u := start(t, f, Config{})
		for _, b := range numbered(5000) {
			u.Ensure(t.Context(), b)
		}
		if err := u.Close(); !errors.As(err, new(*GaveUpError)) {
			t.Errorf("Close: %v", err)
		}
		if len(f.order) > 200 {
			t.Errorf("%d uploads were tried", len(f.order))
		}
	})
}

// A password that is refused: there is no use in asking for each file.
func TestEverythingIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) { return 0, status(401) }
		u := start(t, f, Config{})
		for _, b := range numbered(5000) {
			u.Ensure(t.Context(), b)
		}
		err := u.Close()
		var reply *flamenco.Error
		if !errors.As(err, new(*GaveUpError)) || !errors.As(err, &reply) || reply.Status != 401 {
			t.Errorf("Close: %v", err)
		}
		if len(f.order) > refusals+32 {
			t.Errorf("%d uploads were tried", len(f.order))
		}
	})
}

// One request in three goes wrong in one way or another, and one in five comes to an unclear end.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				f := newFake()
				f.RTT = 5 * time.Millisecond
				fault := func() error {
					f.mu.Lock() // guards random, too
					defer f.mu.Unlock()
					if random.IntN(3) > 0 {
						return nil
					}
					return []error{
						cut(false), cut(true), status(500), status(502), status(503), status(429), status(408),
					}[random.IntN(7)]
				}
				f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) {
					if err := fault(); err != nil {
						return 0, err
					}
					f.mu.Lock()
					defer f.mu.Unlock()
					if random.IntN(10) == 0 {
						return flamenco.Deferred, nil
					}
					return 0, nil
				}
				f.CheckScript = func(int, []api.ShamanFileSpec) error { return fault() }
				f.CheckoutScript = func(int, api.ShamanCheckout) error {
					f.mu.Unlock()
					defer f.mu.Lock()
					return fault()
				}
				f.CheckScript = func(int, []api.ShamanFileSpec) error {
					f.mu.Unlock()
					defer f.mu.Lock()
					return fault()
				}
				u := start(t, f, Config{})
				blobs := numbered(300)
				ensureAll(t, u, blobs)
				if _, err := u.Checkout(t.Context(), "all", specs(blobs...)); err != nil {
					t.Error(err)
				}
				closeIt(t, u)
				if s := u.Stats(); s.Uploaded != 300 || s.Failed != 0 || s.Left != 0 || s.LeftBytes != 0 || f.overlaps > 0 {
					t.Errorf("%d overlaps, stats: %+v", f.overlaps, s)
				}
			})
		})
	}
}

func TestUnclearUploadCountsAsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if n > 1 {
				return 0, nil
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.stored[up.SHA256] = true
			return 0, cut(true)
		}
		u := start(t, f, Config{})
		ensureAll(t, u, numbered(3))
		closeIt(t, u)
		if s := u.Stats(); s.Uploaded != 3 || s.Stored != 0 {
			t.Errorf("%d uploaded, %d stored already", s.Uploaded, s.Stored)
		}
	})
}

// A proxy that loses what the Manager says in mid-body answers 502. The file may be there: the Manager is asked before
// anything is sent again.
func TestAnswerHiddenByProxy(t *testing.T) {
	for _, there := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.Script = func(n int, u flamenco.Upload) (flamenco.UploadOutcome, error) {
				if n > 1 {
					return 0, nil
				}
				if there {
					f.mu.Lock()
					f.stored[u.SHA256] = true // by somebody else, meanwhile
					f.mu.Unlock()
				}
				return 0, &flamenco.Error{Status: http.StatusBadGateway}
			}
			u := start(t, f, Config{})
			ensureAll(t, u, []Blob{blob("plate")})
			closeIt(t, u)
			want := 2
			if there {
				want = 1
			}
			if sent := f.sent[digest("plate")]; sent != want {
				t.Errorf("there: %v, sent %d times, want %d", there, sent, want)
			}
		})
	}
}

// A Manager answers 208 to all uploads of a file when one of them ends, also when that one failed.
func TestFalseAlreadyStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		lie := 1
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if n <= lie {
				return flamenco.AlreadyStored, nil
			}
			return 0, nil
		}
		u := start(t, f, Config{})
		ensureAll(t, u, numbered(3))
		if s := u.Stats(); s.Uploaded != 3 || s.Stored != 0 || s.Missing != 3 || len(f.stored) != 3 {
			t.Errorf("%d files are stored, stats: %+v", len(f.stored), s)
		}
		lie = 1000
		if err := u.Ensure(t.Context(), blob("lies for ever")).Wait(t.Context()); !errors.As(err, new(*BlobError)) {
			t.Errorf("got %v", err)
		}
		closeIt(t, u)
	})
}

func TestChangedFile(t *testing.T) {
	// content is what the file holds at each reading.
	file := func(content ...string) (Blob, func(context.Context) (Blob, error)) {
		version := 0
		at := func(i int) string { return content[min(i, len(content)-1)] }
		hashed := func() Blob {
			b := blob(at(version))
			b.Name = "shot.blend"
			b.Open = func() (io.ReadCloser, error) {
				version++
				return io.NopCloser(strings.NewReader(at(version))), nil
			}
			return b
		}
		return hashed(), func(context.Context) (Blob, error) { return hashed(), nil }
	}
	t.Run("settles", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			u := start(t, f, Config{})
			b, rehash := file("one", "two", "three", "three", "three")
			got, err := u.EnsureFresh(t.Context(), b, rehash)
			if err != nil || got.SHA256 != digest("three") || !f.stored[digest("three")] {
				t.Errorf("got %s, %v", got.SHA256, err)
			}
			closeIt(t, u)
		})
	})
	t.Run("never settles", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			u := start(t, f, Config{})
			b, rehash := file("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11")
			_, err := u.EnsureFresh(t.Context(), b, rehash)
			if !errors.Is(err, ErrChanged) || !strings.Contains(err.Error(), "shot.blend") {
				t.Errorf("got %v", err)
			}
			if len(f.order) != 4 {
				t.Errorf("sent %d times, want once and 3 times again", len(f.order))
			}
			closeIt(t, u)
		})
	})
	t.Run("is gone when hashed again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := start(t, newFake(), Config{})
			b, _ := file("1", "2")
			_, err := u.EnsureFresh(t.Context(), b, func(context.Context) (Blob, error) { return Blob{}, fs.ErrNotExist })
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v", err)
			}
			closeIt(t, u)
		})
	})
	t.Run("Verify notices", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			u := start(t, f, Config{})
			b := blob("as hashed")
			b.Verify = func() error { return errors.New("its time is another") }
			if err := u.Ensure(t.Context(), b).Wait(t.Context()); !errors.Is(err, ErrChanged) {
				t.Errorf("got %v", err)
			}
			// Another file of that content is served by what was sent.
			if err := u.Ensure(t.Context(), blob("as hashed")).Wait(t.Context()); err != nil {
				t.Error(err)
			}
			if len(f.order) != 1 {
				t.Errorf("sent %d times", len(f.order))
			}
			closeIt(t, u)
		})
	})
	t.Run("shrinks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) {
				return 0, &flamenco.BodyError{Name: "x", Err: io.ErrUnexpectedEOF}
			}
			u := start(t, f, Config{})
			if err := u.Ensure(t.Context(), blob("x")).Wait(t.Context()); !errors.Is(err, ErrChanged) {
				t.Errorf("got %v", err)
			}
			closeIt(t, u)
		})
	})
}

func TestMovedBytesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		slow := func(up flamenco.Upload) error {
			body, err := up.Body()
			if err != nil {
				return err
			}
			defer body.Close()
			for range 5 {
				time.Sleep(time.Second)
				if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
					return err
				}
			}
			return nil
		}
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if err := slow(up); err != nil {
				return 0, err
			}
			if n == 1 {
				return 0, cut(true)
			}
			if up.Name == "refused" {
				return 0, status(403)
			}
			if up.Name == "theirs" {
				f.mu.Lock()
				f.stored[up.SHA256] = true
				f.mu.Unlock()
				return flamenco.AlreadyStored, nil
			}
			return 0, nil
		}
		events := &recorder{}
		u := start(t, f, Config{LargeFile: 1000, Observer: events})
		moved := func() int64 {
			synctest.Wait()
			events.mu.Lock()
			defer events.mu.Unlock()
			return events.bytes[Moved]
		}
		p := u.Ensure(t.Context(), large("ours", 10_000))
		time.Sleep(3500 * time.Millisecond)
		if got := moved(); got != 3000 {
			t.Errorf("after 3 s, %d bytes are said to have gone out, want 3000", got)
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := moved(); got != 10_000 {
			t.Errorf("in the end, %d bytes are said to have gone out, want 10000", got)
		}
		f.mu.Lock()
		f.sent[large("theirs", 10_000).SHA256] = 1
		f.mu.Unlock()
		ensureAll(t, u, []Blob{large("theirs", 10_000)})
		if err := u.Ensure(t.Context(), large("refused", 10_000)).Wait(t.Context()); err == nil {
			t.Error("no error")
		}
		if got := moved(); got != 10_000 {
			t.Errorf("bytes that were not needed count: %d", got)
		}
		closeIt(t, u)
	})
}

// A transport may read on after the Manager's early answer was returned. It must find the source closed.
func TestSourceIsLeftAloneAfterTheAnswer(t *testing.T) {
	f := newFake()
	var late io.ReadCloser
	f.Script = func(_ int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
		late, _ = up.Body()
		f.mu.Lock()
		f.stored[up.SHA256] = true
		f.mu.Unlock()
		return flamenco.AlreadyStored, nil
	}
	u := start(t, f, Config{})
	ensureAll(t, u, numbered(1))
	closeIt(t, u)
	if n, err := late.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
