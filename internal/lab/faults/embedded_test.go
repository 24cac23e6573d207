package faults

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/flsync/flsync/internal/manager"
)

// farm is an embedded Manager that can be ended and started again on what it left.
type farm struct {
	dir string

	mu      sync.Mutex
	manager *manager.Manager
	gate    *gate // in front of manager
	server  *http.Server
	address atomic.Value // string; "" while it is down
	counted sync.Mutex   // guards the two
	uploads map[string]int
	stored  map[string]int
	full    int // requests that want the disk to be full
	started int
}

func openFarm(dir string) (*farm, error) {
	f := &farm{dir: dir, uploads: make(map[string]int), stored: make(map[string]int)}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f, f.start()
}

// start is called under the lock.
func (f *farm) start() error {
	m, err := manager.New(context.Background(), manager.Config{Dir: f.dir})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, m.Close())
	}
	f.manager = m
	f.manager.SetFaults(manager.Faults{ShardRace: true, DiskFull: f.full > 0})
	f.gate = &gate{handler: f.counting(m)}
	f.server = &http.Server{Handler: f.gate, ErrorLog: log.New(io.Discard, "", 0)}
	go f.server.Serve(listener)
	f.address.Store("http://" + listener.Addr().String())
	f.started++
	return nil
}

// stop ends the Manager as a kill would: connections are cut, and nothing of it goes on beside the next one.
// It is called under the lock.
func (f *farm) stop() error {
	if f.manager == nil {
		return nil
	}
	err := f.server.Close()
	f.gate.shut()
	err = errors.Join(err, f.manager.Close())
	f.manager = nil
	return err
}

// counting counts the uploads to a Manager by digest, and those that it answers with 200.
func (f *farm) counting(m http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", m)
	mux.HandleFunc("POST /api/v3/shaman/files/{digest}/{size}", func(w http.ResponseWriter, r *http.Request) {
		digest, reply := r.PathValue("digest"), &statusWriter{ResponseWriter: w}
		f.counted.Lock()
		f.uploads[digest]++
		f.counted.Unlock()
		m.ServeHTTP(reply, r)
		if reply.status == http.StatusOK {
			f.counted.Lock()
			f.stored[digest]++
			f.counted.Unlock()
		}
	})
	return mux
}

// statusWriter keeps the status that is sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (f *farm) URL() string { return f.address.Load().(string) }

// Restart ends the Manager and starts it again, on another port.
func (f *farm) Restart(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.stop(), f.start())
}

// FillDisk lets the Manager's writes fail until the function that it returns is called.
func (f *farm) FillDisk(context.Context) (empty func(), err error) {
	f.fill(1)
	return func() { f.fill(-1) }, nil
}

func (f *farm) fill(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full += n
	if f.manager != nil {
		f.manager.SetFaults(manager.Faults{ShardRace: true, DiskFull: f.full > 0})
	}
}

// checkouts is where checkouts lie on disk.
func (f *farm) checkouts() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.manager.CheckoutDir()
}

// Close ends it for good. What was uploaded how often stays to be looked at.
func (f *farm) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stop()
}

// gate knows which requests are under way, which http.Server.Close does not wait for.
type gate struct {
	handler http.Handler

	mu      sync.Mutex
	closed  bool
	serving sync.WaitGroup
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.enter() {
		panic(http.ErrAbortHandler)
	}
	defer g.serving.Done()
	g.handler.ServeHTTP(w, r)
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.serving.Add(1)
	}
	return !g.closed
}

// shut lets no more in, and waits for those that are.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.serving.Wait()
}
