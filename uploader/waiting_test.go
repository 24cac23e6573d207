package uploader

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco"
)

// Whatever is tried again for longer than five seconds is told once, with the time since when.
func TestWaitingIsToldOnce(t *testing.T) {
	for name, code := range map[string]int{
		"the Manager is away": http.StatusServiceUnavailable, "a file does not pass": http.StatusInternalServerError,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				f := newFake()
				f.Script = func(_ int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
					if time.Since(began) < 15*time.Second {
						return 0, status(code)
					}
					return flamenco.Stored, nil
				}
				var (
					mu     sync.Mutex // events come from any goroutine
					events []Event
				)
				u := start(t, f, Config{Attempts: 100, Observer: observe(func(e Event) {
					mu.Lock()
					defer mu.Unlock()
					if e.Kind == Waiting {
						events = append(events, e)
					}
				})})
				if err := u.Ensure(t.Context(), blob("x")).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				closeIt(t, u)
				n := map[bool]int{}
				for _, e := range events {
					n[e.Name != ""]++
					if e.Err == nil || e.Since.Before(began) || e.Since.After(began.Add(5*time.Second)) {
						t.Errorf("got %+v", e)
					}
				}
				if n[true] != 1 || n[false] != 1 { // one file alone is also all of the Manager
					t.Errorf("told %d times of the file, %d times of the Manager; want once each", n[true], n[false])
				}
			})
		})
	}
}

type observe func(Event)

func (o observe) Observe(e Event) { o(e) }
