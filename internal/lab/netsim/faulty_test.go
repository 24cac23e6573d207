package netsim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// backend stands for a Manager: it acts on a request when it has read all of
// it, and says so.
type backend struct {
	*httptest.Server
	began, acted atomic.Int32
}

const backendReply = `{"done":"and this is long enough to be cut in two"}`

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.began.Add(1)
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		b.acted.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, backendReply)
	}))
	t.Cleanup(b.Close)
	return b
}

// oneKind is a plan whose every first attempt meets that kind.
func oneKind(kind Kind) Plan {
	return Plan{Seed: 1, Share: 1, Kinds: []Kind{kind}, MaxInARow: 1, MaxWait: time.Millisecond, StallFor: 20 * time.Millisecond}
}

func faulty(t *testing.T, cfg FaultConfig) *FaultyProxy {
	t.Helper()
	p, err := ListenFaulty(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// post sends body and gives the status and the reply, or why there is none.
func post(client *http.Client, url string, body []byte, contentType string) (status int, reply string, err error) {
	resp, err := client.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

func TestWhatEachFaultDoes(t *testing.T) {
	tests := []struct {
		kind   Kind
		acted  bool // the Manager acted
		broken bool // the client got no whole reply
	}{
		{kind: Delay, acted: true},
		{kind: CloseIdle, acted: true},
		{kind: ResetBefore, broken: true},
		{kind: ResetDuring, broken: true},
		{kind: ResetAfter, acted: true, broken: true},
		{kind: DropReply, acted: true, broken: true},
		{kind: HalfReply, acted: true, broken: true},
		{kind: Status},
		{kind: HTML},
		{kind: Restart, broken: true}, // acted or not, as the plan has it
		{kind: FillDisk, acted: true},
	}
	for _, tt := range tests {
		for contentType, size := range map[string]int{"application/octet-stream": 1 << 20, "application/json": 5000} {
			t.Run(fmt.Sprintf("%s %s", tt.kind, contentType), func(t *testing.T) {
				manager := newBackend(t)
				var restarts, fills, empties atomic.Int32
				p := faulty(t, FaultConfig{
					Target:         func() string { return manager.URL },
					Plan:           oneKind(tt.kind),
					RestartManager: func(context.Context) error { restarts.Add(1); return nil },
					FillDisk: func(context.Context) (func(), error) {
						fills.Add(1)
						return func() { empties.Add(1) }, nil
					},
				})
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()

				body := bytes.Repeat([]byte("x"), size)
				status, reply, err := post(client, p.URL()+"/file", body, contentType)
				if (err != nil) != tt.broken {
					t.Errorf("client: %d %q, %v; want broken: %v", status, reply, err, tt.broken)
				}
				fault := p.Events()[0].Fault
				acted := tt.acted || tt.kind == Restart && fault.At >= 0.5
				if got := manager.acted.Load() == 1; got != acted {
					t.Errorf("the Manager acted: %v, want %v (%v)", got, acted, fault)
				}
				switch tt.kind {
				case ResetBefore, Status, HTML:
					if manager.began.Load() != 0 {
						t.Error("the Manager saw the request")
					}
				case ResetDuring:
					for deadline := time.Now().Add(5 * time.Second); manager.began.Load() != 1 && time.Now().Before(deadline); {
						time.Sleep(time.Millisecond) // its handler starts beside the reset
					}
					if manager.began.Load() != 1 {
						t.Error("the Manager did not see the request")
					}
				}
				switch tt.kind {
				case Status:
					if !slices.Contains(statuses[:], status) || !strings.Contains(reply, "planned fault") {
						t.Errorf("answered %d %q", status, reply)
					}
				case HTML:
					if !strings.Contains(reply, "<!doctype html>") {
						t.Errorf("answered %d %q", status, reply)
					}
				}
				wantHooks := [3]int32{}
				switch tt.kind {
				case Restart:
					wantHooks = [3]int32{1, 0, 0}
				case FillDisk:
					wantHooks = [3]int32{0, 1, 1}
				}
				if got := [3]int32{restarts.Load(), fills.Load(), empties.Load()}; got != wantHooks {
					t.Errorf("hooks called %v times, want %v", got, wantHooks)
				}

				// The next attempt is one that the plan lets pass. A connection
				// that was closed while idle may still cost it a reset.
				for tries := 1; ; tries++ {
					status, reply, err = post(client, p.URL()+"/file", body, contentType)
					if status == http.StatusOK && reply == backendReply && err == nil {
						break
					}
					if tt.kind != CloseIdle || tries == 10 {
						t.Fatalf("second attempt: %d %q, %v", status, reply, err)
					}
				}
				if s := p.Stats(); s.Faults[tt.kind] < 1 || s.Total() > s.Requests || s.HookErrors != nil {
					t.Errorf("stats: %+v", s)
				}
			})
		}
	}
}

func TestStallLastsUntilTheClientGivesUp(t *testing.T) {
	manager := newBackend(t)
	plan := oneKind(Stall)
	plan.StallFor = time.Hour
	p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Plan: plan})
	client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Millisecond}
	defer client.CloseIdleConnections()
	if _, _, err := post(client, p.URL(), []byte("x"), "text/plain"); err == nil {
		t.Error("a stalled request was answered")
	}
	if err := p.Close(); err != nil { // and does not wait an hour
		t.Error(err)
	}
}

