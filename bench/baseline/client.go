// Package baseline holds what flsync is measured against: a client that has
// every digest beforehand (the upper bound), a client that works as Flamenco's
// add-on does, and plain passes of the digests over files.
//
// They are as simple as they can be and share no code with flsync but the
// types of the API. Each is to be run in a process of its own, and measures
// the time of its work itself, without that for reading its list of files.
package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Outcome is what a baseline has to say of itself.
type Outcome struct {
	Seconds  float64 `json:"seconds"` // of the work alone
	Bytes    int64   `json:"bytes"`   // sent or hashed
	Files    int     `json:"files"`   // sent or hashed
	Requests int64   `json:"requests,omitempty"`
	Retries  int64   `json:"retries,omitempty"`
}

// client is the least that speaks Shaman.
type client struct {
	url      string
	http     *http.Client
	requests atomic.Int64
	retries  atomic.Int64
}

// newClient makes a client with so many connections, all kept open.
func newClient(url string, connections int) *client {
	return &client{url: url, http: &http.Client{Transport: &http.Transport{
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
		WriteBufferSize:     64 << 10, // a small file and its header leave in one write
		ReadBufferSize:      64 << 10,
	}}}
}

// attempts bounds how often a request is sent: uploads of files whose digests
// begin alike can fail in the Manager, and pass when they are sent again.
const attempts = 5

// do sends a request until the Manager answers it with success.
func (c *client) do(ctx context.Context, method, path string, size int64, body func() (io.ReadCloser, error), contentType string, result any) error {
	var last error
	for try := range attempts {
		if try > 0 {
			c.retries.Add(1)
		}
		b, err := body()
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, c.url+path, b)
		if err != nil {
			return err
		}
		req.ContentLength = size
		if size == 0 {
			req.Body = http.NoBody
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		c.requests.Add(1)
		resp, err := c.http.Do(req)
		if err != nil {
			last = err
			continue
		}
		reply, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		switch {
		case err != nil:
			last = err
		case resp.StatusCode/100 == 2:
			if result == nil {
				return nil
			}
			return json.Unmarshal(reply, result)
		default:
			last = fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, reply)
			if resp.StatusCode/100 == 4 {
				return last
			}
		}
	}
	return last
}

func (c *client) postJSON(ctx context.Context, path string, question, answer any) error {
	data, err := json.Marshal(question)
	if err != nil {
		return err
	}
	body := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	return c.do(ctx, http.MethodPost, path, int64(len(data)), body, "application/json", answer)
}

// missing asks which of the files are not stored.
func (c *client) missing(ctx context.Context, files []api.ShamanFileSpec) ([]api.ShamanFileSpecWithStatus, error) {
	var reply api.ShamanRequirementsResponse
	err := c.postJSON(ctx, "/api/v3/shaman/checkout/requirements", api.ShamanRequirementsRequest{Files: files}, &reply)
	return reply.Files, err
}

func (c *client) checkout(ctx context.Context, path string, files []api.ShamanFileSpec) (string, error) {
	var reply api.ShamanCheckoutResult
	err := c.postJSON(ctx, "/api/v3/shaman/checkout/create", api.ShamanCheckout{CheckoutPath: path, Files: files}, &reply)
	return reply.CheckoutPath, err
}

// status asks about one file, as the add-on does before each upload.
func (c *client) status(ctx context.Context, sha string, size int64) error {
	none := func() (io.ReadCloser, error) { return http.NoBody, nil }
	return c.do(ctx, http.MethodGet, filePath(sha, size), 0, none, "", &api.ShamanSingleFileStatus{})
}

// smallFile is the size up to which a file is read at once: one read and one
// write are cheaper than what a kernel needs to set up a copy of its own.
const smallFile = 64 << 10

func (c *client) upload(ctx context.Context, path, sha string, size int64) error {
	body := func() (io.ReadCloser, error) {
		if size > smallFile {
			return os.Open(path) // as a file, so that the kernel copies
		}
		data, err := os.ReadFile(path)
		return io.NopCloser(bytes.NewReader(data)), err
	}
	return c.do(ctx, http.MethodPost, filePath(sha, size), size, body, "application/octet-stream", nil)
}

func filePath(sha string, size int64) string {
	return fmt.Sprintf("/api/v3/shaman/files/%s/%d", sha, size)
}

// timed runs work and fills in what the client counted.
func (c *client) timed(work func() error) (Outcome, error) {
	start := time.Now()
	err := work()
	return Outcome{
		Seconds:  time.Since(start).Seconds(),
		Requests: c.requests.Load(),
		Retries:  c.retries.Load(),
	}, err
}

func local(root, path string) string { return filepath.Join(root, filepath.FromSlash(path)) }
