package manager_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// server is an embedded Manager behind a listener of its own.
type server struct {
	*manager.Manager
	uploads *meter
	t       testing.TB
	url     string
	dir     string
}

// meter watches the uploads that a handler serves.
type meter struct {
	http.Handler
	mu       sync.Mutex
	running  map[string]int   // by digest
	bytes    map[string]int64 // of bodies read, by digest
	statuses map[int]int
}

func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(r.URL.Path, "/")
	if r.Method != http.MethodPost || len(parts) != 7 || parts[4] != "files" {
		m.Handler.ServeHTTP(w, r)
		return
	}
	body, reply := &countingBody{ReadCloser: r.Body}, &statusWriter{ResponseWriter: w}
	r = r.WithContext(r.Context()) // a copy: the server looks at its own body
	r.Body = body
	m.change(func() { m.running[parts[5]]++ })
	m.Handler.ServeHTTP(reply, r)
	m.change(func() {
		m.running[parts[5]]--
		m.bytes[parts[5]] += body.n
		m.statuses[reply.status]++
	})
}

func (m *meter) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// see calls look under the lock.
func (m *meter) see(look func() bool) func() bool {
	return func() (holds bool) {
		m.change(func() { holds = look() })
		return holds
	}
}

type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func newServer(t testing.TB, change ...func(*manager.Config)) *server {
	t.Helper()
	cfg := manager.Config{Dir: t.TempDir()}
	for _, f := range change {
		f(&cfg)
	}
	m, err := manager.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	uploads := &meter{Handler: m, running: make(map[string]int), bytes: make(map[string]int64), statuses: make(map[int]int)}
	s := httptest.NewServer(uploads)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{m, uploads, t, s.URL, cfg.Dir}
}

// faulty makes newServer misbehave.
func faulty(f manager.Faults) func(*manager.Config) {
	return func(c *manager.Config) { c.Faults = f }
}

// answer is a reply with its body read.
type answer struct {
	status int
	body   string
	header http.Header
}

// message is the text of an error reply.
func (a answer) message() string {
	var decoded struct{ Message string }
	if json.Unmarshal([]byte(a.body), &decoded) != nil {
		return a.body
	}
	return decoded.Message
}

func (s *server) send(method, path string, body io.Reader, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return answer{}, err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	reply, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	return answer{reply.StatusCode, string(data), reply.Header}, err
}

// call sends JSON, or nothing for nil, below /api/v3.
func (s *server) call(method, path string, body any, headers ...string) answer {
	s.t.Helper()
	var reader io.Reader
	if body != nil {
		data, ok := body.(string)
		if !ok {
			encoded, err := json.Marshal(body)
			if err != nil {
				s.t.Fatal(err)
			}
			data = string(encoded)
		}
		reader = strings.NewReader(data)
		headers = append([]string{"Content-Type: application/json"}, headers...)
	}
	reply, err := s.send(method, "/api/v3"+path, reader, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

// blob is a file to upload.
type blob struct {
	data []byte
	sha  string
}

func newBlob(data string) blob {
	sum := sha256.Sum256([]byte(data))
	return blob{[]byte(data), hex.EncodeToString(sum[:])}
}

func (b blob) size() int64 { return int64(len(b.data)) }

func (b blob) path() string { return fmt.Sprintf("/api/v3/shaman/files/%s/%d", b.sha, b.size()) }

func (b blob) spec(path string) api.ShamanFileSpec {
	return api.ShamanFileSpec{Sha: b.sha, Size: b.size(), Path: path}
}

// tryUpload returns the error of a connection that is cut.
func (s *server) tryUpload(b blob, headers ...string) (answer, error) {
	return s.send(http.MethodPost, b.path(), bytes.NewReader(b.data), append(headers, "Content-Type: application/octet-stream")...)
}

func (s *server) upload(b blob, headers ...string) answer {
	s.t.Helper()
	reply, err := s.tryUpload(b, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

func (s *server) store(blobs ...blob) {
	s.t.Helper()
	for _, b := range blobs {
		want(s.t, s.upload(b), http.StatusOK, "")
	}
}

func (s *server) checkout(path string, files ...api.ShamanFileSpec) answer {
	s.t.Helper()
	if files == nil {
		files = []api.ShamanFileSpec{}
	}
	return s.call(http.MethodPost, "/shaman/checkout/create", api.ShamanCheckout{CheckoutPath: path, Files: files})
}

// checkoutPath is the path in the reply to a checkout.
func (a answer) checkoutPath(t testing.TB) string {
	t.Helper()
	var result api.ShamanCheckoutResult
	if err := json.Unmarshal([]byte(a.body), &result); err != nil || a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return result.CheckoutPath
}

func want(t testing.TB, got answer, status int, message string) {
	t.Helper()
	if got.status != status || message != "" && got.message() != message {
		t.Errorf("reply is %d %q, want %d %q", got.status, got.message(), status, message)
	}
}

func echoJob(name string) api.SubmittedJob {
	return api.SubmittedJob{
		Name: name, Type: "echo-sleep-test", Priority: 50, SubmitterPlatform: "linux", Settings: api.JobSettings{"message": "hello"},
	}
}

// submit returns the stored job.
func (s *server) submit(job api.SubmittedJob) (stored api.Job) {
	s.t.Helper()
	s.decode(s.call(http.MethodPost, "/jobs", job), &stored)
	return stored
}

func (s *server) jobs() []api.Job {
	s.t.Helper()
	var list api.JobsQueryResult
	s.decode(s.call(http.MethodGet, "/jobs", nil), &list)
	return list.Jobs
}

func (s *server) decode(reply answer, into any) {
	s.t.Helper()
	if reply.status != http.StatusOK {
		s.t.Fatalf("%d %s", reply.status, reply.body)
	}
	if err := json.Unmarshal([]byte(reply.body), into); err != nil {
		s.t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
