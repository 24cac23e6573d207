package uploader

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

func TestCheckout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("old")
		f.RTT = 10 * time.Millisecond
		u := start(t, f, Config{})
		blobs := append(numbered(100), blob("old"))
		for _, b := range blobs {
			u.Ensure(t.Context(), b) // and does not wait: Checkout does
		}
		var wg sync.WaitGroup
		paths := make([]string, 5)
		for i := range paths {
			wg.Go(func() {
				var err error
				if paths[i], err = u.Checkout(t.Context(), "film/sh010", specs(blobs...)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		closeIt(t, u)

		seen := make(map[string]bool)
		for _, path := range paths {
			if seen[path] {
				t.Errorf("path %q was used twice", path)
			}
			seen[path] = true
			if !strings.HasPrefix(path, "film/sh010-") || !validCheckout().MatchString(path) {
				t.Errorf("path %q", path)
			}
		}
		if diff := cmp.Diff(specs(blobs...), f.checkouts[0].Files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if f.unchecked > 0 {
			t.Errorf("%d files were in a checkout before the Manager said that it has them", f.unchecked)
		}
		// One request for the first, one or two for the rest, one or two for what was sent; none for the checkouts
		// after.
		if len(f.batches) > 5 {
			t.Errorf("%d requirements requests: %v", len(f.batches), f.batches)
		}
	})
}

func TestCheckoutAfterGarbageCollection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = time.Millisecond
		lost := []string{"file 000001", "file 000002"}
		f.CheckoutScript = func(n int, _ api.ShamanCheckout) error {
			if n == 1 {
				f.mu.Unlock()
				f.lose(lost...)
				f.mu.Lock()
			}
			return nil
		}
		reopened := 0
		u := start(t, f, Config{Reopen: func(file api.ShamanFileSpec) (Blob, error) {
			reopened++
			return blob(strings.TrimPrefix(file.Path, "tex/")), nil
		}})
		ensureAll(t, u, numbered(5))
		path, err := u.Checkout(t.Context(), "x", specs(numbered(5)...))
		if err != nil {
			t.Fatal(err)
		}
		closeIt(t, u)
		if reopened != 2 || f.sent[digest(lost[0])] != 2 || f.sent[digest("file 000000")] != 1 {
			t.Errorf("%d reopened, sent: %v", reopened, f.sent)
		}
		if len(f.checkouts) != 2 || f.checkouts[0].CheckoutPath == f.checkouts[1].CheckoutPath || f.checkouts[1].CheckoutPath != path {
			t.Errorf("checkouts: %v", f.checkouts)
		}
		if f.unchecked > 2 {
			t.Errorf("the second checkout was asked for without a check")
		}
	})
}

func TestCheckoutOfMissingFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.RTT = time.Millisecond
		f.Script = func(_ int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if up.Name == "refused" {
				return 0, status(403)
			}
			return 0, nil
		}
		u := start(t, f, Config{})
		u.Ensure(t.Context(), blob("refused"))
		u.Ensure(t.Context(), blob("fine"))
		var missing *MissingError
		_, err := u.Checkout(t.Context(), "x", specs(blob("fine"), blob("refused"), blob("never given")))
		if !errors.As(err, &missing) {
			t.Fatalf("got %v", err)
		}
		if diff := cmp.Diff(specs(blob("refused"), blob("never given")), missing.Files); diff != "" {
			t.Errorf("missing (-want +got):\n%s", diff)
		}
		if !flamenco.HasStatus(err, 403) {
			t.Errorf("the cause is lost: %v", err)
		}
		closeIt(t, u)
		if len(f.checkouts) > 0 {
			t.Error("a checkout was asked for")
		}
	})
}

func TestCheckoutOfFilesStoredBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("stored")
		u := start(t, f, Config{})
		if _, err := u.Checkout(t.Context(), "x", specs(blob("stored"))); err != nil {
			t.Error(err)
		}
		// A reply that old is not trusted.
		time.Sleep(11 * time.Minute)
		if _, err := u.Checkout(t.Context(), "x", specs(blob("stored"))); err != nil {
			t.Error(err)
		}
		if len(f.batches) != 2 {
			t.Errorf("asked %d times", len(f.batches))
		}
		closeIt(t, u)
	})
}

// Each lost answer may have left a checkout behind. None of their paths is asked for again.
func TestCheckoutWithLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("a")
		f.CheckoutScript = func(n int, _ api.ShamanCheckout) error {
			if n <= 3 {
				return cut(true)
			}
			return nil
		}
		u := start(t, f, Config{})
		if _, err := u.Checkout(t.Context(), "x", specs(blob("a"))); err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, c := range f.checkouts {
			if seen[c.CheckoutPath] {
				t.Errorf("%q was asked for twice", c.CheckoutPath)
			}
			seen[c.CheckoutPath] = true
		}
		if s := u.Stats(); s.Abandoned != 3 || s.Checkouts != 1 {
			t.Errorf("stats: %+v", s)
		}
		closeIt(t, u)
	})
}

func TestCheckoutErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		err      error
		requests int
	}{
		{"500 for ever", status(500), checkoutAttempts},
		{"answers lost for ever", cut(true), checkoutAttempts},
		{"a proxy that does not wait", status(504), checkoutAttempts},
		{"400", status(400), 1},
		{"413", status(413), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("a")
				f.CheckoutScript = func(int, api.ShamanCheckout) error { return c.err }
				u := start(t, f, Config{})
				if _, err := u.Checkout(t.Context(), "x", specs(blob("a"))); !errors.Is(err, c.err) {
					t.Errorf("got %v", err)
				}
				if len(f.checkouts) != c.requests {
					t.Errorf("%d requests, want %d", len(f.checkouts), c.requests)
				}
				closeIt(t, u)
			})
		})
	}
	t.Run("Manager stays away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := outage(time.Second, time.Hour)
			u := start(t, f, Config{})
			ensureAll(t, u, numbered(1))
			time.Sleep(time.Second)
			if _, err := u.Checkout(t.Context(), "x", specs(numbered(1)...)); !errors.As(err, new(*GaveUpError)) {
				t.Errorf("got %v", err)
			}
			if err := u.Close(); !errors.As(err, new(*GaveUpError)) {
				t.Errorf("Close: %v", err)
			}
		})
	})
	t.Run("Manager returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := outage(time.Second, 2*time.Minute)
			u := start(t, f, Config{})
			ensureAll(t, u, numbered(1))
			time.Sleep(time.Second)
			if _, err := u.Checkout(t.Context(), "x", specs(numbered(1)...)); err != nil {
				t.Errorf("got %v", err)
			}
			closeIt(t, u)
		})
	})
	t.Run("dry run", func(t *testing.T) {
		u := start(t, newFake(), Config{CheckOnly: true})
		if _, err := u.Checkout(t.Context(), "x", nil); !errors.Is(err, ErrCheckOnly) {
			t.Errorf("got %v", err)
		}
		closeIt(t, u)
	})
	t.Run("canceled while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.Work = time.Hour
			u := start(t, f, Config{})
			u.Ensure(t.Context(), blob("a"))
			go func() {
				time.Sleep(time.Second)
				u.giveUp(errors.New("stop"))
			}()
			if _, err := u.Checkout(t.Context(), "x", specs(blob("a"))); err == nil || !strings.Contains(err.Error(), "stop") {
				t.Errorf("got %v", err)
			}
			_ = u.Close()
		})
	})
}

// A checkout whose files are still on their way does not keep others waiting.
func TestCheckoutsWaitOnlyForTheirOwnFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("ready")
		f.Work = time.Minute
		u := start(t, f, Config{Checkouts: 1})
		u.Ensure(t.Context(), blob("slow"))
		u.Ensure(t.Context(), blob("ready"))
		go func() {
			if _, err := u.Checkout(t.Context(), "slow", specs(blob("slow"))); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		if _, err := u.Checkout(t.Context(), "ready", specs(blob("ready"))); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(2 * time.Minute)
		closeIt(t, u)
	})
}

// A Manager that is not one could answer anything; the path goes into the settings of jobs.
func TestReturnedPathIsChecked(t *testing.T) {
	for _, path := range []string{"", "../x", "/etc", "a/../../b", "C:/x", "a\x00b"} {
		u := start(t, answers{newFake("a"), path}, Config{})
		if _, err := u.Checkout(t.Context(), "x", specs(blob("a"))); !errors.As(err, new(*PathError)) {
			t.Errorf("%q: %v", path, err)
		}
		closeIt(t, u)
	}
}

func TestBadPathsAreNeverSent(t *testing.T) {
	f := newFake("a", "b")
	u := start(t, f, Config{})
	a, b := blob("a"), blob("b")
	spec := func(b Blob, path string) api.ShamanFileSpec {
		return api.ShamanFileSpec{Sha: b.SHA256, Size: b.Size, Path: path}
	}
	for _, files := range [][]api.ShamanFileSpec{
		{spec(a, "../evil")},
		{spec(a, "fine"), spec(b, "tex/../../evil")},
		{spec(a, "same"), spec(b, "same")},
		{spec(a, "tex"), spec(b, "tex/b.png")},
		{spec(b, "tex/deep/er/b.png"), spec(a, "tex/deep")},
	} {
		if _, err := u.Checkout(t.Context(), "x", files); !errors.As(err, new(*PathError)) {
			t.Errorf("%v: %v", files, err)
		}
	}
	for _, requested := range []string{"", "../x", "/x", "a/../b", "a*", "a:b", `a\b`, "a{b}", "a;b", "a?"} {
		if _, err := u.Checkout(t.Context(), requested, []api.ShamanFileSpec{spec(a, "a")}); !errors.As(err, new(*PathError)) {
			t.Errorf("%q: %v", requested, err)
		}
	}
	if _, err := u.Checkout(t.Context(), "x", []api.ShamanFileSpec{{Sha: "x", Path: "a"}}); err == nil {
		t.Error("a malformed digest was accepted")
	}
	// One file twice is no mistake.
	if _, err := u.Checkout(t.Context(), "x", []api.ShamanFileSpec{spec(a, "same"), spec(a, "same")}); err != nil {
		t.Error(err)
	}
	closeIt(t, u)
	if len(f.checkouts) != 1 {
		t.Errorf("%d checkouts were asked for", len(f.checkouts))
	}
}

// answers is a Manager that returns that path for any checkout.
type answers struct {
	*fake
	path string
}

func (a answers) ShamanCheckout(context.Context, api.ShamanCheckout) (string, error) {
	return a.path, nil
}
