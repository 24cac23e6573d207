package flamenco

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

const (
	apiPrefix = "/api/v3"
	// maxReply limits what one reply may make us hold.
	maxReply = 16 << 20
	// maxListReply is the same for lists that grow with the farm: 256 MiB is 100,000 jobs.
	maxListReply = 256 << 20
	// maxErrorReply limits the reply to a request that failed.
	maxErrorReply = 1 << 20
	// maxStale is how many closed connections one request may meet.
	maxStale = 3
)

// Client calls one Manager. It is safe for concurrent use.
type Client struct {
	config    Config
	base      *url.URL // without user and password
	header    http.Header
	host      string // Host header when one is configured
	secrets   secrets
	transport *http.Transport

	queriesJobs *atomic.Bool // the Manager lists jobs only by POST /jobs/query
}

// New returns a client for the Manager at config.URL. Nothing is sent yet.
func New(config Config) (*Client, error) { return newClient(config, nil) }

func newClient(config Config, dial dialFunc) (*Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	base, err := config.baseURL()
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(config, dial)
	if err != nil {
		return nil, err
	}
	c := &Client{config: config, base: base, header: http.Header{}, transport: transport, queriesJobs: new(atomic.Bool)}
	for name, values := range config.Header {
		name = http.CanonicalHeaderKey(name)
		c.header[name] = values
		for _, value := range values {
			if name != "Host" {
				c.keepSecret(value)
			}
		}
	}
	if user := base.User; user != nil {
		password, _ := user.Password()
		c.header.Set("Authorization", basicAuth(user.Username(), password))
		c.keepSecret(password)
		c.keepSecret(c.header.Get("Authorization"))
		base.User = nil
	}
	c.host = c.header.Get("Host")
	c.header.Del("Host")
	c.header.Set("User-Agent", fmt.Sprintf("flsync/%s (%s; %s)", config.Version, runtime.GOOS, runtime.GOARCH))
	return c, nil
}

// keepSecret remembers what must not be in messages. Very short values would garble them, and are in any
// dictionary.
func (c *Client) keepSecret(value string) {
	if len(value) >= 4 {
		c.secrets = append(c.secrets, value)
	}
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// URL returns the Manager's root as it may be shown: without user and password.
func (c *Client) URL() string { return redactURL(c.base) }

// String is URL, so that a Client can be printed without what it knows.
func (c *Client) String() string { return c.URL() }

// GoString is String, for %#v.
func (c *Client) GoString() string { return c.URL() }

// WebURL is the page of something in the Manager's web interface, such as ("jobs", id), without user and
// password.
func (c *Client) WebURL(kind, id string) string {
	return strings.TrimSuffix(c.URL(), "/") + "/app/" + kind + "/" + url.PathEscape(id)
}

// Close closes the connections that are kept open. Calls under way go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// request is one call before it is made.
type request struct {
	method string
	path   []string                      // segments below /api/v3, not escaped yet; none of them may be empty
	file   string                        // instead of path: an address below the Manager's root
	open   func() (io.ReadCloser, error) // gives the body, once for each attempt; nil for none
	size   int64                         // of the body
	header http.Header
	// harmless: to send it twice does the same as to send it once.
	harmless bool
	// rest comes before it is sent again: for what the other side may still be busy with, as far as it got.
	rest    time.Duration
	silence time.Duration // instead of Config.Silence
	limit   int64         // of the reply in bytes, instead of maxReply
}

// withBody adds a body that is in memory.
func (r request) withBody(contentType string, data []byte) request {
	r.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	r.size = int64(len(data))
	r.header = maps.Clone(r.header)
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set("Content-Type", contentType)
	return r
}

// reply is an answer that is being received. The caller has to close it.
type reply struct {
	*http.Response
	client *Client
	watch  *watch
	url    string
	method string
	limit  int64
}

// send makes a call and returns the answer, whatever its status. A harmless request is made again when it met
// a connection that had been kept open and turns out to be closed at the other end. net/http does that too,
// but not when it has begun to send a body.
func (c *Client) send(ctx context.Context, r request) (*reply, error) {
	address, err := c.address(r)
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		reply, stale, err := c.once(ctx, r, address)
		if err == nil || !stale || !r.harmless || attempt == maxStale {
			return reply, err
		}
		select {
		case <-time.After(r.rest):
		case <-ctx.Done():
			return reply, err
		}
	}
}

