package managertest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// testShamanOff: without Shaman every operation of it is a 503, and jobs lie in the shared storage itself.
func (s *suite) testShamanOff(t *testing.T) {
	if s.shaman {
		t.Skip("Shaman is on")
	}
	b := s.blob(1)
	calls := map[string]string{
		"GET " + s.filePath(b): "", "POST " + s.filePath(b): string(b.data),
		"POST /api/v3/shaman/checkout/requirements": `{"files":[]}`,
		"POST /api/v3/shaman/checkout/create":       `{"checkoutPath":"a","files":[]}`,
	}
	for call, body := range calls {
		method, path, _ := strings.Cut(call, " ")
		contentType := "application/json"
		if path == s.filePath(b) {
			contentType = "application/octet-stream"
		}
		status, reply := s.raw(t, method, path, contentType, body)
		if text, coded := message(reply); status != 503 || text != "shaman server not active" || !coded {
			t.Errorf("%s: %d %s", call, status, reply)
		}
	}
}

func (s *suite) testUpload(t *testing.T) {
	for _, b := range []blob{s.blob(1), s.blob(70_000), s.blob(1 << 20), newBlob(nil)} {
		t.Run(fmt.Sprint(b.size()), func(t *testing.T) {
			outcome, err := s.client.ShamanUpload(t.Context(), b.upload())
			if err != nil || outcome == flamenco.Deferred {
				t.Fatalf("upload: %v, %v", outcome, err)
			}
			if outcome == flamenco.AlreadyStored && b.size() > 1 { // one byte may be that of an earlier test
				t.Error("a new file was known")
			}
			wantDiff(t, api.ShamanFileStatusStored, s.status(t, b))
		})
	}
	b := s.blob(10)
	wantDiff(t, api.ShamanFileStatusUnknown, s.status(t, b))
	status, body := s.raw(t, http.MethodPost, s.filePath(b), "application/octet-stream", string(b.data))
	if status != http.StatusOK || body != "" {
		t.Errorf("reply to an upload is %d %q, want an empty 200", status, body)
	}
}

func (s *suite) filePath(b blob) string {
	return fmt.Sprintf("/api/v3/shaman/files/%s/%d", b.sha, b.size())
}

// testUploadKnown: 208 at once, and the connection is closed while the client still sends.
func (s *suite) testUploadKnown(t *testing.T) {
	b := s.blob(8 << 20)
	s.store(t, b)
	outcome, err := s.client.ShamanUpload(t.Context(), b.upload())
	s.wantEarly(t, "second upload", flamenco.AlreadyStored, outcome, err)
	c := s.dial(t, b)
	c.send(b.data[:1])
	c.wantReply(http.StatusAlreadyReported)
	c.wantClosed()
}

func (s *suite) testUploadMismatch(t *testing.T) {
	b := s.blob(100)
	other := s.blob(100)
	for name, test := range map[string]struct {
		sha  string
		size int
		body []byte
		want string
	}{
		"too short": {b.sha, 101, b.data, "file size mismatched, declared 101 but received 100 bytes"},
		"too long":  {b.sha, 99, b.data, "file size mismatched, declared 99 but received 100 bytes"},
		"negative":  {b.sha, -1, b.data, "file size mismatched, declared -1 but received 100 bytes"},
		"other":     {b.sha, 100, other.data, "file SHA256 mismatched, declared " + b.sha + " but received " + other.sha},
		"uppercase": {strings.ToUpper(b.sha), 100, b.data, "file SHA256 mismatched, declared " + strings.ToUpper(b.sha)},
		"no digest": {"xyz", 100, b.data, "file SHA256 mismatched, declared xyz but received " + b.sha},
	} {
		t.Run(name, func(t *testing.T) {
			path := fmt.Sprintf("/api/v3/shaman/files/%s/%d", test.sha, test.size)
			status, reply := s.raw(t, http.MethodPost, path, "application/octet-stream", string(test.body))
			text, coded := message(reply)
			if status != http.StatusExpectationFailed || !strings.HasPrefix(text, test.want) || !coded {
				t.Errorf("%d %s, want 417 %s", status, reply, test.want)
			}
		})
	}
	wantDiff(t, api.ShamanFileStatusUnknown, s.status(t, b))
}

// testUploadDefer: while somebody sends a file, those who can defer get 425 at once, and the file is
// "uploading".
func (s *suite) testUploadDefer(t *testing.T) {
	b := s.blob(2 << 20)
	first := s.dial(t, b)
	first.send(b.data[:1<<20])
	s.awaitStatus(t, b, api.ShamanFileStatusUploading)

	missing, err := s.client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{b.spec("a")}})
	if err != nil || len(missing.Files) != 1 || missing.Files[0].Status != api.ShamanFileStatusUploading {
		t.Errorf("requirements while uploading: %+v, %v", missing, err)
	}
	deferring := b.upload()
	deferring.CanDefer = true
	outcome, err := s.client.ShamanUpload(t.Context(), deferring)
	s.wantEarly(t, "upload that can defer", flamenco.Deferred, outcome, err)
	second := s.dial(t, b, "X-Shaman-Can-Defer-Upload: true")
	second.send(b.data[:1])
	second.wantReply(http.StatusTooEarly)
	second.wantClosed()

	first.send(b.data[1<<20:])
	first.wantReply(http.StatusOK)
	s.awaitStatus(t, b, api.ShamanFileStatusStored)
}

