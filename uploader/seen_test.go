package uploader

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// TestSeen: what one run has seen stored, the next puts into a checkout without asking; and where the Manager
// has lost some of it, asks about all of it and sends what is missing.
func TestSeen(t *testing.T) {
	for _, lost := range [][]string{nil, {"file 000007", "file 000070"}} {
		t.Run(strings.Join(lost, " and "), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("file 000000")
				first := start(t, f, Config{})
				ensureAll(t, first, numbered(100))
				closeIt(t, first)
				seen := first.Seen(nil, time.Now())
				f.lose(lost...)
				f.batches = nil

				time.Sleep(11 * time.Hour)
				events := &recorder{}
				u := start(t, f, Config{Seen: seen, Observer: events, Reopen: func(file api.ShamanFileSpec) (Blob, error) {
					return blob(strings.TrimPrefix(file.Path, "tex/")), nil
				}})
				ensureAll(t, u, numbered(100))
				for range 2 {
					if _, err := u.Checkout(t.Context(), "x", specs(numbered(100)...)); err != nil {
						t.Error(err)
					}
				}
				closeIt(t, u)
				n := int64(len(lost))
				if stats := u.Stats(); stats.Unique != 100 || stats.Stored != 100-n || stats.Missing != n || stats.Uploaded != n {
					t.Errorf("stats %+v", stats)
				}
				if events.blobs[Stored] != 100 || events.blobs[Checked] != 100+int64(len(lost)) {
					t.Errorf("events %v", events.blobs)
				}
				if len(lost) == 0 && (len(f.batches) > 0 || len(f.checkouts) != 2) {
					t.Errorf("it asked, in batches of %v, and for %d checkouts", f.batches, len(f.checkouts))
				}
				asked := 0
				for _, n := range f.batches {
					asked += n
				}
				if len(lost) > 0 && (asked < 100 || len(f.checkouts) != 3) {
					t.Errorf("it asked in batches of %v, and for %d checkouts", f.batches, len(f.checkouts))
				}
			})
		})
	}
}

// TestSeenEnds: what was seen too long ago, or by a clock that shows an earlier time now, is asked about.
func TestSeenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		first := start(t, f, Config{})
		ensureAll(t, first, numbered(3))
		closeIt(t, first)
		for _, when := range []time.Duration{-13 * time.Hour, time.Minute} {
			f.batches = nil
			u := start(t, f, Config{Seen: first.Seen(nil, time.Now().Add(when))})
			ensureAll(t, u, numbered(3))
			if _, err := u.Checkout(t.Context(), "x", specs(numbered(3)...)); err != nil {
				t.Error(err)
			}
			closeIt(t, u)
			if len(f.batches) == 0 {
				t.Errorf("seen %v from now: it did not ask", when)
			}
		}
	})
}

// TestSeenGrows: each run adds what it has seen to what is still fresh.
func TestSeenGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		run := func(earlier Seen, c Config, blobs ...Blob) Seen {
			c.Seen = earlier
			u := start(t, f, c)
			ensureAll(t, u, blobs)
			closeIt(t, u)
			return u.Seen(earlier, time.Now())
		}
		a, b, c := blob("a"), blob("b"), blob("c")
		if got := run(nil, Config{CheckOnly: true}, a); got != nil {
			t.Errorf("what the Manager lacks was seen: %x", []byte(got))
		}
		one := run(nil, Config{}, a, b)
		time.Sleep(8 * time.Hour)
		two := run(one, Config{}, b, c)
		if one.len() != 2 || two.len() != 3 {
			t.Errorf("%d and then %d blobs, want 2 and 3", one.len(), two.len())
		}
		if again := run(two, Config{}, a, b, c); again != nil {
			t.Errorf("nothing is new, and there is %x for %x", []byte(again), []byte(two))
		}
		time.Sleep(8 * time.Hour)
		if three := run(two, Config{}, blob("d")); three.len() != 2 { // a and b are old: c and d are left
			t.Errorf("%d blobs, want 2", three.len())
		}
		run(Seen(bytes.Repeat([]byte("odd"), 50)), Config{}, numbered(20)...)
	})
}

// TestHas: a blob that an earlier run has seen, or this one has sent, counts without Ensure, and once.
func TestHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		first := start(t, f, Config{})
		ensureAll(t, first, numbered(1))
		closeIt(t, first)
		u := start(t, f, Config{Seen: first.Seen(nil, time.Now())})
		ask := func(content string) bool { return u.Has(sha256.Sum256([]byte(content)), int64(len(content))) }
		if seen, again, other := ask("file 000000"), ask("file 000000"), ask("file 000001"); !seen || !again || other {
			t.Errorf("seen %v, again %v, not seen %v", seen, again, other)
		}
		f.batches = nil
		ensureAll(t, u, numbered(2))
		if !ask("file 000001") {
			t.Error("it has sent it")
		}
		closeIt(t, u)
		if s := u.Stats(); s.Unique != 2 || s.Stored != 1 || s.Uploaded != 1 || len(f.batches) != 1 {
			t.Errorf("%+v after %d questions", s, len(f.batches))
		}
	})
}
