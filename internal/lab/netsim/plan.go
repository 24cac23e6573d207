package netsim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is one way in which a request goes wrong.
type Kind string

// What can happen to a request. "The Manager acted" means that it received the whole request and its reply
// has reached the proxy.
const (
	Pass        Kind = ""             // nothing
	Delay       Kind = "delay"        // the request is held, then passes
	ResetBefore Kind = "reset-before" // connection reset; the Manager sees nothing of the request
	ResetDuring Kind = "reset-during" // both connections are reset in the request's body
	ResetAfter  Kind = "reset-after"  // the Manager acted; a reset instead of its reply
	DropReply   Kind = "drop-reply"   // the Manager acted; the connection is closed without a word
	HalfReply   Kind = "half-reply"   // the Manager acted; a part of its reply, then the connection is closed
	Stall       Kind = "stall"        // silence before the request is passed on, or in the middle of its reply
	Status      Kind = "status"       // the proxy answers 408, 425, 429, 500, 502, 503 or 504 itself
	HTML        Kind = "html"         // the proxy answers with a web page, as a login page or a misled gateway does
	CloseIdle   Kind = "close-idle"   // passes; then its idle connection is closed without notice
	Restart     Kind = "restart"      // the Manager is restarted in the middle of the request or before its reply
	FillDisk    Kind = "fill-disk"    // the Manager's disk is full during the request
)

// NetworkKinds are the kinds that the proxy needs no help for.
func NetworkKinds() []Kind {
	return []Kind{Delay, ResetBefore, ResetDuring, ResetAfter, DropReply, HalfReply, Stall, Status, HTML, CloseIdle}
}

// AllKinds are NetworkKinds and those that need hooks.
func AllKinds() []Kind { return append(NetworkKinds(), Restart, FillDisk) }

// Fault is what happens to one request.
type Fault struct {
	Kind Kind `json:"kind"`
	// At is the place of a fault that has one: 0 is the start, 1 the end of the body, or of the whole reply
	// when that has no body. It also chooses between the forms of a fault that has more than one.
	At float64 `json:"at,omitempty"`
	// Status is the reply's status for the kinds that reply.
	Status int `json:"status,omitempty"`
	// Message is that of the reply of kind Status.
	Message string `json:"message,omitempty"`
	// RetryAfter is the header's value in seconds; -1 is no header.
	RetryAfter int `json:"retry_after,omitempty"`
	// Wait is how long the fault holds the request or the connection.
	Wait time.Duration `json:"wait,omitempty"`
}

func (f Fault) String() string {
	switch f.Kind {
	case Pass:
		return "pass"
	case Status, HTML:
		return fmt.Sprintf("%s %d", f.Kind, f.Status)
	case Delay, Stall, CloseIdle:
		return fmt.Sprintf("%s %v", f.Kind, f.Wait)
	case ResetDuring, HalfReply:
		return fmt.Sprintf("%s at %.0f%%", f.Kind, f.At*100)
	}
	return string(f.Kind)
}

// Plan decides what happens to each request. It is a value that can be printed and made again from its seed:
// the same plan gives the same request the same fault, in every run and whatever else is under way.
//
// What makes two requests the same is their identity (by default method, path, query and, for JSON, contents)
// and the attempt: the how-manieth request with that identity it is.
//
// The exception is for a client that changes its request when it tries again: after MaxInARow faults in a row
// on one method and path the proxy lets the next request pass, and which one that is depends on their order.
type Plan struct {
	Seed uint64 `json:"seed"`

	// Share of the requests that meet a fault, 0 to 1.
	Share float64 `json:"share"`

	// Kinds to choose from, each as likely as the others; repeat one to make it likelier.
	Kinds []Kind `json:"kinds"`

	// MaxInARow bounds the faults that one request meets before it passes, so that a client that tries once
	// more always comes through.
	MaxInARow int `json:"max_in_a_row"`

	// MaxWait bounds a delay, and the time after which an idle connection is closed. Short: what matters is
	// that the order of events changes.
	MaxWait time.Duration `json:"max_wait"`

	// StallFor is how long a stall lasts before the connection is closed. It should be longer than the
	// client's patience, or the client's own limits are not tested.
	StallFor time.Duration `json:"stall_for"`
}

// NewPlan makes the plan of a seed. Seeds differ in how often they hit and in which of kinds they use: some
// mix all, some use two or three only. Without kinds it chooses from NetworkKinds. The limits may be changed
// afterwards.
func NewPlan(seed uint64, kinds ...Kind) Plan {
	if len(kinds) == 0 {
		kinds = NetworkKinds()
	}
	r := rand.New(rand.NewPCG(seed, 0))
	mixed := slices.Clone(kinds)
	if r.IntN(2) == 0 { // half of the seeds use only some kinds
		r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		mixed = mixed[:min(len(mixed), 1+r.IntN(3))]
	}
	return Plan{
		Seed:      seed,
		Share:     0.05 + 0.45*r.Float64(),
		Kinds:     mixed,
		MaxInARow: 1 + r.IntN(3),
		MaxWait:   20 * time.Millisecond,
		StallFor:  2 * time.Second,
	}
}

// Validate says what is wrong with the plan.
func (p Plan) Validate() error {
	switch {
	case p.Share < 0 || p.Share > 1:
		return fmt.Errorf("netsim: plan: share %g is outside 0 to 1", p.Share)
	case p.Share > 0 && len(p.Kinds) == 0:
		return errors.New("netsim: plan: no kinds to choose from")
	case p.Share > 0 && p.MaxInARow < 1:
		return errors.New("netsim: plan: MaxInARow is less than 1")
	case p.MaxWait < 0 || p.StallFor < 0:
		return errors.New("netsim: plan: a limit is negative")
	}
	for _, k := range p.Kinds {
		if !slices.Contains(AllKinds(), k) {
			return fmt.Errorf("netsim: plan: unknown kind %q", k)
		}
	}
	return nil
}

func (p Plan) String() string {
	kinds := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		kinds[i] = string(k)
	}
	return fmt.Sprintf("seed %d: %.0f%% of the requests, at most %d in a row: %s",
		p.Seed, p.Share*100, p.MaxInARow, strings.Join(kinds, " "))
}

// statuses are those that a client may meet without having done wrong.
var statuses = [...]int{
	http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// Decide gives the fault for an attempt (1, 2, …) at a request. It is a pure function of the plan and its
// arguments.
func (p Plan) Decide(identity string, attempt int) Fault {
	if attempt%(p.MaxInARow+1) == 0 {
		return Fault{}
	}
	h := fnv.New64a()
	h.Write([]byte(identity))
	// FNV alone leaves the numbers of consecutive attempts close together.
	r := rand.New(rand.NewPCG(p.Seed, h.Sum64()+uint64(attempt)*0x9e3779b97f4a7c15))
	if r.Float64() >= p.Share {
		return Fault{}
	}
	f := Fault{Kind: p.Kinds[r.IntN(len(p.Kinds))], At: r.Float64(), RetryAfter: -1}
	switch f.Kind {
	case Delay, CloseIdle:
		f.Wait = time.Duration(r.Int64N(int64(p.MaxWait) + 1))
	case Stall:
		f.Wait = p.StallFor
	case Status:
		f.Status = statuses[r.IntN(len(statuses))]
		if r.IntN(2) == 0 {
			f.RetryAfter = r.IntN(2)
		}
	case HTML:
		f.Status = []int{http.StatusOK, http.StatusBadGateway, http.StatusServiceUnavailable}[r.IntN(3)]
	}
	return f
}
