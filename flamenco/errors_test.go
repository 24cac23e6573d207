package flamenco

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/flsync/flsync/flamenco/api"
)

func TestErrors(t *testing.T) {
	const nginx = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body></html>"
	for name, test := range map[string]struct {
		status      int
		header      map[string]string
		body        string
		cut         bool // the body ends before its Content-Length
		want        Error
		temporary   bool
		notFound    bool
		notAManager bool
	}{
		"not found": {
			status: 404, body: `{"code":404,"message":"no such job"}`, notFound: true,
			want: Error{Status: 404, Message: "no such job", FromManager: true},
		},
		"bad request": {
			status: 400, body: `{"code":400,"message":"job ID not valid"}`,
			want: Error{Status: 400, Message: "job ID not valid", FromManager: true},
		},
		"a script's words, over lines": {
			status: 400, body: `{"code":400,"message":"no render_output_path setting!\n\tat x.js:3:7(12)\u001b[31m"}`,
			want: Error{Status: 400, Message: "no render_output_path setting! at x.js:3:7(12)[31m", FromManager: true},
		},
		"not acceptable":  {status: 406, body: `{"code":406,"message":"tag not found"}`, want: Error{Status: 406, Message: "tag not found", FromManager: true}},
		"old etag":        {status: 412, body: `{"code":412,"message":"outdated"}`, want: Error{Status: 412, Message: "outdated", FromManager: true}},
		"range":           {status: 416, body: `{"code":416,"message":"no jobs"}`, want: Error{Status: 416, Message: "no jobs", FromManager: true}},
		"unprocessable":   {status: 422, want: Error{Status: 422, Message: "the reply is empty"}},
		"words in a word": {status: 404, body: `"Task does not exist"`, notFound: true, want: Error{Status: 404, Message: "Task does not exist", FromManager: true}},
		"operation unknown to an older Manager": {
			status: 404, body: `{"message":"Not Found"}`,
			want: Error{Status: 404, Message: "there is no such operation; the Manager is of another version, or its URL has a part too many"},
		},
		"worker not known": {status: 401, body: `{"message":"Unauthorized"}`, want: Error{Status: 401, Message: "Unauthorized", FromManager: true}},
		"internal":         {status: 500, body: `{"code":500,"message":"oh no"}`, temporary: true, want: Error{Status: 500, Message: "oh no", FromManager: true}},
		"not implemented":  {status: 501, body: `{"code":501,"message":"not yet"}`, want: Error{Status: 501, Message: "not yet", FromManager: true}},
		"database busy": {
			status: 503, header: map[string]string{"Retry-After": "3"}, body: `{"code":503,"message":"too busy"}`, temporary: true,
			want: Error{Status: 503, Message: "too busy", FromManager: true, RetryAfter: 3 * time.Second},
		},
		"too many":           {status: 429, header: map[string]string{"Retry-After": "86400"}, temporary: true, want: Error{Status: 429, Message: "the reply is empty", RetryAfter: 10 * time.Minute}},
		"timeout":            {status: 408, temporary: true, want: Error{Status: 408, Message: "the reply is empty"}},
		"too early":          {status: 425, temporary: true, want: Error{Status: 425, Message: "the reply is empty"}},
		"status of nginx":    {status: 499, want: Error{Status: 499, Message: "the reply is empty"}},
		"a proxy's page":     {status: 502, body: nginx, temporary: true, want: Error{Status: 502, Message: `the reply is a web page titled "502 Bad Gateway"; a proxy answers, but the Manager behind it does not`}},
		"page without title": {status: 500, body: "<!DOCTYPE html><p>sorry", temporary: true, want: Error{Status: 500, Message: "the reply is a web page"}},
		"a proxy's question": {status: 401, body: "<html><title>Login</title>", want: Error{Status: 401, Message: `the reply is a web page titled "Login"; a proxy in front of the Manager wants to know who is calling: give it the header or password that it asks for`}},
		"page not found":     {status: 404, body: "<html><title>404</title>", notAManager: true, want: Error{Status: 404, Message: `the reply is a web page titled "404"`}},
		"plain text":         {status: 400, body: "Client sent an HTTP request to an HTTPS server.\n", want: Error{Status: 400, Message: `the reply reads "Client sent an HTTP request to an HTTPS server."`}},
		"foreign JSON":       {status: 404, body: `{"error":"nope"}`, notAManager: true, want: Error{Status: 404, Message: "the reply is JSON, but not the Manager's"}},
		"bytes":              {status: 500, header: map[string]string{"Content-Type": "image/png"}, body: "\x89PNG\x00", temporary: true, want: Error{Status: 500, Message: `the reply is 5 bytes of "image/png"`}},
		"words cut in half":  {status: 500, body: `{"code":500,"mess`, cut: true, temporary: true, want: Error{Status: 500, Message: "the reply breaks off after 17 bytes"}},
		"refusal cut":        {status: 400, body: `{"code":400,"mess`, cut: true, temporary: true, want: Error{Status: 400, Message: "the reply breaks off after 17 bytes"}},
		"cut at once":        {status: 500, cut: true, temporary: true, want: Error{Status: 500, Message: "the reply breaks off at its very beginning"}},
		"redirect": {
			status: 302, header: map[string]string{"Location": "https://user:pw@sso.test/login?ticket=t"},
			want: Error{Status: 302, Err: ErrSignIn, Message: "it sends on to https://sso.test/login, which is not followed; " +
				"a proxy in front of the Manager wants people to sign in: give it the header that it asks of programs with --header-file"},
		},
		"redirect to nowhere":      {status: 301, want: Error{Status: 301, Message: "it sends on to an address that cannot be read, which is not followed"}},
		"success is a page":        {status: 200, body: "<html><title>Flamenco</title>", notAManager: true, want: Error{Status: 200, Message: `the reply is a web page titled "Flamenco"`}},
		"success is empty":         {status: 200, temporary: true, want: Error{Status: 200, Message: "the reply is empty"}},
		"success is cut":           {status: 200, body: `{"id":"j1","na`, cut: true, temporary: true, want: Error{Status: 200, Message: "the reply breaks off in the middle"}},
		"success is half":          {status: 200, body: `{"id":"j1","na`, temporary: true, want: Error{Status: 200, Message: "the reply breaks off in the middle"}},
		"success is of other type": {status: 200, body: `{"id":1}`, want: Error{Status: 200, Message: "the reply is not what was expected: json: cannot unmarshal number into Go struct field Job.id of type string"}},
		"success is no JSON":       {status: 200, body: `{"id":}`, want: Error{Status: 200, Message: "the reply is not JSON: invalid character '}' looking for beginning of value"}},
	} {
		t.Run(name, func(t *testing.T) {
			client := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				length := len(test.body)
				if test.cut {
					length += 10
				}
				fmt.Fprintf(c, "HTTP/1.1 %d\r\nContent-Length: %d\r\n", test.status, length)
				for name, value := range test.header {
					fmt.Fprintf(c, "%s: %s\r\n", name, value)
				}
				_, _ = io.WriteString(c, "\r\n"+test.body)
			})
			_, err := client.Job(t.Context(), "j1")
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("%T: %v", err, err)
			}
			test.want.Method, test.want.URL = "GET", client.URL()+"/api/v3/jobs/j1"
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(Error{}, "Err")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if IsTemporary(err) != test.temporary || IsNotFound(err) != test.notFound || errors.Is(err, ErrNotAManager) != test.notAManager {
				t.Errorf("temporary %v, not found %v, not a Manager %v: %v", IsTemporary(err), IsNotFound(err), errors.Is(err, ErrNotAManager), err)
			}
			if HasStatus(err, test.status) != test.want.FromManager || RetryAfter(err) != test.want.RetryAfter {
				t.Errorf("HasStatus %v, RetryAfter %v", HasStatus(err, test.status), RetryAfter(err))
			}
			if !strings.HasPrefix(err.Error(), "GET "+client.URL()+"/api/v3/jobs/j1: ") || !strings.Contains(err.Error(), test.want.Message) || strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("text is %q", err)
			}
		})
	}
}

