package manager

import (
	"io"
	"net/http"
	"time"
)

// Faults is how a Manager misbehaves. The zero value behaves well.
type Faults struct {
	// Latency is waited before each request is looked at.
	Latency time.Duration

	// ShardRace lets an upload fail with 500 when it begins while another digest with the same first two hex digits
	// is on its way, as the real Manager does now and then. Here it happens each time, but once a digest: sent again,
	// the same upload succeeds.
	ShardRace bool

	// FalseStored answers 208 to uploads of a file when another upload of the same file fails, as the real Manager
	// does, although the file is not stored then. Off, they go on.
	FalseStored bool

	// Stuck are digests of which a Manager that was killed left a part behind: reported as uploading for ever, and
	// 425 to clients that can defer, until they are stored.
	Stuck []string

	// DiskFull lets every write fail as on a full disk.
	DiskFull bool

	// Plan decides for each request; nil does nothing. It is called concurrently. See [Schedule].
	Plan func(FaultRequest) Fault
}

// FaultRequest describes a request to a plan.
type FaultRequest struct {
	Operation string // operationId in the API document, such as "shamanFileStore"
	SHA256    string // of an upload or a status check
	N         int    // how many requests of this operation came before
	NDigest   int    // how many requests of this operation and digest came before; 0 without Config.CountDigests
}

// Fault is what happens to one request. The zero value is none.
type Fault struct {
	Delay      time.Duration // before anything else
	Status     int           // answered instead of acting
	Body       string        // of that answer; default: the Manager's own error form
	Type       string        // content type of Body; default text/html
	RetryAfter string        // header of that answer
	Cut        Cut           // ends the connection
	CutAfter   int64         // bytes of the request body that are read before CutDuringBody
}

// Cut is a moment at which a connection ends without, or in the middle of, a reply.
type Cut int

// The moments. After CutAfter and CutDuringReply a client cannot know whether the Manager acted.
const (
	CutNever       Cut = iota
	CutBefore          // nothing is read
	CutDuringBody      // after Fault.CutAfter bytes of the body
	CutAfter           // the Manager acted, no reply
	CutDuringReply     // the Manager acted, half of the reply is sent
	Stall              // the request is read, and no reply comes until the client gives up
)

// Rule is a line of a schedule: what happens to which requests of an operation.
type Rule struct {
	Operation string // empty: any
	SHA256    string // empty: any
	Skip      int    // requests that go through first
	Times     int    // how many are hit then; 0: all
	Every     int    // of those, each Nth; 0: each
	Fault     Fault
}

// Schedule makes a plan of rules; the first that fits a request decides.
func Schedule(rules ...Rule) func(FaultRequest) Fault {
	return func(r FaultRequest) Fault {
		for _, rule := range rules {
			if rule.hits(r) {
				return rule.Fault
			}
		}
		return Fault{}
	}
}

func (rule Rule) hits(r FaultRequest) bool {
	if rule.Operation != "" && rule.Operation != r.Operation || rule.SHA256 != "" && rule.SHA256 != r.SHA256 {
		return false
	}
	n := r.N
	if rule.SHA256 != "" {
		n = r.NDigest
	}
	n -= rule.Skip
	return n >= 0 && (rule.Times == 0 || n < rule.Times) && (rule.Every == 0 || n%rule.Every == 0)
}

// SetFaults changes how the Manager misbehaves from now on.
func (m *Manager) SetFaults(f Faults) { m.faults.Store(&f) }

func (m *Manager) fault() *Faults { return m.faults.Load() }

// misbehave carries out what the faults have in store for a request, and reports whether it has been dealt with.
func (m *Manager) misbehave(q *request, call *call) (done bool) {
	faults := m.fault()
	pause(q, faults.Latency)
	if faults.Plan == nil {
		return false
	}
	fault := faults.Plan(FaultRequest{Operation: q.op.id, SHA256: q.params["checksum"], N: call.n, NDigest: call.nDigest})
	pause(q, fault.Delay)
	switch fault.Cut {
	case CutBefore:
		panic(http.ErrAbortHandler) // closes the connection and is not logged
	case CutDuringBody:
		q.received, _ = io.CopyN(io.Discard, q.r.Body, fault.CutAfter)
		panic(http.ErrAbortHandler)
	case CutAfter, CutDuringReply:
		m.actAndCut(q, fault.Cut == CutDuringReply)
	case Stall:
		q.received, _ = io.Copy(io.Discard, q.r.Body)
		select {
		case <-q.r.Context().Done():
		case <-m.stopped.Done():
		}
		panic(http.ErrAbortHandler)
	}
	if fault.Status == 0 {
		return false
	}
	answer(q.w, fault)
	return true
}

func pause(q *request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.r.Context().Done():
	}
}

func answer(w http.ResponseWriter, fault Fault) {
	if fault.RetryAfter != "" {
		w.Header().Set("Retry-After", fault.RetryAfter)
	}
	if fault.Body == "" {
		writeError(w, &apiError{status: fault.Status, message: "as planned: " + http.StatusText(fault.Status)})
		return
	}
	contentType := fault.Type
	if contentType == "" {
		contentType = "text/html; charset=utf-8"
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(fault.Status)
	_, _ = io.WriteString(w, fault.Body)
}

// actAndCut performs the operation and drops its reply, or the second half of it.
func (m *Manager) actAndCut(q *request, half bool) {
	kept := &heldReply{header: make(http.Header), real: q.w.ResponseWriter}
	q.w.ResponseWriter = kept
	if err := q.op.handle(q); err != nil {
		m.fail(q, err)
	}
	if half {
		kept.sendHalf()
	}
	panic(http.ErrAbortHandler)
}

// heldReply takes a reply in without sending it.
type heldReply struct {
	real   http.ResponseWriter
	header http.Header
	status int
	body   []byte
}

func (h *heldReply) Header() http.Header         { return h.header }
func (h *heldReply) WriteHeader(status int)      { h.status = status }
func (h *heldReply) Write(p []byte) (int, error) { h.body = append(h.body, p...); return len(p), nil }

func (h *heldReply) sendHalf() {
	for name, values := range h.header {
		h.real.Header()[name] = values
	}
	h.real.WriteHeader(max(h.status, http.StatusOK))
	_, _ = h.real.Write(h.body[:len(h.body)/2])
	_ = http.NewResponseController(h.real).Flush()
}
