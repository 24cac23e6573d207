package flamenco

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// newTest returns a client that closes its connections when the test ends.
func newTest(t testing.TB, config Config) *Client {
	t.Helper()
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve answers every request with a handler and returns a client for it.
func serve(t testing.TB, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newTest(t, Config{URL: server.URL})
}

// serveRaw hands every connection to a function, for answers that net/http would not give.
func serveRaw(t testing.TB, config Config, handle func(c *net.TCPConn, in *bufio.Reader)) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				handle(c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	config.URL = "http://" + listener.Addr().String()
	client := newTest(t, config)
	t.Cleanup(func() {
		client.Close()
		listener.Close()
		running.Wait()
	})
	return client
}

// serveInBubble is serve without a network, for a synctest bubble, where a silence of an hour takes no time.
func serveInBubble(t testing.TB, config Config, handler http.HandlerFunc) *Client {
	t.Helper()
	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	config.URL = "http://127.0.0.1:8080"
	client, err := newClient(config, listener.dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Close()
		running.Wait()
		time.Sleep(time.Second) // net/http's server lets a connection linger before it closes it
	})
	return client
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, errors.New("refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// uploadOf makes an upload of some bytes, from memory or from a file.
func uploadOf(t testing.TB, data []byte, asFile bool) Upload {
	t.Helper()
	sum := sha256.Sum256(data)
	u := Upload{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Name: "shot.blend"}
	if !asFile {
		u.Body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		return u
	}
	path := filepath.Join(t.TempDir(), "shot.blend")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	u.Body = func() (io.ReadCloser, error) { return os.Open(path) }
	return u
}

func tagNamed(name string) api.WorkerTag { return api.WorkerTag{Name: name} }
