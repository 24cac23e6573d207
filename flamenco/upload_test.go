package flamenco

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/internal/lab/long"
)

// A Manager that has no use for the rest of an upload answers in the middle of it and closes the connection.
// Whatever the client's write meets then, the answer counts.
func TestUploadAnsweredInMidBody(t *testing.T) {
	const size = 6 << 20
	data := make([]byte, size)
	endings := map[string]func(c *net.TCPConn, in *bufio.Reader){
		"closes with bytes unread": func(c *net.TCPConn, in *bufio.Reader) { c.Close() },
		"resets":                   func(c *net.TCPConn, in *bufio.Reader) { _ = c.SetLinger(0); c.Close() },
		"closes its sending side": func(c *net.TCPConn, in *bufio.Reader) {
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, in)
		},
		"waits, then closes": func(c *net.TCPConn, in *bufio.Reader) {
			_ = c.CloseWrite()
			time.Sleep(5 * time.Millisecond)
			c.Close()
		},
		"reads all the same": func(c *net.TCPConn, in *bufio.Reader) { _, _ = io.CopyN(io.Discard, in, size-100_000) },
		"reads no more":      func(c *net.TCPConn, in *bufio.Reader) { time.Sleep(20 * time.Millisecond) },
	}
	answers := map[string]UploadOutcome{
		"HTTP/1.1 208 Already Reported\r\nContent-Length: 0\r\nConnection: close\r\n\r\n": AlreadyStored,
		"HTTP/1.1 208 Already Reported\r\nContent-Length: 0\r\n\r\n":                      AlreadyStored,
		"HTTP/1.1 425 Too Early\r\nContent-Length: 0\r\nConnection: close\r\n\r\n":        Deferred,
		"HTTP/1.1 425 Too Early\r\nConnection: close\r\n\r\nlater":                        Deferred,
	}
	rounds := 2
	if long.Wanted() {
		rounds = 6
	}
	inMemory, onDisk := uploadOf(t, data, false), uploadOf(t, data, true)
	for name, end := range endings {
		for answer, want := range answers {
			for kind, upload := range map[string]Upload{"memory": inMemory, "file": onDisk} {
				t.Run(fmt.Sprintf("%s/%v/%s", name, want, kind), func(t *testing.T) {
					t.Parallel()
					client := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
						if _, err := http.ReadRequest(in); err != nil {
							return
						}
						_, _ = io.CopyN(io.Discard, in, 100_000)
						_, _ = io.WriteString(c, answer)
						end(c, in)
					})
					for range rounds {
						outcome, err := client.ShamanUpload(t.Context(), upload)
						switch {
						case err == nil && outcome != want:
							t.Fatalf("outcome %v, want %v", outcome, want)
						case err != nil && runtime.GOOS == "linux":
							t.Fatalf("the answer is lost: %v", err)
						case err != nil && !IsTemporary(err):
							// Other kernels throw away what came before a reset.
							t.Fatalf("error is not temporary: %v", err)
						}
					}
				})
			}
		}
	}
}

func TestUpload(t *testing.T) {
	contents := bytes.Repeat([]byte("flamenco "), 100_000)
	sum := hex.EncodeToString(func() []byte { s := sha256.Sum256(contents); return s[:] }())
	for name, test := range map[string]struct {
		status int
		body   string
		change func(*Upload)
		want   UploadOutcome
		err    string
		header map[string]string // of the request, "" for absent
	}{
		"stored":               {status: 200, want: Stored, header: map[string]string{"Content-Type": "application/octet-stream", "Expect": "", "X-Shaman-Can-Defer-Upload": "", "X-Shaman-Original-Filename": "shot.blend"}},
		"stored, as announced": {status: 204, want: Stored},
		"already stored":       {status: 208, want: AlreadyStored},
		"may defer":            {status: 425, want: Deferred, change: func(u *Upload) { u.CanDefer = true }, header: map[string]string{"X-Shaman-Can-Defer-Upload": "true"}},
		"asks first":           {status: 200, want: Stored, change: func(u *Upload) { u.Expect = true }, header: map[string]string{"Expect": "100-continue"}},
		"no name":              {status: 200, want: Stored, change: func(u *Upload) { u.Name = "" }, header: map[string]string{"X-Shaman-Original-Filename": ""}},
		"name is not ASCII":    {status: 200, want: Stored, change: func(u *Upload) { u.Name = "Ω.png" }, header: map[string]string{"X-Shaman-Original-Filename": "=?utf-8?q?=CE=A9.png?="}},
		"other contents":       {status: 417, body: `{"code":417,"message":"checksum mismatch"}`, err: "417 Expectation Failed: checksum mismatch"},
		"no room":              {status: 500, body: `{"code":500,"message":"unexpected error: no space left on device"}`, err: "500 Internal Server Error: unexpected error: no space left on device"},
		"proxy":                {status: 413, body: "<html><head><title>413 Request Entity Too Large</title></head></html>", err: "client_max_body_size"},
		"redirect":             {status: 307, err: "it sends on to http://elsewhere.test/x, which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			var header http.Header
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				header = r.Header.Clone()
				if r.Method != http.MethodPost || r.URL.Path != fmt.Sprintf("/api/v3/shaman/files/%s/%d", sum, len(contents)) {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				if r.ContentLength != int64(len(contents)) {
					t.Errorf("Content-Length %d", r.ContentLength)
				}
				got, _ = io.ReadAll(r.Body)
				w.Header().Set("Location", "http://elsewhere.test/x?ticket=secret")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			u := uploadOf(t, contents, true)
			if test.change != nil {
				test.change(&u)
			}
			outcome, err := client.ShamanUpload(t.Context(), u)
			if outcome != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("got %v and %v, want %v and %q", outcome, err, test.want, test.err)
			}
			if !bytes.Equal(got, contents) {
				t.Errorf("%d bytes arrived, which are not those sent", len(got))
			}
			for name, want := range test.header {
				if header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, header.Get(name), want)
				}
			}
		})
	}
}

