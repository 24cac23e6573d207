// Package baseline holds what flsync is measured against: a client that has every digest beforehand (the
// upper bound), a client that works as Flamenco's add-on does, and plain passes of the digests over files.
//
// They are as simple as possible and share no code with flsync but the types of the API. Each is to run in a
// process of its own, and measures the time of its work without that for reading its list of files.
package baseline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/flamenco/api"
)

// Outcome is what a baseline reports of itself.
type Outcome struct {
	Seconds  float64 `json:"seconds"` // of the work alone
	Bytes    int64   `json:"bytes"`   // sent or hashed
	Files    int     `json:"files"`   // sent or hashed
	Requests int64   `json:"requests,omitempty"`
}

// Work describes a run of a baseline, so that another process can do it.
type Work struct {
	Kind        string `json:"kind"` // upper, serial, batch, answers, jobs or hash
	URL         string `json:"url,omitempty"`
	Root        string `json:"root,omitempty"`
	List        string `json:"list,omitempty"`        // file with the files and digests, as JSON
	Connections int    `json:"connections,omitempty"` // of jobs: how many jobs
	Part        Part   `json:"part,omitempty"`        // of upper
	Shares      int    `json:"shares,omitempty"`      // of serial: it sends one file in so many
	Name        string `json:"name,omitempty"`        // of checkouts and jobs
}

// Run does the work.
func (w Work) Run(ctx context.Context) (Outcome, error) {
	var files []api.ShamanFileSpec
	var shots [][]api.ShamanFileSpec
	var list any = &files
	switch w.Kind {
	case "hash":
		return Hash(ctx, w.Root)
	case "answers":
		return Answers(ctx, w.URL)
	case "jobs":
		return Jobs(ctx, w.URL, w.Connections, w.Name)
	case "batch":
		list = &shots
	}
	data, err := os.ReadFile(w.List)
	if err != nil {
		return Outcome{}, err
	}
	if err := json.Unmarshal(data, list); err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", w.List, err)
	}
	switch w.Kind {
	case "upper":
		return Upper(ctx, w.URL, w.Root, files, w.Connections, w.Part, w.Name)
	case "serial":
		some := files[:0]
		for i := 0; i < len(files); i += max(1, w.Shares) {
			some = append(some, files[i])
		}
		files = some
		return Serial(ctx, w.URL, w.Root, files, w.Name)
	case "batch":
		return Batch(ctx, w.URL, shots, w.Connections, w.Name)
	}
	return Outcome{}, fmt.Errorf("unknown baseline %q", w.Kind)
}

// client is the least that speaks Shaman.
type client struct {
	url      string
	http     *http.Client
	requests atomic.Int64
}

// newClient makes a client with so many connections, all kept open.
func newClient(url string, connections int) *client {
	return &client{url: url, http: &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections, DisableCompression: true,
		WriteBufferSize: 64 << 10, // a small file and its header leave in one write
		ReadBufferSize:  64 << 10,
	}}}
}

// attempts bounds how often a request is sent: the Manager can fail uploads of files whose digests begin
// alike, and takes them when they are sent again.
const attempts = 5

