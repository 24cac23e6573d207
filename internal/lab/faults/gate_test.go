package faults

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
)

// TestGate: a Manager that is said to be dead does nothing any more, and hears nothing.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn, acted := make(chan struct{}), false
		g := &gate{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-goOn; acted = true })}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		go g.ServeHTTP(httptest.NewRecorder(), request)
		synctest.Wait()
		dead := make(chan bool)
		go func() { g.shut(); dead <- acted }()
		synctest.Wait() // without waiting, shut is done by now
		close(goOn)
		if !<-dead {
			t.Error("dead before its last request had ended")
		}
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("a dead Manager answers")
			}
		}()
		g.ServeHTTP(httptest.NewRecorder(), request)
	})
}
