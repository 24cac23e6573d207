package flamenco

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/flsync/flsync/flamenco/api"
)

// Whatever bytes answer, a call ends with a result or with an error that is one printable line and holds no
// secret.
func FuzzReply(f *testing.F) {
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"job\r\n0\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 35\r\n\r\n{\"code\":404,\"message\":\"no such job\"}",
		"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\n\r\n<html><title>Bad &amp; \x1b[31m ugly</title>hunter22",
		"HTTP/1.1 302 Found\r\nLocation: http://user:pw@x/?hunter22\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 208 x\r\n\r\n",
		"HTTP/1.1 503 x\r\nRetry-After: 99999999999\r\nContent-Length: 5\r\n\r\n\"hun\"",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[",
		"SSH-2.0-x\r\n", "", "\x15\x03\x01\x00\x02\x02\x28",
	} {
		f.Add([]byte(reply))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		const secret = "hunter22"
		dial := func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				in := bufio.NewReader(theirs)
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = theirs.Write(answer)
			}()
			return ours, nil
		}
		client, err := newClient(Config{URL: "http://user:" + secret + "@127.0.0.1"}, dial)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		ctx := t.Context()
		for _, call := range []func() error{
			func() error { _, err := client.Version(ctx); return err },
			func() error { _, err := client.Jobs(ctx); return err },
			func() error { _, err := client.JobTypes(ctx); return err },
			func() error { _, _, err := client.SleepSchedule(ctx, "w"); return err },
			func() error { _, err := client.Tags(ctx); return err },
			func() error { _, err := client.TaskLogTail(ctx, "a"); return err },
			func() error { _, _, err := client.AsWorker("w", secret).ScheduleTask(ctx); return err },
			func() error { _, err := client.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "x"}); return err },
			func() error {
				_, err := client.ShamanUpload(ctx, Upload{SHA256: digest, Size: 3, Body: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("abc")), nil }})
				return err
			},
		} {
			err := call()
			if err == nil {
				continue
			}
			text := err.Error()
			if strings.Contains(text, secret) || len(text) > 4000 || strings.IndexFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }) >= 0 {
				t.Errorf("error is %q", text)
			}
			_ = fmt.Sprint(IsTemporary(err), IsNotFound(err), RetryAfter(err))
		}
	})
}
