package pipeline

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/report"
)

// TestSignInMeanwhile: a proxy that asks people to sign in while files are sent, as when a ticket runs out,
// is one error that ends the run, and not one for each file.
func TestSignInMeanwhile(t *testing.T) {
	n := newNight(t)
	for i := range 60 {
		n.write(fmt.Sprintf("many/%d.bin", i), fmt.Sprint("content ", i))
	}
	var seen atomic.Int32
	n.in(func(w http.ResponseWriter, r *http.Request) bool {
		if seen.Add(1) <= 0 {
			return false
		}
		http.Redirect(w, r, "https://sso.test/login", http.StatusFound)
		return true
	})
	for name, run := range map[string]func(Env) error{
		"sync": func(env Env) error {
			_, err := Sync(t.Context(), env, SyncOptions{Paths: []string{filepath.Join(n.dir, "project", "many")}})
			return err
		},
		"submit": func(env Env) error {
			_, err := Submit(t.Context(), env, n.options(withFiles("[many/1*.bin]", "[many/2*.bin]")))
			return err
		},
	} {
		for _, passes := range []int32{2, 6, 9} {
			seen.Store(-passes)
			env := n.env(nil)
			var mu sync.Mutex
			var told []report.Error
			env.Sink = sinkFunc(func(e report.Event) {
				mu.Lock()
				defer mu.Unlock()
				if e, ok := e.(report.Error); ok {
					told = append(told, e)
				}
			})
			err := run(env)
			if !errors.Is(err, flamenco.ErrSignIn) || strings.Count(err.Error(), "--header-file") != 1 || len(report.Split(err)) != 1 || len(told) != 0 {
				t.Errorf("%s after %d requests: error %v, and %d more: %v", name, passes, err, len(told), told)
			}
		}
	}
}
