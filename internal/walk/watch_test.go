package walk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

type watchFunc func(ctx context.Context, root string, quiet time.Duration, changed func(context.Context) error) error

// eachWatch runs a test for the system's own way and for polling.
func eachWatch(t *testing.T, test func(*testing.T, watchFunc)) {
	t.Run("the system's", func(t *testing.T) { test(t, Watch) })
	t.Run("polling", func(t *testing.T) { test(t, poll) })
}

func TestWatchSeesNewFolders(t *testing.T) { eachWatch(t, watchSeesNewFolders) }

func watchSeesNewFolders(t *testing.T, watch watchFunc) {
	root := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	calls := make(chan struct{}, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- watch(ctx, root, 20*time.Millisecond, func(context.Context) error {
			calls <- struct{}{}
			return nil
		})
	}()
	// Each step until it was seen; the first ones may come before the watch has begun.
	deep := filepath.Join(root, "a", "b")
	for i, step := range []func() error{
		func() error { return os.MkdirAll(deep, 0o700) },
		func() error { return os.WriteFile(filepath.Join(deep, "f"), []byte(time.Now().String()), 0o600) },
		func() error { return os.WriteFile(filepath.Join(deep, "f"), []byte(time.Now().String()), 0o600) },
	} {
		for seen := false; !seen; {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			select {
			case <-calls:
				seen = true
			case err := <-ended:
				t.Fatalf("step %d: the watch ended: %v", i, err)
			case <-time.After(2 * time.Second): // longer than looks of polling take
				os.RemoveAll(filepath.Join(root, "a")) // so that the next try changes something
				if err := os.MkdirAll(deep, 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v, want the context's end", err)
	}
}

// TestWatchSeesWhatChangesDuringTheFirstCall holds that a file which comes while the first sync runs is not
// missed.
func TestWatchSeesWhatChangesDuringTheFirstCall(t *testing.T) {
	eachWatch(t, watchSeesWhatChangesDuringTheFirstCall)
}

func watchSeesWhatChangesDuringTheFirstCall(t *testing.T, watch watchFunc) {
	root := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := errors.New("seen")
	calls := 0
	err := watch(ctx, root, 20*time.Millisecond, func(context.Context) error {
		if calls++; calls > 1 {
			return done
		}
		return os.WriteFile(filepath.Join(root, "new"), nil, 0o600)
	})
	if !errors.Is(err, done) {
		t.Errorf("ended with %v after %d calls, want a second one", err, calls)
	}
}

func TestWatchReturnsWhatFailed(t *testing.T) { eachWatch(t, watchReturnsWhatFailed) }

func watchReturnsWhatFailed(t *testing.T, watch watchFunc) {
	root := t.TempDir()
	failed := errors.New("failed")
	ended := make(chan error, 1)
	go func() {
		ended <- watch(t.Context(), root, time.Millisecond, func(context.Context) error { return failed })
	}()
	for {
		if err := os.WriteFile(filepath.Join(root, "f"), []byte(time.Now().String()), 0o600); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, failed) {
				t.Errorf("ended with %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