// do sends a request until the Manager answers it with success.
func (c *client) do(ctx context.Context, method, path string, size int64, body func() (io.ReadCloser, error), result any) error {
	var last error
	for range attempts {
		b, err := body()
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, method, c.url+"/api/v3"+path, b)
		if err != nil {
			return err
		}
		if req.ContentLength = size; size == 0 {
			req.Body = http.NoBody
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		if result != nil {
			req.Header.Set("Content-Type", "application/json")
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
		case resp.StatusCode/100 == 2 && result != nil:
			return json.Unmarshal(reply, result)
		case resp.StatusCode/100 == 2:
			return nil
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
	return c.do(ctx, http.MethodPost, path, int64(len(data)), func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}, answer)
}

// missing asks which of the files are not stored.
func (c *client) missing(ctx context.Context, files []api.ShamanFileSpec) ([]api.ShamanFileSpecWithStatus, error) {
	var reply api.ShamanRequirementsResponse
	err := c.postJSON(ctx, "/shaman/checkout/requirements", api.ShamanRequirementsRequest{Files: files}, &reply)
	return reply.Files, err
}

func (c *client) checkout(ctx context.Context, path string, files []api.ShamanFileSpec) (string, error) {
	var reply api.ShamanCheckoutResult
	err := c.postJSON(ctx, "/shaman/checkout/create", api.ShamanCheckout{CheckoutPath: path, Files: files}, &reply)
	return reply.CheckoutPath, err
}

// smallFile is the size in bytes up to which a file is read at once: that is cheaper than a copy by the
// kernel.
const smallFile = 64 << 10

func (c *client) upload(ctx context.Context, root string, f api.ShamanFileSpecWithStatus) error {
	path := filepath.Join(root, filepath.FromSlash(f.Path))
	return c.do(ctx, http.MethodPost, filePath(f), f.Size, func() (io.ReadCloser, error) {
		if f.Size > smallFile {
			return os.Open(path) // as a file, so that the kernel copies
		}
		data, err := os.ReadFile(path)
		return io.NopCloser(bytes.NewReader(data)), err
	}, nil)
}

func filePath(f api.ShamanFileSpecWithStatus) string {
	return fmt.Sprintf("/shaman/files/%s/%d", f.Sha, f.Size)
}

// timed runs work, which returns what it sent, and fills in the rest.
func (c *client) timed(work func() (sent []api.ShamanFileSpecWithStatus, err error)) (Outcome, error) {
	start := time.Now()
	sent, err := work()
	o := Outcome{Seconds: time.Since(start).Seconds(), Requests: c.requests.Load(), Files: len(sent)}
	for _, f := range sent {
		o.Bytes += f.Size
	}
	return o, err
}

// Part is how much of a client's work an upper bound does.
type Part string

// The parts: what a client has to do for a checkout, step by step.
const (
	CheckOnly    Part = "requirements" // ask what is missing
	UpToStore    Part = "store"        // and upload it
	Whole        Part = "whole"        // and make the checkout
	CheckoutOnly Part = "checkout"     // make the checkout, and nothing before it
)

// Upper is a client that knows the digest of every file beforehand. It asks about all files at once, uploads
// what is missing over so many connections, and makes one checkout: no client that sends the same files to
// the same Manager in the same way can be faster.
func Upper(ctx context.Context, url, root string, files []api.ShamanFileSpec, connections int, part Part, name string) (Outcome, error) {
	c := newClient(url, connections)
	return c.timed(func() (sent []api.ShamanFileSpecWithStatus, err error) {
		if part != CheckoutOnly {
			if sent, err = c.missing(ctx, files); err != nil || part == CheckOnly {
				return nil, err
			}
			if err := c.uploadAll(ctx, root, sent, connections); err != nil || part == UpToStore {
				return sent, err
			}
		}
		_, err = c.checkout(ctx, name, files)
		return sent, err
	})
}

// uploadAll uploads over all connections at once, and never two files at a time whose digests begin with the
// same byte: the Manager can fail one of them.
func (c *client) uploadAll(ctx context.Context, root string, files []api.ShamanFileSpecWithStatus, connections int) error {
	shards := map[string][]api.ShamanFileSpecWithStatus{}
	for _, f := range files {
		shards[f.Sha[:2]] = append(shards[f.Sha[:2]], f)
	}
	if len(shards) == 0 {
		return nil
	}
	// Who takes a shard's queue sends one file of it and puts back the rest.
	queues := make(chan []api.ShamanFileSpecWithStatus, len(shards))
	for _, queue := range shards {
		queues <- queue
	}
	var left atomic.Int64
	left.Store(int64(len(shards)))
	group, ctx := errgroup.WithContext(ctx)
	for range connections {
		group.Go(func() error {
			for queue := range queues {
				if err := c.upload(ctx, root, queue[0]); err != nil {
					return err
				}
				if len(queue) > 1 {
					queues <- queue[1:] // never blocks: the channel has room for all
				} else if left.Add(-1) == 0 {
					close(queues)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Serial works as Flamenco's add-on does: it hashes one file after the other, asks what is missing, asks
// again about each file before it uploads it, one at a time over one connection, and makes one checkout. It
// leaves out what makes the add-on slower still: a JSON file for each digest, and a comparison of each file
// with all others.
func Serial(ctx context.Context, url, root string, files []api.ShamanFileSpec, name string) (Outcome, error) {
	c := newClient(url, 1)
	return c.timed(func() ([]api.ShamanFileSpecWithStatus, error) {
		hashed := make([]api.ShamanFileSpec, len(files))
		for i, f := range files {
			var err error
			if hashed[i], err = workload.Describe(root, f.Path); err != nil {
				return nil, err
			}
		}
		missing, err := c.missing(ctx, hashed)
		if err != nil {
			return nil, err
		}
		none := func() (io.ReadCloser, error) { return http.NoBody, nil }
		for _, f := range missing {
			if err := c.do(ctx, http.MethodGet, filePath(f), 0, none, &api.ShamanSingleFileStatus{}); err != nil {
				return nil, err
			}
			if err := c.upload(ctx, root, f); err != nil {
				return nil, err
			}
		}
		_, err = c.checkout(ctx, name, hashed)
		return missing, err
	})
}

// Batch is what the Manager has to do for shots whose files are all stored: one check, and for each shot a
// checkout and a job, over so many connections.
func Batch(ctx context.Context, url string, shots [][]api.ShamanFileSpec, connections int, name string) (Outcome, error) {
	c := newClient(url, connections)
	outcome, err := c.timed(func() ([]api.ShamanFileSpecWithStatus, error) {
		missing, err := c.missing(ctx, union(shots))
		if err != nil || len(missing) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%d files of the batch are not stored", len(missing)))
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(connections)
		for i, files := range shots {
			group.Go(func() error {
				path, err := c.checkout(ctx, fmt.Sprintf("%s/%04d", name, i), files)
				if err != nil {
					return err
				}
				return c.postJSON(ctx, "/jobs", renderJob(fmt.Sprintf("%s %d", name, i), path, files[0].Path), &struct{}{})
			})
		}
		return nil, group.Wait()
	})
	outcome.Files = len(shots)
	return outcome, err
}

// Answers asks the Manager what flsync has to know before it can tell that none of many jobs is to be done.
func Answers(ctx context.Context, url string) (Outcome, error) {
	c := newClient(url, 1)
	return c.timed(func() (none []api.ShamanFileSpecWithStatus, err error) {
		body := func() (io.ReadCloser, error) { return http.NoBody, nil }
		for _, path := range []string{"/configuration/file", "/jobs/types", "/jobs"} {
			var answer json.RawMessage
			err = errors.Join(err, c.do(ctx, http.MethodGet, path, 0, body, &answer))
		}
		return nil, err
	})
}

// Jobs gives the Manager n small jobs.
func Jobs(ctx context.Context, url string, n int, name string) (Outcome, error) {
	c := newClient(url, 4)
	outcome, err := c.timed(func() ([]api.ShamanFileSpecWithStatus, error) {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(4)
		for i := range n {
			group.Go(func() error {
				return c.postJSON(ctx, "/jobs", map[string]any{
					"name": fmt.Sprintf("%s %d", name, i), "type": "echo-sleep-test", "priority": 1, "submitter_platform": "linux",
					"settings": map[string]any{"message": "other", "sleep_duration_seconds": 1},
				}, &struct{}{})
			})
		}
		return nil, group.Wait()
	})
	outcome.Files = n
	return outcome, err
}

func union(shots [][]api.ShamanFileSpec) (all []api.ShamanFileSpec) {
	seen := map[string]bool{}
	for _, files := range shots {
		for _, f := range files {
			if !seen[f.Sha] {
				seen[f.Sha] = true
				all = append(all, f)
			}
		}
	}
	return all
}

// renderJob is a job as flsync submits it for a shot of the batch.
func renderJob(name, checkout, blend string) map[string]any {
	return map[string]any{
		"name": name, "type": "simple-blender-render", "priority": 50, "submitter_platform": "linux",
		"metadata": map[string]string{"benchmark": "upper bound"},
		"settings": map[string]any{
			"blendfile": "{jobs}/" + checkout + "/" + blend, "frames": "1001-1010", "chunk_size": 10,
			"render_output_root": "/render/out", "add_path_components": 0,
			"render_output_path": "/render/out/" + name + "/{timestamp}/######",
			"format":             "PNG", "image_file_extension": ".png", "fps": 24.0, "has_previews": false, "scene": "Scene",
		},
		"storage": map[string]string{"shaman_checkout_id": checkout},
	}
}
