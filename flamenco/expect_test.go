package flamenco

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// A Manager that has the file says so at once; then none of its bytes may be read, let alone sent.
func TestExpectSavesTheBody(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusAlreadyReported)
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	content := bytes.Repeat([]byte("x"), 1<<20)
	for range 20 {
		var read atomic.Int64
		outcome, err := c.ShamanUpload(t.Context(), Upload{
			SHA256: strings.Repeat("ab", 32), Size: int64(len(content)), Expect: true,
			Body: func() (io.ReadCloser, error) {
				return io.NopCloser(io.TeeReader(bytes.NewReader(content), counter{&read})), nil
			},
		})
		if err != nil || outcome != AlreadyStored {
			t.Fatalf("%v, %v", outcome, err)
		}
		if n := read.Load(); n > 0 {
			t.Fatalf("%d bytes of the file were read", n)
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