// once makes one attempt. stale reports whether an old connection may be all that is wrong.
func (c *Client) once(ctx context.Context, r request, address *url.URL) (_ *reply, stale bool, err error) {
	watched, watch := watchOver(ctx, cmp.Or(r.silence, c.config.Silence))
	req := (&http.Request{
		Method: r.method, URL: address, Host: c.host, Header: c.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, // without these, net/http does not wait after Expect
	}).WithContext(watched)
	maps.Copy(req.Header, r.header)
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if r.harmless && r.rest == 0 {
		req.Header["Idempotency-Key"] = nil // not sent; tells net/http
	}
	if r.open != nil {
		if req.Body, err = r.open(); err != nil {
			watch.stop()
			return nil, false, err
		}
		req.GetBody, req.ContentLength = r.open, r.size
		if r.size == 0 { // which net/http takes for "not known" and would send in chunks
			req.Body.Close()
			req.Body, req.GetBody = http.NoBody, nil
		}
	}

	shown := redactURL(address)
	response, err := c.transport.RoundTrip(req)
	if err != nil {
		stale = watch.stale()
		err = c.broken(watch, r.method, shown, err)
		watch.stop()
		return nil, stale, err
	}
	return &reply{
		Response: response, client: c, watch: watch,
		url: shown, method: r.method, limit: cmp.Or(r.limit, maxReply),
	}, false, nil
}

// address puts the URL of a request together.
func (c *Client) address(r request) (*url.URL, error) {
	address := *c.base
	if r.file != "" {
		address.Path += r.file
		address.RawPath = ""
		return &address, nil
	}
	plain, escaped := apiPrefix+"/"+strings.Join(r.path, "/"), ""
	for _, segment := range r.path {
		// Servers resolve "." and "..", which would make this another operation.
		if segment == "" || segment == "." || segment == ".." {
			return nil, fmt.Errorf("%s %s: %q cannot be an id or a name", r.method, plain, segment)
		}
		escaped += "/" + url.PathEscape(segment)
	}
	if escaped = apiPrefix + escaped; escaped != plain || address.RawPath != "" {
		address.RawPath = address.EscapedPath() + escaped
	}
	address.Path += plain
	return &address, nil
}

// broken explains a request or reply that did not get through.
func (c *Client) broken(watch *watch, method, shown string, err error) error {
	if watch.caller.Err() != nil {
		return fmt.Errorf("%s %s: %w", method, shown, context.Cause(watch.caller))
	}
	err = watch.explain(err)
	text := c.secrets.hide(clean(err.Error(), maxMessage))
	return &UnreachableError{Method: method, URL: shown, Sent: watch.sent(), Err: err, text: text}
}

// broken is the error for a reply that stopped coming.
func (r *reply) broken(err error) error { return r.client.broken(r.watch, r.method, r.url, err) }

// close ends a reply. Whatever was not read of it is thrown away together with its connection.
func (r *reply) close() {
	r.Body.Close()
	r.watch.stop()
}

// finish reads the rest of a reply, if it is short, so that its connection can be used again.
func (r *reply) finish() {
	_, _ = io.CopyN(io.Discard, r.Body, 64<<10)
	r.close()
}

// failure makes an error of a reply with a status that was not hoped for.
func (r *reply) failure() error { return r.failureOf(r.Body) }