// The address is right when the version is a Manager's version, and in no other case.
func TestVersionOfSomethingElse(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"web server": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome to nginx!") },
		"other API":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"status":"ok"}`) },
		"list":       func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) },
		"other API's 404": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			fmt.Fprint(w, `{"message":"Not Found"}`)
		},
		"page not found": http.NotFound,
		"empty 404":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
	} {
		client := serve(t, answer)
		version, err := client.Version(t.Context())
		if name == "list" { // an answer of another type says so
			if err == nil || !strings.Contains(err.Error(), "not what was expected") {
				t.Errorf("%s: got %v and %v", name, version, err)
			}
			continue
		}
		if !errors.Is(err, ErrNotAManager) || IsTemporary(err) || IsNotFound(err) {
			t.Errorf("%s: got %v and %v", name, version, err)
		}
	}
	client := serveRaw(t, Config{}, func(c *net.TCPConn, _ *bufio.Reader) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.6\r\n") })
	_, err := client.Version(t.Context())
	if !errors.Is(err, ErrNotAManager) || IsTemporary(err) {
		t.Errorf("SSH server: %v", err)
	}
}

// A reply that lacks what the next step rests on must not pass for success.
func TestRepliesThatLackEverything(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) })
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"requirements": func() error {
			_, err := client.ShamanRequirements(ctx, api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{{Sha: digest, Path: "a"}}})
			return err
		},
		"checkout": func() error { _, err := client.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "a"}); return err },
		"job":      func() error { _, err := client.SubmitJob(ctx, api.SubmittedJob{}); return err },
		"tag":      func() error { _, err := client.CreateTag(ctx, api.WorkerTag{}); return err },
		"worker":   func() error { _, err := client.RegisterWorker(ctx, api.WorkerRegistration{}); return err },
	} {
		var e *Error
		if err := call(); !errors.As(err, &e) || e.Status != 200 || !strings.Contains(err.Error(), "the reply has no ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where the status says all, a web page with status 200 is still a web page: nothing was done.
func TestPageInPlaceOfStatus(t *testing.T) {
	for _, test := range []struct {
		reply string
		page  bool
	}{{"", false}, {"\n", false}, {`{"ok":true}`, false}, {"<!doctype html><title>Sign in</title>", true}, {"please sign in", true}} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.reply) })
		ctx := t.Context()
		for name, call := range map[string]func() error{
			"status": func() error {
				return client.SetJobStatus(ctx, "2bd6a5f8-a7f3-4d8a-9a4f-0a3b5b1bfd4f", api.JobStatusQueued, "")
			},
			"upload": func() error {
				_, err := client.ShamanUpload(ctx, Upload{SHA256: digest, Size: 1, Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), nil }})
				return err
			},
		} {
			if err := call(); test.page != errors.Is(err, ErrNotAManager) || test.page != (err != nil) {
				t.Errorf("%s answered with %q: %v", name, test.reply, err)
			}
		}
	}
}

func TestCheckoutPathInReply(t *testing.T) {
	for _, path := range []string{"../x", "/etc", "a/../../b", "a\\b", "a:b", "{jobs}", ""} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"checkoutPath":%q}`, path) })
		if got, err := client.ShamanCheckout(t.Context(), api.ShamanCheckout{CheckoutPath: "a"}); err == nil {
			t.Errorf("%q is accepted as %q", path, got)
		}
	}
}

