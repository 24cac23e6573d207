package flamenco

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// slowHandler may wait for the end of the test.
type slowHandler func(w http.ResponseWriter, r *http.Request, over <-chan struct{})

// slowly runs a handler that writes something every so often.
func slowly(pieces int, every time.Duration, write func(w io.Writer, piece int)) slowHandler {
	return func(w http.ResponseWriter, _ *http.Request, over <-chan struct{}) {
		for i := range pieces {
			select {
			case <-time.After(every):
			case <-over:
				return
			}
			write(w, i)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// A synctest bubble fails a test that leaves a goroutine behind, so these tests also look for leaks.
func TestSilence(t *testing.T) {
	specs := []api.ShamanFileSpec{{Sha: digest, Size: 1, Path: "a"}}
	for name, test := range map[string]struct {
		handler slowHandler
		call    func(ctx context.Context, c *Client) error
		silent  bool
		took    time.Duration // at least
		text    string        // of the error, instead of the usual one
	}{
		"nothing ever comes": {
			handler: func(_ http.ResponseWriter, _ *http.Request, over <-chan struct{}) { <-over },
			call:    func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			silent:  true, took: time.Minute,
		},
		"a late answer": {
			handler: slowly(1, 59*time.Second, func(w io.Writer, _ int) { fmt.Fprint(w, `{"jobs":[]}`) }),
			call:    func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			took:    59 * time.Second,
		},
		"an answer in drops": {
			handler: slowly(60, 40*time.Second, func(w io.Writer, i int) {
				fmt.Fprint(w, map[int]string{0: `{"jobs":[`, 59: `]}`}[i]+strings.Repeat(" ", 250<<10))
			}),
			call: func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			took: 40 * time.Minute,
		},
		"an answer that drips": {
			handler: slowly(3600, time.Second, func(w io.Writer, i int) { fmt.Fprint(w, map[int]string{0: `{"jobs":[`}[i]+" ") }),
			call:    func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			silent:  true, took: time.Minute, text: "fewer than 4096 bytes a second came",
		},
		"no more than a status": {
			handler: func(w http.ResponseWriter, _ *http.Request, over <-chan struct{}) {
				_ = http.NewResponseController(w).Flush()
				<-over
			},
			call:   func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			silent: true, took: time.Minute,
		},
		"half an answer": {
			handler: func(w http.ResponseWriter, _ *http.Request, over <-chan struct{}) {
				fmt.Fprint(w, `{"jobs":[`)
				_ = http.NewResponseController(w).Flush()
				<-over
			},
			call:   func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
			silent: true, took: time.Minute,
		},
		"a slow checkout": {
			handler: slowly(1, 14*time.Minute, func(w io.Writer, _ int) { fmt.Fprint(w, `{"checkoutPath":"a"}`) }),
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "a", Files: specs})
				return err
			},
			took: 14 * time.Minute,
		},
		"a dead checkout": {
			handler: func(_ http.ResponseWriter, _ *http.Request, over <-chan struct{}) { <-over },
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "a", Files: specs})
				return err
			},
			silent: true, took: 15 * time.Minute,
		},
		"an upload over a slow line": {
			handler: func(_ http.ResponseWriter, r *http.Request, _ <-chan struct{}) {
				for {
					time.Sleep(50 * time.Second)
					if _, err := io.CopyN(io.Discard, r.Body, 80_000); err != nil {
						return
					}
				}
			},
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ShamanUpload(ctx, uploadOf(t, make([]byte, 1<<20), false))
				return err
			},
			took: 10 * time.Minute,
		},
		"an upload that stalls": {
			handler: func(_ http.ResponseWriter, r *http.Request, over <-chan struct{}) {
				_, _ = io.CopyN(io.Discard, r.Body, 200_000)
				<-over
			},
			call: func(ctx context.Context, c *Client) error {
				_, err := c.ShamanUpload(ctx, uploadOf(t, make([]byte, 1<<20), false))
				return err
			},
			silent: true, took: time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				over := make(chan struct{})
				client := serveInBubble(t, Config{}, func(w http.ResponseWriter, r *http.Request) { test.handler(w, r, over) })
				err := test.call(t.Context(), client)
				close(over)
				took := time.Since(began)
				if took < test.took || test.silent && took > test.took*5/4+time.Second {
					t.Errorf("took %v", took)
				}
				if !test.silent {
					if err != nil {
						t.Error(err)
					}
					return
				}
				var unreachable *UnreachableError
				if !errors.Is(err, ErrSilent) || !errors.As(err, &unreachable) || !unreachable.Sent || !IsTemporary(err) {
					t.Errorf("%T: %v", err, err)
				}
				if want := cmp.Or(test.text, "no byte came or went") + " for " + test.took.String(); !strings.Contains(err.Error(), want) {
					t.Errorf("text is %q", err)
				}
			})
		})
	}
}

// The same over a real connection, where a peer that takes nothing more is as silent as one that says
// nothing.
func TestSilenceOverTCP(t *testing.T) {
	over := make(chan struct{})
	client := serveRaw(t, Config{Silence: 100 * time.Millisecond}, func(*net.TCPConn, *bufio.Reader) { <-over })
	defer close(over)
	if _, err := client.Jobs(t.Context()); !errors.Is(err, ErrSilent) {
		t.Errorf("query: %v", err)
	}
	if _, err := client.ShamanUpload(t.Context(), uploadOf(t, make([]byte, 16<<20), true)); !errors.Is(err, ErrSilent) {
		t.Errorf("upload: %v", err)
	}
}

