package netsim

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// act does to a request what was decided.
func (p *FaultyProxy) act(f Fault, w http.ResponseWriter, r *http.Request) {
	switch f.Kind {
	case Pass:
		p.pass(w, r)
	case Delay:
		pause(p.ctx, f.Wait)
		p.pass(w, r)
	case CloseIdle:
		p.doom(r, f.Wait)
		p.pass(w, r)
	case ResetBefore:
		hangUp(w, resetConn)
	case ResetDuring:
		p.sendPart(r, f.At, func() {})
		hangUp(w, resetConn)
	case ResetAfter:
		p.sendWhole(r)
		hangUp(w, resetConn)
	case DropReply:
		p.sendWhole(r)
		hangUp(w, func(c *net.TCPConn) { c.Close() })
	case HalfReply:
		reply := p.sendWhole(r)
		hangUp(w, func(c *net.TCPConn) { _, _ = c.Write(reply.upTo(f.At)); c.Close() })
	case Stall:
		var begin []byte
		if f.At > 0.3 { // else the Manager never hears of it
			begin = p.sendWhole(r).upTo(f.At)
		}
		hangUp(w, func(c *net.TCPConn) { _, _ = c.Write(begin); pause(p.ctx, f.Wait); c.Close() })
	case Status, HTML:
		p.answer(f, w, r)
	case Restart:
		p.restart(f, w, r)
	case FillDisk:
		empty, err := p.cfg.FillDisk(p.ctx)
		if err != nil {
			p.hookFailed(FillDisk, err)
			hangUp(w, resetConn)
			return
		}
		defer empty()
		p.pass(w, r)
	default:
		panic(fmt.Sprintf("netsim: no action for %q", f.Kind))
	}
}

// pass sends the request on and the reply back, as a proper proxy does.
func (p *FaultyProxy) pass(w http.ResponseWriter, r *http.Request) {
	resp, err := p.send(r, r.Body)
	if err != nil {
		p.unreachable()
		hangUp(w, resetConn)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.Header().Del("Connection") // it is about the other connection
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		panic(http.ErrAbortHandler) // the reply stays as broken as it came
	}
}

// send sends r to the Manager with another body.
func (p *FaultyProxy) send(r *http.Request, body io.ReadCloser) (*http.Response, error) {
	base, err := url.Parse(p.cfg.Target())
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.RequestURI = "" // set for servers only
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, base.Host
	out.Header.Del("Connection")
	out.Body = body
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	// The transport may go on reading the body after an early reply, which a server's handler must have
	// stopped when it returns.
	defer r.Body.Close()
	return p.transport.RoundTrip(out)
}

// sendWhole sends r and reads the whole reply, or gives an empty one.
func (p *FaultyProxy) sendWhole(r *http.Request) reply {
	var body []byte
	resp, err := p.send(r, r.Body)
	if err == nil {
		defer resp.Body.Close()
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxJSON))
	}
	if err != nil {
		p.unreachable()
		return reply{}
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %s\r\n", resp.Status)
	resp.Header.Del("Transfer-Encoding")
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	_ = resp.Header.Write(&head)
	head.WriteString("\r\n")
	return reply{head.Bytes(), body}
}

// errCut ends a request's body early.
var errCut = errors.New("netsim: cut off by plan")

// sendPart sends r with its body cut off, and ignores the reply, if any. It calls then when the first part
// has been read. A request without a body is not sent at all: that would be the whole of it.
func (p *FaultyProxy) sendPart(r *http.Request, at float64, then func()) {
	if r.ContentLength == 0 {
		then()
		return
	}
	length := r.ContentLength
	if length < 0 {
		length = maxChunk
	}
	cut := &cutBody{Reader: io.LimitReader(r.Body, int64(float64(length)*at)), then: then}
	if resp, err := p.send(r, cut); err == nil {
		resp.Body.Close()
	}
}

// cutBody reads a part of a body and then fails.
type cutBody struct {
	io.Reader
	then func()
}

func (c *cutBody) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err == io.EOF {
		c.then()
		c.then = func() {}
		err = errCut
	}
	return n, err
}

func (c *cutBody) Close() error { return nil } // send closes what is below

// reply is a reply as it goes over the connection.
type reply struct{ head, body []byte }

// upTo cuts within the body, or within the head when there is no body.
func (r reply) upTo(at float64) []byte {
	if len(r.body) == 0 {
		return r.head[:int(float64(len(r.head))*at)]
	}
	return append(r.head, r.body[:int(float64(len(r.body))*at)]...)
}

// answer replies in the Manager's place. Half of the answers come before the body has been read, as those of
// a server that is busy do.
func (p *FaultyProxy) answer(f Fault, w http.ResponseWriter, r *http.Request) {
	if f.At < 0.5 {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if f.RetryAfter >= 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	if f.Kind == HTML {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, "<!doctype html><title>Sign in</title><h1>Please sign in</h1><form method=post></form>\n")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Status)
	fmt.Fprintf(w, `{"code":%d,"message":%q}`+"\n", f.Status, cmp.Or(f.Message, "planned fault"))
}

// restart restarts the Manager in the middle of the request, or after it has acted and before its reply gets
// out.
func (p *FaultyProxy) restart(f Fault, w http.ResponseWriter, r *http.Request) {
	// Once, so that a Manager that replies before it has read that far is restarted, too, and so that this
	// request outlives its hook.
	var once sync.Once
	hook := func() { once.Do(p.restartManager) }
	if f.At < 0.5 {
		p.sendPart(r, f.At*2, hook)
	} else {
		p.sendWhole(r)
	}
	hook()
	hangUp(w, resetConn)
}

func (p *FaultyProxy) restartManager() {
	p.restarting.Lock()
	defer p.restarting.Unlock()
	if err := p.cfg.RestartManager(p.ctx); err != nil {
		p.hookFailed(Restart, err)
	}
	p.transport.CloseIdleConnections()
}

// hangUp takes the connection away from the server and ends it.
func hangUp(w http.ResponseWriter, end func(*net.TCPConn)) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // closes it, too
	}
	end(conn.(*net.TCPConn))
}

func resetConn(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