func TestUnreachable(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	hangUp := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) { _, _ = http.ReadRequest(in) })
	half := serveRaw(t, Config{}, func(c *net.TCPConn, in *bufio.Reader) {
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
	})
	self := httptest.NewUnstartedServer(http.NotFoundHandler())
	self.Config.ErrorLog = quiet()
	self.StartTLS()
	defer self.Close()
	_, timeout := net.DialTimeout("tcp", "192.0.2.1:80", 1)
	slow, err := newClient(Config{URL: "http://192.0.2.1"}, func(context.Context, string, string) (net.Conn, error) { return nil, timeout })
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		client    *Client
		sent      bool
		temporary bool
		text      string
	}{
		"no answer at all":  {slow, false, true, "cannot reach http://192.0.2.1/api/v3/version: dial tcp 192.0.2.1:80: "},
		"refused":           {newTest(t, Config{URL: closed.URL}), false, true, "cannot reach " + closed.URL + "/api/v3/version: "},
		"no such host":      {newTest(t, Config{URL: "http://no-such-host.invalid"}), false, false, "cannot reach http://no-such-host.invalid/api/v3/version: "},
		"https to http":     {newTest(t, Config{URL: strings.Replace(plain.URL, "http", "https", 1)}), false, false, "does not speak https"},
		"certificate":       {newTest(t, Config{URL: self.URL}), false, false, "certificate"},
		"hangs up":          {hangUp, true, true, "the connection was closed before an answer came"},
		"half of an answer": {half, true, true, "the answer cannot be understood, or breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no such host" && testing.Short() {
				t.Skip("asks the system's resolver")
			}
			_, err := test.client.Version(t.Context())
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || unreachable.Sent != test.sent || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("%T: %v", err, err)
			}
			if name == "no such host" {
				return // a resolver that does not answer is temporary, one that says no is not
			}
			if IsTemporary(err) != test.temporary {
				t.Errorf("temporary is %v: %v", IsTemporary(err), err)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "5": 5 * time.Second, "-5": 0, "x": 0, "99999999999999999999": 0, "4000000000": maxRetryAfter,
		"Mon, 23 Nov 2026 12:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 11:00:00 GMT": 0, "Mon, 23 Nov 2099 11:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, noon); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"  a \t\n b  ":         "a b",
		"\x1b[31mred\x1b[0m\a": "[31mred[0m",
		"Ω\u202eevil\xff":      "Ωevil",
		"0123456789abc":        "0123456789…",
	} {
		if got := clean(text, 10); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
