package uploader

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"slices"
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

// A proxy that loses what the Manager says in mid-body answers 502. The file may be there: the Manager is
// asked before anything is sent again.
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