func TestUploadOfNothing(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("Content-Length %d, Transfer-Encoding %v", r.ContentLength, r.TransferEncoding)
		}
	})
	outcome, err := client.ShamanUpload(t.Context(), uploadOf(t, nil, true))
	if outcome != Stored || err != nil {
		t.Fatal(outcome, err)
	}
}

// Asked first, a Manager that has the file costs no byte of it.
func TestUploadExpectSavesTheBody(t *testing.T) {
	for status, want := range map[int]UploadOutcome{208: AlreadyStored, 425: Deferred} {
		var received atomic.Int64
		client := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
			r, err := http.ReadRequest(in)
			if err != nil || r.Header.Get("Expect") != "100-continue" {
				t.Errorf("request %v, %v", r, err)
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status)
			_ = c.CloseWrite()
			n, _ := io.Copy(io.Discard, in)
			received.Add(n)
		})
		u := uploadOf(t, make([]byte, 4<<20), true)
		u.Expect = true
		outcome, err := client.ShamanUpload(t.Context(), u)
		if outcome != want || err != nil {
			t.Errorf("got %v and %v, want %v", outcome, err, want)
		}
		if n := received.Load(); n != 0 {
			t.Errorf("%d bytes of the contents were sent", n)
		}
	}
}

// A server that does not know Expect gets the body after a while.
func TestUploadExpectIsNotAnswered(t *testing.T) {
	client := serveRaw(t, Config{ExpectTimeout: time.Millisecond}, func(c *net.TCPConn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	u := uploadOf(t, make([]byte, 1<<20), true)
	u.Expect = true
	if outcome, err := client.ShamanUpload(t.Context(), u); outcome != Stored || err != nil {
		t.Fatal(outcome, err)
	}
}

// The contents are at fault, not the Manager.
func TestUploadOfUnreadableFile(t *testing.T) {
	vanished := fmt.Errorf("it has vanished: %w", fs.ErrNotExist)
	for name, test := range map[string]struct {
		body func(path string) (io.ReadCloser, error)
		want error
	}{
		"cannot be opened": {func(string) (io.ReadCloser, error) { return nil, vanished }, fs.ErrNotExist},
		"cannot be read": {func(string) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 300_000)), iotest.ErrReader(syscall.EIO))), nil
		}, syscall.EIO},
		"has shrunk":             {func(path string) (io.ReadCloser, error) { return os.Open(path) }, io.ErrUnexpectedEOF},
		"has shrunk, no file":    {func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("little")), nil }, io.ErrUnexpectedEOF},
		"is a folder by now":     {func(path string) (io.ReadCloser, error) { return os.Open(filepath.Dir(path)) }, syscall.EISDIR},
		"was opened for writing": {func(path string) (io.ReadCloser, error) { return os.OpenFile(path, os.O_WRONLY, 0) }, syscall.EBADF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.Contains(name, " folder ") {
				t.Skip("Windows has another error for it")
			}
			client := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, make([]byte, 500_000), 0o600); err != nil {
				t.Fatal(err)
			}
			u := uploadOf(t, make([]byte, 2<<20), false)
			u.Body = func() (io.ReadCloser, error) { return test.body(path) }
			outcome, err := client.ShamanUpload(t.Context(), u)
			var bodyErr *BodyError
			if !errors.As(err, &bodyErr) || !errors.Is(err, test.want) || outcome != 0 {
				t.Fatalf("got %v and %v, want a BodyError of %v", outcome, err, test.want)
			}
			if IsTemporary(err) {
				t.Error("a file that cannot be read counts as temporary")
			}
		})
	}
}

