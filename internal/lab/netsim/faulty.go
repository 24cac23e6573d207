package netsim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultConfig says what a faulty proxy stands in front of, and what it does.
type FaultConfig struct {
	// Target gives the Manager's root URL. It is asked for each request, because a restarted Manager may have
	// another port.
	Target func() string

	// Plan and Rules decide what happens to a request, the rules first.
	Plan  Plan
	Rules []Rule

	// RestartManager is called for Restart. It returns when the Manager answers again, and is never called
	// twice at once.
	RestartManager func(ctx context.Context) error

	// FillDisk is called for FillDisk before the request is passed on, and what it returns is called after.
	// Several requests may do so at once.
	FillDisk func(ctx context.Context) (empty func(), err error)
}

// FaultyProxy is an HTTP proxy that misbehaves by a plan.
type FaultyProxy struct {
	cfg       FaultConfig
	server    *http.Server
	listener  net.Listener
	transport *http.Transport
	ctx       context.Context // of the run: ends stalls and hooks
	stop      context.CancelFunc
	running   sync.WaitGroup

	restarting sync.Mutex

	mu       sync.Mutex
	attempts map[string]int // by identity
	requests map[string]int // by method and path
	streaks  map[string]int // faults in a row, by method and path
	doomed   map[net.Conn]time.Duration
	stats    FaultStats
	events   []Event
}

// FaultStats is what a faulty proxy has done so far.
type FaultStats struct {
	Requests    int          // seen
	Faults      map[Kind]int // done, by kind
	Unreachable int          // requests for which the Manager gave no reply, on its own account
	HookErrors  []error      // of hooks that failed
}

// Total is the number of faults of all kinds.
func (s FaultStats) Total() (n int) {
	for _, v := range s.Faults {
		n += v
	}
	return n
}

// Event is one fault that was done.
type Event struct {
	Number   int // of the request, from 1
	Identity string
	Attempt  int
	Fault    Fault
}

func (e Event) String() string {
	return fmt.Sprintf("request %d, attempt %d, %s: %s", e.Number, e.Attempt, e.Identity, e.Fault)
}

// maxJSON bounds the bodies that are kept in memory to tell requests apart.
const maxJSON = 64 << 20

// ListenFaulty starts a faulty proxy on a free port of 127.0.0.1. It runs until Close or until ctx ends.
func ListenFaulty(ctx context.Context, cfg FaultConfig) (*FaultyProxy, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("netsim: %w", err)
	}
	p := &FaultyProxy{
		cfg: cfg, listener: listener,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 256, ExpectContinueTimeout: time.Second},
		attempts:  map[string]int{}, requests: map[string]int{}, streaks: map[string]int{},
		doomed: map[net.Conn]time.Duration{}, stats: FaultStats{Faults: map[Kind]int{}},
	}
	p.ctx, p.stop = context.WithCancel(ctx)
	p.server = &http.Server{
		Handler:     http.HandlerFunc(p.serve),
		ConnState:   p.connState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:    log.New(io.Discard, "", 0), // it is full of what was asked for
	}
	p.running.Go(func() { _ = p.server.Serve(listener) })
	p.running.Go(func() { <-p.ctx.Done(); _ = p.server.Close() })
	return p, nil
}

func (c FaultConfig) validate() error {
	if c.Target == nil {
		return errors.New("netsim: faulty proxy without a target")
	}
	for _, k := range c.Plan.Kinds {
		if k == Restart && c.RestartManager == nil || k == FillDisk && c.FillDisk == nil {
			return fmt.Errorf("netsim: the plan has %q, but there is no hook for it", k)
		}
	}
	return c.Plan.Validate()
}

// URL is the proxy's root URL, without a slash at its end.
func (p *FaultyProxy) URL() string { return "http://" + p.listener.Addr().String() }

// Stats may be called at any time.
func (p *FaultyProxy) Stats() FaultStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Faults, s.HookErrors = maps.Clone(s.Faults), slices.Clone(s.HookErrors)
	return s
}

// Events are the faults done so far, oldest first.
func (p *FaultyProxy) Events() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// Close ends all connections and returns when every request has ended.
func (p *FaultyProxy) Close() error {
	p.stop()
	p.running.Wait()
	p.transport.CloseIdleConnections()
	return nil
}

// identity names what is asked for; see [Plan]. body is nil unless the request has JSON: many different
// requests go to one path of the Manager's API.
func identity(r *http.Request, body []byte) string {
	id := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		id += fmt.Sprintf(" #%x", sum[:4])
	}
	return id
}

func (p *FaultyProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.running.Add(1)
	defer p.running.Done()
	var body []byte
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var err error
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON)); err != nil {
			panic(http.ErrAbortHandler) // the client went away, or sends nonsense
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	p.act(p.decide(r, body), w, r)
}

// decide asks the plan, within its bounds, and keeps the books.
func (p *FaultyProxy) decide(r *http.Request, body []byte) Fault {
	id := identity(r, body)
	path := r.Method + " " + r.URL.Path

	p.mu.Lock()
	defer p.mu.Unlock()
	fault := p.ruled(r)
	p.stats.Requests++
	p.attempts[id]++
	if fault.Kind == Pass {
		fault = p.cfg.Plan.Decide(id, p.attempts[id])
		if fault.Kind == Pass || p.streaks[path] >= p.cfg.Plan.MaxInARow {
			delete(p.streaks, path)
			return Fault{}
		}
		p.streaks[path]++
	}
	p.stats.Faults[fault.Kind]++
	p.events = append(p.events, Event{p.stats.Requests, id, p.attempts[id], fault})
	return fault
}

// count changes the statistics.
func (p *FaultyProxy) count(change func(*FaultStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.stats)
}

func (p *FaultyProxy) unreachable() { p.count(func(s *FaultStats) { s.Unreachable++ }) }

func (p *FaultyProxy) hookFailed(kind Kind, err error) {
	p.count(func(s *FaultStats) { s.HookErrors = append(s.HookErrors, fmt.Errorf("%s: %w", kind, err)) })
}

type connKey struct{}

// doom has the connection of r closed soon after it has become idle.
func (p *FaultyProxy) doom(r *http.Request, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed[r.Context().Value(connKey{}).(net.Conn)] = after
}

func (p *FaultyProxy) connState(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	after, doomed := p.doomed[c]
	if !doomed || state == http.StateActive || state == http.StateNew {
		return
	}
	delete(p.doomed, c)
	if state == http.StateIdle {
		time.AfterFunc(after, func() { c.Close() })
	}
}