// failureOf is failure for a body of which something may have been read ahead.
func (r *reply) failureOf(rest io.Reader) error {
	e := &Error{
		Status: r.StatusCode, Method: r.method, URL: r.url,
		RetryAfter: retryAfter(r.Header.Get("Retry-After"), time.Now()),
	}
	body, err := io.ReadAll(io.LimitReader(rest, maxErrorReply))
	if r.StatusCode >= 300 && r.StatusCode < 400 {
		e.Message, e.Err = r.redirected()
		return e
	}
	d := describe(r.StatusCode, r.Header.Get("Content-Type"), body, err == nil)
	e.Message, e.FromManager = r.client.secrets.hide(d.message), d.fromManager
	switch {
	case d.foreign:
		e.Err = ErrNotAManager
	case d.noOperation:
		e.Err = ErrNoOperation
	case err != nil || len(body) == 0 && r.StatusCode < 300:
		e.Err = io.ErrUnexpectedEOF
	}
	return e
}

// redirected explains a redirect. One to the same operation elsewhere is the Manager's address, any other is
// where people sign in. The message leaves out the query, which may hold a ticket.
func (r *reply) redirected() (string, error) {
	location, err := r.Location()
	if err != nil {
		return "it sends on to an address that cannot be read, which is not followed", nil
	}
	to := "it sends on to " + r.client.secrets.hide(clean(redactURL(location), maxMessage)) + ", which is not followed; "
	if _, operation, ok := strings.Cut(r.Request.URL.Path, apiPrefix); ok && strings.HasSuffix(location.Path, apiPrefix+operation) {
		return to + "if that is the Manager, use its address", nil
	}
	return to + "a proxy in front of the Manager wants people to sign in: give it the header that it asks of programs with --header-file", ErrSignIn
}

// stream is what reads its JSON in parts, because the whole may be large.
type stream interface {
	readJSON(*json.Decoder) error
}

// replyBuffer is how many bytes of a reply are read at once. Most replies are shorter.
const replyBuffer = 32 << 10

// decode reads a JSON reply.
func (r *reply) decode(into any) error {
	limited := &io.LimitedReader{R: r.Body, N: r.limit}
	size := int64(replyBuffer)
	if r.ContentLength >= 0 {
		size = min(size, r.ContentLength)
	}
	buffered := bufio.NewReaderSize(limited, int(size))
	if !startsLikeJSON(buffered) && r.watch.ctx.Err() == nil {
		return r.failureOf(buffered)
	}
	decoder := json.NewDecoder(buffered)
	var err error
	if s, ok := into.(stream); ok {
		err = s.readJSON(decoder)
	} else {
		err = decoder.Decode(into)
	}
	if err == nil {
		if err = usable(into); err == nil {
			return nil
		}
		return &Error{Status: r.StatusCode, Method: r.method, URL: r.url, Message: "the reply has " + err.Error(), Err: ErrBadReply}
	}
	if r.watch.ctx.Err() != nil {
		return r.broken(err)
	}
	e := &Error{Status: r.StatusCode, Method: r.method, URL: r.url, Err: err}
	var syntax *json.SyntaxError
	switch {
	case limited.N <= 0:
		e.Message = fmt.Sprintf("the reply is larger than %d MiB and was not read to its end", r.limit>>20)
		e.Err = nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Message = "the reply breaks off in the middle"
		e.Err = io.ErrUnexpectedEOF
	case errors.As(err, &syntax):
		e.Message = "the reply is not JSON: " + clean(err.Error(), maxMessage)
	default:
		e.Message = "the reply is not what was expected: " + clean(err.Error(), maxMessage)
	}
	return e
}

// plainStatus reads what came with a status that says all by itself: with the Manager's nothing comes, or
// JSON. The web page of a proxy that apologizes, or asks for a password, may come with 200 as well, and then
// nothing was done.
func (r *reply) plainStatus() error {
	if r.ContentLength == 0 {
		return nil
	}
	buffered := bufio.NewReaderSize(io.LimitReader(r.Body, maxErrorReply), 512)
	if startsLikeJSON(buffered) {
		return nil
	}
	body, err := io.ReadAll(buffered)
	switch {
	case r.watch.ctx.Err() != nil:
		return r.broken(err)
	case err == nil && len(bytes.TrimSpace(body)) == 0:
		return nil
	}
	return r.failureOf(bytes.NewReader(body))
}