// A file that has grown since it was hashed is sent as it was announced.
func TestUploadOfGrownFile(t *testing.T) {
	contents := bytes.Repeat([]byte("x"), 1<<20)
	var got int
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got = len(data)
	})
	u := uploadOf(t, contents, true)
	u.Size -= 1000
	if outcome, err := client.ShamanUpload(t.Context(), u); outcome != Stored || err != nil || got != len(contents)-1000 {
		t.Fatal(outcome, err, got)
	}
}

func TestUploadRefusesWhatCannotBe(t *testing.T) {
	client := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	good := uploadOf(t, []byte("x"), false)
	for _, digest := range []string{"", "x", strings.ToUpper(good.SHA256), good.SHA256 + "0", "../" + good.SHA256[3:]} {
		u := good
		u.SHA256 = digest
		if _, err := client.ShamanUpload(t.Context(), u); !errors.Is(err, ErrBadDigest) {
			t.Errorf("digest %q: %v", digest, err)
		}
		if _, err := client.ShamanFileStatus(t.Context(), digest, 1); !errors.Is(err, ErrBadDigest) {
			t.Errorf("status of digest %q: %v", digest, err)
		}
	}
	good.Size = -1
	if _, err := client.ShamanUpload(t.Context(), good); err == nil {
		t.Error("a negative size is accepted")
	}
}

// What the buffer does not take of a file goes from kernel to kernel: our code never sees it.
func TestUploadLeavesCopyingToTheKernel(t *testing.T) {
	const size = 4 << 20
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n != size {
			t.Errorf("%d bytes arrived", n)
		}
	})
	u := uploadOf(t, make([]byte, size), true)
	contents, err := u.Body()
	if err != nil {
		t.Fatal(err)
	}
	counted := &countingFile{File: contents.(*os.File)}
	source := &bodySource{size: size}
	reply, err := client.send(t.Context(), request{
		method: http.MethodPost, path: []string{"shaman"}, size: size,
		open: func() (io.ReadCloser, error) {
			return &fileBody{contents: counted, file: counted.File, left: size, source: source}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	reply.finish()
	if n := counted.read.Load(); n > writeBuffer {
		t.Errorf("%d of %d bytes went through our hands", n, size)
	}
}

type countingFile struct {
	*os.File
	read atomic.Int64
}

func (f *countingFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.read.Add(int64(n))
	return n, err
}

// 64 uploads at once dial 64 times and no more, however many files they send.
func TestUploadsReuseConnections(t *testing.T) {
	const workers, each = 64, 10
	var dialled atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := newTest(t, Config{URL: server.URL})
	u := uploadOf(t, make([]byte, 5000), false)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for range each {
				if outcome, err := client.ShamanUpload(t.Context(), u); outcome != Stored {
					t.Error(outcome, err)
				}
			}
		})
	}
	running.Wait()
	// A dial that begins just before another connection comes free is one more, and a slow machine has many of
	// these. Without reuse there would be one for each upload.
	if n := dialled.Load(); n > workers*each/2 {
		t.Errorf("%d connections for %d uploads at once", n, workers)
	}
}

// A Manager, or a proxy, closes connections that were idle for long. That is no error, also not for a large
// body.
func TestConnectionClosedWhileIdle(t *testing.T) {
	client := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
	})
	u := uploadOf(t, make([]byte, 1<<20), true)
	for range 50 {
		if outcome, err := client.ShamanUpload(t.Context(), u); outcome != Stored || err != nil {
			t.Fatal(outcome, err)
		}
		if _, err := client.JobBlocklist(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUploadRests: an upload that was cut off is not sent again before the Manager can have ended the first.
func TestUploadRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var uploads []time.Time
		client := serveInBubble(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				fmt.Fprint(w, "[]")
				return
			}
			uploads = append(uploads, time.Now())
			if len(uploads) == 1 {
				_, _ = io.CopyN(io.Discard, r.Body, 1000)
				panic(http.ErrAbortHandler)
			}
			_, _ = io.Copy(io.Discard, r.Body)
		})
		if _, err := client.JobBlocklist(t.Context(), "x"); err != nil { // leaves a connection that is kept open
			t.Fatal(err)
		}
		outcome, err := client.ShamanUpload(t.Context(), uploadOf(t, make([]byte, 1<<20), false))
		if outcome != Stored || err != nil || len(uploads) != 2 {
			t.Fatalf("%v, %v, %d uploads", outcome, err, len(uploads))
		}
		if rest := uploads[1].Sub(uploads[0]); rest < uploadRest {
			t.Errorf("the same file again after %v", rest)
		}
	})
}