func TestCloseIdleClosesWhatTheClientKeeps(t *testing.T) {
	manager := newBackend(t)
	plan := oneKind(CloseIdle)
	plan.MaxWait = 0
	p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Plan: plan})
	closed := make(chan struct{})
	var once sync.Once
	client := &http.Client{Transport: &http.Transport{DialContext: watchedDial(func() { once.Do(func() { close(closed) }) })}}
	defer client.CloseIdleConnections()
	if status, _, err := post(client, p.URL(), []byte("x"), "text/plain"); status != 200 || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the idle connection stayed open")
	}
}

// The set of faults must not depend on how requests of different identity
// interleave.
func TestConcurrencyDoesNotChangeTheFaults(t *testing.T) {
	manager := newBackend(t)
	run := func(workers int) (faults []string) {
		plan := NewPlan(11, Delay, ResetBefore, ResetAfter, DropReply, HalfReply, Status)
		plan.Share, plan.MaxWait = 0.5, 0
		p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Plan: plan})
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
		defer client.CloseIdleConnections()
		jobs := make(chan int)
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for i := range jobs {
					for attempt := 1; attempt <= plan.MaxInARow+1; attempt++ {
						status, reply, err := post(client, fmt.Sprintf("%s/file/%d", p.URL(), i), []byte("x"), "text/plain")
						if err == nil && status == http.StatusOK && reply == backendReply {
							break
						}
						if attempt > plan.MaxInARow {
							t.Errorf("file %d failed %d times: %d, %v", i, attempt, status, err)
						}
					}
				}
			})
		}
		for i := range 100 {
			jobs <- i
		}
		close(jobs)
		all.Wait()
		for _, e := range p.Events() {
			faults = append(faults, fmt.Sprintf("%s, attempt %d: %s", e.Identity, e.Attempt, e.Fault))
		}
		slices.Sort(faults)
		return faults
	}
	serial, concurrent := run(1), run(8)
	if diff := cmp.Diff(serial, concurrent); diff != "" || len(serial) < 20 {
		t.Errorf("%d faults; one worker (-) and eight (+):\n%s", len(serial), diff)
	}
}

func TestStreaksOnOnePathAreBounded(t *testing.T) {
	manager := newBackend(t)
	plan := oneKind(Status)
	plan.MaxInARow = 2
	p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Plan: plan})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var got []bool
	for i := range 9 { // each with other contents, as a client's that renames its checkout
		status, _, err := post(client, p.URL()+"/checkout", fmt.Appendf(nil, `{"try":%d}`, i), "application/json")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status == http.StatusOK)
	}
	if diff := cmp.Diff([]bool{false, false, true, false, false, true, false, false, true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAManagerThatIsAway(t *testing.T) {
	manager := newBackend(t)
	manager.Close()
	p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Plan: Plan{MaxInARow: 1}})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	if status, _, err := post(client, p.URL(), []byte("x"), "text/plain"); err == nil {
		t.Errorf("nobody answered %d", status)
	}
	if got := p.Stats().Unreachable; got != 1 {
		t.Errorf("%d requests counted as unanswered", got)
	}
}

func TestListenFaultyRefuses(t *testing.T) {
	target := func() string { return "http://127.0.0.1:1" }
	for name, cfg := range map[string]FaultConfig{
		"no target":         {Plan: NewPlan(1)},
		"no restart hook":   {Target: target, Plan: oneKind(Restart)},
		"no disk hook":      {Target: target, Plan: oneKind(FillDisk)},
		"an invalid plan":   {Target: target, Plan: Plan{Share: 2}},
		"an unknown action": {Target: target, Plan: oneKind("earthquake")},
	} {
		if p, err := ListenFaulty(t.Context(), cfg); err == nil {
			_ = p.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestFailedHooksAreCounted(t *testing.T) {
	manager := newBackend(t)
	for _, kind := range []Kind{Restart, FillDisk} {
		p := faulty(t, FaultConfig{
			Target:         func() string { return manager.URL },
			Plan:           oneKind(kind),
			RestartManager: func(context.Context) error { return errors.New("it does not start") },
			FillDisk:       func(context.Context) (func(), error) { return nil, errors.New("no room to fill it") },
		})
		client := &http.Client{Transport: &http.Transport{}}
		_, _, err := post(client, p.URL(), []byte("x"), "text/plain")
		if s := p.Stats(); err == nil || len(s.HookErrors) != 1 {
			t.Errorf("%s: %v, %+v", kind, err, s)
		}
		client.CloseIdleConnections()
	}
}

// TestRules: the first rule that fits decides, counted from the proxy's start; what no rule fits passes.
func TestRules(t *testing.T) {
	manager := newBackend(t)
	p := faulty(t, FaultConfig{Target: func() string { return manager.URL }, Rules: []Rule{
		{Request: "POST /", Skip: 1, Times: 2, Fault: Answer(http.StatusPreconditionFailed, "as planned")},
	}})
	ask := func() int {
		status, _, err := post(http.DefaultClient, p.URL(), []byte("{}"), "application/json")
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	passes := ask()
	for i, want := range []int{http.StatusPreconditionFailed, http.StatusPreconditionFailed, passes} {
		if got := ask(); got != want || passes == http.StatusPreconditionFailed {
			t.Errorf("request %d: status %d, want %d", i+2, got, want)
		}
	}
	p.SetRules(Rule{Fault: Answer(http.StatusForbidden, "")})
	if got, n := ask(), p.Requests("POST /"); got != http.StatusForbidden || n != 5 {
		t.Errorf("status %d after %d requests", got, n)
	}
}
