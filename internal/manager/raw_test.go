package manager_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// rawUpload is an upload whose bytes are sent by hand.
type rawUpload struct {
	net.Conn
	t       testing.TB
	replies *bufio.Reader
}

func (s *server) dial(b blob, headers ...string) *rawUpload {
	s.t.Helper()
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	headers = append(headers, "Host: "+host, fmt.Sprintf("Content-Length: %d", b.size()))
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\n%s\r\n\r\n", b.path(), strings.Join(headers, "\r\n")); err != nil {
		s.t.Fatal(err)
	}
	return &rawUpload{conn, s.t, bufio.NewReader(conn)}
}

// send sends a part of the body. The Manager may have hung up.
func (c *rawUpload) send(part []byte) { _, _ = c.Write(part) }

func (c *rawUpload) wantReply(status int) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	reply, err := http.ReadResponse(c.replies, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != status {
		c.t.Fatalf("reply is %s, want %d", reply.Status, status)
	}
}

func (c *rawUpload) wantClosed() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if n, err := c.replies.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("still open: %d bytes, %v", n, err)
	}
}

func (s *server) awaitStatus(b blob, status api.ShamanFileStatus) {
	s.t.Helper()
	eventually(s.t, "file is "+string(status), func() bool {
		reply, err := s.send(http.MethodGet, b.path(), nil)
		return err == nil && strings.Contains(reply.body, `"`+string(status)+`"`)
	})
}

// wantNoLeftovers checks that no temporary file is left.
func (s *server) wantNoLeftovers() {
	s.t.Helper()
	left, err := os.ReadDir(filepath.Join(s.StorageDir(), "file-store", "uploading"))
	if err != nil || len(left) > 0 {
		s.t.Errorf("left behind: %v, %v", left, err)
	}
}