// isPage reports whether the reply is a web page, of which a Manager's API has none: a proxy wants something.
func (r *reply) isPage() bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "text/html"
}

// startsLikeJSON looks at the first byte that is no white space. The Content-Type is not asked: proxies lose
// it.
func startsLikeJSON(r *bufio.Reader) bool {
	for n := 1; n <= 64; n++ {
		ahead, err := r.Peek(n)
		if err != nil {
			return false
		}
		if b := ahead[n-1]; !strings.ContainsRune(" \t\r\n", rune(b)) {
			return strings.IndexByte(`{["-0123456789tfn`, b) >= 0
		}
	}
	return false
}

// call makes a request with a JSON body, or none for a nil one, and decodes the reply into a non-nil into. It
// returns the status.
func (c *Client) call(ctx context.Context, r request, body, into any) (int, error) {
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, fmt.Errorf("%s %s: %w", r.method, strings.Join(r.path, "/"), err)
		}
		r = r.withBody("application/json", data)
	}
	reply, err := c.send(ctx, r)
	if err != nil {
		return 0, err
	}
	defer reply.finish()
	switch {
	case reply.StatusCode < 200 || reply.StatusCode > 299:
		return reply.StatusCode, reply.failure()
	case reply.StatusCode == http.StatusNoContent:
		return reply.StatusCode, nil
	case into == nil:
		return reply.StatusCode, reply.plainStatus()
	}
	return reply.StatusCode, reply.decode(into)
}

// get fetches an object.
func get[T any](ctx context.Context, c *Client, path ...string) (value T, err error) {
	_, err = c.call(ctx, request{method: http.MethodGet, path: path, harmless: true}, nil, &value)
	return value, err
}

// list fetches something that may be large.
func list[T any](ctx context.Context, c *Client, path ...string) (value T, err error) {
	_, err = c.call(ctx, request{method: http.MethodGet, path: path, harmless: true, limit: maxListReply}, nil, &value)
	return value, err
}

// getMaybe fetches an object that need not be there, for which the Manager answers 204.
func getMaybe[T any](ctx context.Context, c *Client, path ...string) (value T, ok bool, err error) {
	status, err := c.call(ctx, request{method: http.MethodGet, path: path, harmless: true}, nil, &value)
	return value, err == nil && status != http.StatusNoContent, err
}

// ask sends an object for an answer that changes nothing at the Manager.
func ask[T any](ctx context.Context, c *Client, body any, path ...string) (value T, err error) {
	_, err = c.call(ctx, request{method: http.MethodPost, path: path, harmless: true}, body, &value)
	return value, err
}

// change sends an object, or nothing for a nil body, and expects no answer but a status.
func (c *Client) change(ctx context.Context, method string, body any, path ...string) error {
	_, err := c.call(ctx, request{method: method, path: path}, body, nil)
	return err
}

// incomplete is a reply that is well-formed but lacks what it cannot lack.
func (c *Client) incomplete(method, what string, path ...string) error {
	address, err := c.address(request{path: path})
	if err != nil {
		return err
	}
	return &Error{Status: http.StatusOK, Method: method, URL: redactURL(address), Message: "the reply has no " + what, Err: ErrBadReply}
}

// Do sends any request to a path below /api/v3, such as "jobs", "types", and returns the JSON as it came: for
// fields that this package does not know. A nil body sends none; a reply without content gives nil.
func (c *Client) Do(ctx context.Context, method string, body any, path ...string) (json.RawMessage, error) {
	var raw json.RawMessage
	_, err := c.call(ctx, request{method: method, path: path, limit: maxListReply, harmless: method == http.MethodGet}, body, &raw)
	return raw, err
}