// Giving up is the caller's own doing, and no fault of the Manager's.
func TestCancel(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *Client) error{
		"query": func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err },
		"upload": func(ctx context.Context, c *Client) error {
			_, err := c.ShamanUpload(ctx, uploadOf(t, make([]byte, 1<<20), false))
			return err
		},
		"task": func(ctx context.Context, c *Client) error {
			_, _, err := c.AsWorker("w", "s").ScheduleTask(ctx)
			return err
		},
		"log": func(ctx context.Context, c *Client) error { _, err := c.TaskLogTail(ctx, "a"); return err },
	}
	for name, call := range calls {
		for _, reply := range []string{"", "{"} {
			t.Run(name+reply, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					over := make(chan struct{})
					defer close(over)
					client := serveInBubble(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
						if reply != "" {
							_, _ = io.Copy(io.Discard, r.Body)
							fmt.Fprint(w, reply)
							_ = http.NewResponseController(w).Flush()
						}
						<-over
					})
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					err := call(ctx, client)
					if name == "upload" && reply != "" {
						return // its status came, and says all
					}
					var unreachable *UnreachableError
					if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &unreachable) || IsTemporary(err) {
						t.Errorf("%T: %v", err, err)
					}
				})
			})
		}
	}
}

// A reply without end is given up at a limit, and not kept.
func TestEndlessReply(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"version":"`)
		piece := strings.Repeat("x", 1<<20)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}
	client := serve(t, endless)
	_, err := client.Version(t.Context())
	if err == nil || !strings.Contains(err.Error(), "larger than 16 MiB") || IsTemporary(err) {
		t.Errorf("%v", err)
	}
	client = serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); endless(w, r) })
	if _, err := client.Version(t.Context()); err == nil || len(err.Error()) > 2000 {
		t.Errorf("%v", err)
	}
}

func TestDownload(t *testing.T) {
	client := serveWithPrefix(t, "/flamenco", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/flamenco/job-files/j 1/log.txt" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "the log")
	})
	file, size, err := client.Download(t.Context(), "/job-files/j%201/log.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if string(got) != "the log" || size != 7 || err != nil {
		t.Errorf("%q, %d, %v", got, size, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := client.Download(t.Context(), "/job-files/none"); err == nil {
		t.Error("a missing file opens")
	}
	for _, address := range []string{"", "http://evil.test/x", "//evil.test/x", "https:x", "%zz"} {
		if _, _, err := client.Download(t.Context(), address); err == nil || !strings.Contains(err.Error(), "not a path on the Manager") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// TestDownloadFrom: only the rest is sent, and it is the rest also when somebody does not know of ranges.
func TestDownloadFrom(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		sent := int64(0)
		client := serveWithPrefix(t, "", func(w http.ResponseWriter, r *http.Request) {
			if !ranges {
				r.Header.Del("Range")
			}
			sent = 0
			http.ServeContent(w, r, "log.txt", time.Time{}, strings.NewReader("the whole log"))
			sent, _ = strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
		})
		for from, want := range map[int64]string{0: "the whole log", 4: "whole log", 12: "g"} {
			file, size, err := client.DownloadFrom(t.Context(), "/log.txt", from)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(file)
			if string(got) != want || size != int64(len(want)) || err != nil || file.Close() != nil {
				t.Errorf("ranges %v, from %d: %q, %d, %v", ranges, from, got, size, err)
			}
			if ranges && sent != size {
				t.Errorf("from %d: %d bytes were sent", from, sent)
			}
		}
		if _, _, err := client.DownloadFrom(t.Context(), "/log.txt", 14); err == nil {
			t.Errorf("ranges %v: a log opens behind its end", ranges)
		}
	}
}

func TestDownloadBreaksOff(t *testing.T) {
	client := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
	})
	file, _, err := client.Download(t.Context(), "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadAll(file); !IsTemporary(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%T: %v", err, err)
	}
}

// An id that servers would resolve to another operation is refused.
func TestIDsThatAreNone(t *testing.T) {
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("sent: %s", r.URL) })
	for _, id := range []string{"", ".", ".."} {
		if err := client.DeleteJob(t.Context(), id); err == nil {
			t.Errorf("%q is an id", id)
		}
	}
}

// TestLargeBodies: bodies that go in several pieces, and just not, arrive whole, and their connection is used
// again.
func TestLargeBodies(t *testing.T) {
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request api.ShamanRequirementsRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"files": [{"sha": %q, "size": %d, "path": "last", "status": "unknown"}]}`, request.Files[len(request.Files)-1].Sha, len(request.Files))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newTest(t, Config{URL: server.URL})
	const perFile = len(`{"path":"-","sha":"","size":1},`) + 64
	for _, n := range []int{1, writeBuffer / perFile, sendPiece / perFile, (sendPiece + writeBuffer) / perFile, 20_000} {
		for files := n - 1; files <= n+1; files++ {
			wanted := make([]api.ShamanFileSpec, max(1, files))
			for i := range wanted {
				wanted[i] = api.ShamanFileSpec{Path: "-", Sha: fmt.Sprintf("%064x", i), Size: 1}
			}
			reply, err := client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: wanted})
			if err != nil {
				t.Fatal(err)
			}
			if f := reply.Files[0]; f.Size != int64(len(wanted)) || f.Sha != wanted[len(wanted)-1].Sha {
				t.Errorf("of %d files %d arrived, the last %s", len(wanted), f.Size, f.Sha)
			}
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