// testUploadRace: both uploads of a file run; the first to finish wins, the other gets 208 in the middle of
// its body.
func (s *suite) testUploadRace(t *testing.T) {
	b := s.blob(4 << 20)
	slow, fast := s.dial(t, b), s.dial(t, b)
	slow.send(b.data[:1<<20])
	fast.send(b.data[:1<<20])
	s.awaitStatus(t, b, api.ShamanFileStatusUploading)
	fast.send(b.data[1<<20:])
	fast.wantReply(http.StatusOK)
	s.awaitStatus(t, b, api.ShamanFileStatusStored)
	go slow.trickle(b.data[1<<20:])
	slow.wantReply(http.StatusAlreadyReported)
	slow.wantClosed()
}

// testUploadAborted: a client that goes away leaves nothing behind that is in the next one's way.
func (s *suite) testUploadAborted(t *testing.T) {
	b := s.blob(2 << 20)
	c := s.dial(t, b)
	c.send(b.data[:1<<20])
	s.awaitStatus(t, b, api.ShamanFileStatusUploading)
	c.Close()
	s.awaitStatus(t, b, api.ShamanFileStatusUnknown)
	s.store(t, b)
}

// testExpect: a client that asks first sends no byte for nothing.
func (s *suite) testExpect(t *testing.T) {
	b := s.blob(1 << 20)
	c := s.dial(t, b, "Expect: 100-continue")
	c.wantReply(http.StatusContinue)
	c.send(b.data)
	c.wantReply(http.StatusOK)

	known := s.dial(t, b, "Expect: 100-continue")
	known.wantReply(http.StatusAlreadyReported)
	known.wantClosed()

	up := b.upload()
	up.Expect = true
	outcome, err := s.client.ShamanUpload(t.Context(), up)
	s.wantEarly(t, "with the client", flamenco.AlreadyStored, outcome, err)
}

// wantEarly checks an answer that the Manager gives before it has read the body, closing the connection. A
// proxy that still sends the body then may lose it, and answers 502 in its stead.
func (s *suite) wantEarly(t *testing.T, what string, want, got flamenco.UploadOutcome, err error) {
	t.Helper()
	if s.behind && flamenco.IsTemporary(err) {
		return
	}
	if err != nil || got != want {
		t.Errorf("%s: %v, %v, want %v", what, got, err, want)
	}
}

func (s *suite) status(t *testing.T, b blob) api.ShamanFileStatus {
	t.Helper()
	return get(s.client.ShamanFileStatus(t.Context(), b.sha, b.size()))(t)
}

func (s *suite) awaitStatus(t *testing.T, b blob, want api.ShamanFileStatus) {
	t.Helper()
	eventually(t, "file is "+string(want), func() bool { return s.status(t, b) == want })
}

// testRequirements: what is missing is listed once a digest and size, under the first path that named it.
func (s *suite) testRequirements(t *testing.T) {
	stored, missing := s.blob(20), s.blob(30)
	s.store(t, stored)
	otherSize := missing.spec("wrong-size")
	otherSize.Size = 31
	reply := get(s.client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{
		stored.spec("known.png"), missing.spec("first.png"), missing.spec("second.png"), stored.spec("known again.png"), otherSize,
	}}))(t)
	want := []api.ShamanFileSpecWithStatus{
		{Path: "first.png", Sha: missing.sha, Size: 30, Status: api.ShamanFileStatusUnknown},
		{Path: "wrong-size", Sha: missing.sha, Size: 31, Status: api.ShamanFileStatusUnknown},
	}
	wantDiff(t, want, reply.Files)

	status, body := s.raw(t, http.MethodPost, "/api/v3/shaman/checkout/requirements", "application/json",
		`{"files":[{"sha":"x","size":1,"path":"a"}]}`)
	if text, _ := message(body); status != http.StatusInternalServerError || text != "Internal Server Error" {
		t.Errorf("malformed digest: %d %s", status, body)
	}
}

// rawUpload is an upload whose bytes are sent by hand.
type rawUpload struct {
	net.Conn
	t       *testing.T
	replies *bufio.Reader
}

// dial begins an upload: it sends the header.
func (s *suite) dial(t *testing.T, b blob, headers ...string) *rawUpload {
	t.Helper()
	base := get(url.Parse(s.url))(t)
	conn := get(net.Dial("tcp", base.Host))(t)
	c := &rawUpload{Conn: conn, t: t, replies: bufio.NewReader(conn)}
	t.Cleanup(func() { c.Close() })
	headers = append(headers, "Host: "+base.Host, "Content-Type: application/octet-stream", fmt.Sprintf("Content-Length: %d", b.size()))
	must(t, failure(fmt.Fprintf(conn, "POST %s%s HTTP/1.1\r\n%s\r\n\r\n", base.Path, s.filePath(b), strings.Join(headers, "\r\n"))))
	return c
}

// send sends a part of the body. An error is no failure: the Manager may have hung up already.
func (c *rawUpload) send(part []byte) { _, _ = c.Write(part) }

// trickle sends a part of the body slowly, until it is sent or the connection is closed. The Manager notices
// only between two reads that somebody else was faster.
func (c *rawUpload) trickle(part []byte) {
	for piece := range slices.Chunk(part, 32<<10) {
		if _, err := c.Write(piece); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *rawUpload) wantReply(status int) {
	c.t.Helper()
	must(c.t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	reply, err := http.ReadResponse(c.replies, nil)
	if err != nil {
		c.t.Fatalf("reading the reply: %v", err)
	}
	_ = reply.Body.Close()
	if reply.StatusCode != status {
		c.t.Fatalf("reply is %s, want %d", reply.Status, status)
	}
}

func (c *rawUpload) wantClosed() {
	c.t.Helper()
	must(c.t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	if n, err := c.replies.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("the connection is still open: %d bytes, %v", n, err)
	}
}
