package uploader

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// fake is a Manager's file store in memory. It keeps count, and can be told to be far away, slow, or wrong.
// Fields in capitals are set before use; everything else is read with [fake.snapshot] or after the uploader
// was closed.
type fake struct {
	RTT      time.Duration // of every request
	Work     time.Duration // the Manager's own time for each upload; only Capacity of them run at once
	Capacity int           // 0: no limit

	// Script decides about an upload before it is looked at, given how often this digest was sent, from 1. A
	// non-nil error or an outcome is the answer; otherwise it takes its course.
	Script func(n int, u flamenco.Upload) (flamenco.UploadOutcome, error)
	// CheckScript and CheckoutScript do the same with the number of the request.
	CheckScript    func(n int, files []api.ShamanFileSpec) error
	CheckoutScript func(n int, c api.ShamanCheckout) error

	mu        sync.Mutex
	busy      chan struct{}
	stored    map[string]bool
	uploading map[string]bool // as if left there by a Manager that crashed

	sent       map[string]int // upload requests by digest
	order      []string       // names of uploads, as they began
	headers    []flamenco.Upload
	at         []time.Time // when they began
	running    int
	highest    int
	shards     [256]int
	overlaps   int // uploads that began while another of their shard was in flight
	bytes      int64
	batches    []int // sizes of requirements requests
	checking   int
	mostChecks int
	checkouts  []api.ShamanCheckout
	unchecked  int             // files of checkouts that it had not said to be stored, since it last lost any
	confirmed  map[string]bool // digests that one had
}

func newFake(stored ...string) *fake {
	f := &fake{
		stored: make(map[string]bool), uploading: make(map[string]bool), sent: make(map[string]int), confirmed: make(map[string]bool),
	}
	for _, content := range stored {
		f.stored[digest(content)] = true
	}
	return f
}

func (f *fake) ShamanRequirements(ctx context.Context, r api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error) {
	f.mu.Lock()
	f.batches = append(f.batches, len(r.Files))
	f.checking++
	f.mostChecks = max(f.mostChecks, f.checking)
	n := len(f.batches)
	f.mu.Unlock()
	err := f.travel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checking--
	if err == nil && f.CheckScript != nil {
		err = f.CheckScript(n, r.Files)
	}
	if err != nil {
		return api.ShamanRequirementsResponse{}, err
	}
	var reply api.ShamanRequirementsResponse
	listed := make(map[string]bool)
	for _, file := range r.Files {
		if f.stored[file.Sha] {
			f.confirmed[file.Sha] = true
			continue
		}
		if listed[file.Sha] {
			continue
		}
		listed[file.Sha] = true
		status := api.ShamanFileStatusUnknown
		if f.uploading[file.Sha] {
			status = api.ShamanFileStatusUploading
		}
		reply.Files = append(reply.Files, api.ShamanFileSpecWithStatus{Sha: file.Sha, Size: file.Size, Path: file.Path, Status: status})
	}
	return reply, nil
}

func (f *fake) ShamanUpload(ctx context.Context, u flamenco.Upload) (flamenco.UploadOutcome, error) {
	raw, _ := hex.DecodeString(u.SHA256[:2])
	shard := raw[0]
	f.mu.Lock()
	f.sent[u.SHA256]++
	n := f.sent[u.SHA256]
	f.order = append(f.order, u.Name)
	f.headers = append(f.headers, u)
	f.at = append(f.at, time.Now())
	f.running++
	f.highest = max(f.highest, f.running)
	f.shards[shard]++
	if f.shards[shard] > 1 {
		f.overlaps++
	}
	if f.Capacity > 0 && f.busy == nil {
		f.busy = make(chan struct{}, f.Capacity)
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
		f.shards[shard]--
	}()

	if err := f.travel(ctx); err != nil {
		return 0, err
	}
	if f.busy != nil {
		select {
		case f.busy <- struct{}{}:
			time.Sleep(f.Work)
			<-f.busy
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	} else {
		time.Sleep(f.Work)
	}
	if f.Script != nil {
		if outcome, err := f.Script(n, u); outcome != 0 || err != nil {
			return outcome, err
		}
	}
	f.mu.Lock()
	stored, uploading := f.stored[u.SHA256], f.uploading[u.SHA256]
	f.mu.Unlock()
	switch {
	case stored:
		return flamenco.AlreadyStored, nil
	case uploading && u.CanDefer:
		return flamenco.Deferred, nil
	}
	body, err := u.Body()
	if err != nil {
		return 0, &flamenco.BodyError{Name: u.Name, Err: err}
	}
	defer body.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, body)
	if err != nil {
		return 0, &flamenco.BodyError{Name: u.Name, Err: err}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bytes += size
	if got := hex.EncodeToString(hash.Sum(nil)); size != u.Size || got != u.SHA256 {
		return 0, status(http.StatusExpectationFailed)
	}
	f.stored[u.SHA256], f.confirmed[u.SHA256] = true, true
	delete(f.uploading, u.SHA256)
	return flamenco.Stored, nil
}

func (f *fake) ShamanCheckout(ctx context.Context, c api.ShamanCheckout) (string, error) {
	err := f.travel(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checkouts = append(f.checkouts, c)
	if err == nil && f.CheckoutScript != nil {
		err = f.CheckoutScript(len(f.checkouts), c)
	}
	if err != nil {
		return "", err
	}
	for _, file := range c.Files {
		if !f.confirmed[file.Sha] {
			f.unchecked++
		}
		if !f.stored[file.Sha] {
			return "", &flamenco.Error{Status: 500, Message: "unexpected error: unknown files requested in checkout", FromManager: true}
		}
	}
	return c.CheckoutPath, nil
}

func (f *fake) travel(ctx context.Context) error {
	if f.RTT == 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(f.RTT)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lose forgets blobs, as the garbage collector does.
func (f *fake) lose(contents ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, content := range contents {
		delete(f.stored, digest(content))
		delete(f.confirmed, digest(content))
	}
}

// status is the Manager's answer with that status.
func status(code int) error {
	return &flamenco.Error{Status: code, Method: http.MethodPost, URL: "http://manager/", Message: "told to", FromManager: true}
}

// cut is a connection that broke; sent reports whether the request may have arrived.
func cut(sent bool) error {
	return &flamenco.UnreachableError{Method: http.MethodPost, URL: "http://manager/", Sent: sent, Err: io.ErrUnexpectedEOF}
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// blob is one whose content and name are the same.
func blob(content string) Blob {
	return Blob{
		SHA256: digest(content), Size: int64(len(content)), Name: content,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

// large is a blob of that many bytes, all of them zero but for the name at the beginning.
func large(name string, size int) Blob {
	content := append(make([]byte, 0, size), name...)
	content = content[:size]
	sum := sha256.Sum256(content)
	return Blob{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(size), Name: name,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}
}

// inShard makes n blobs of one shard.
func inShard(shard byte, n int) []Blob {
	var found []Blob
	for i := 0; len(found) < n; i++ {
		b := blob(fmt.Sprintf("shard %02x, try %d", shard, i))
		if strings.HasPrefix(b.SHA256, fmt.Sprintf("%02x", shard)) {
			found = append(found, b)
		}
	}
	return found
}

// numbered makes n different blobs.
func numbered(n int) []Blob {
	blobs := make([]Blob, n)
	for i := range blobs {
		blobs[i] = blob(fmt.Sprintf("file %06d", i))
	}
	return blobs
}

// specs puts blobs into one folder of a checkout.
func specs(blobs ...Blob) []api.ShamanFileSpec {
	files := make([]api.ShamanFileSpec, len(blobs))
	for i, b := range blobs {
		files[i] = api.ShamanFileSpec{Sha: b.SHA256, Size: b.Size, Path: path.Join("tex", b.Name)}
	}
	return files
}

// recorder adds up events.
type recorder struct {
	mu     sync.Mutex
	blobs  map[Kind]int64
	bytes  map[Kind]int64
	errors []error
}

func (r *recorder) Observe(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blobs == nil {
		r.blobs, r.bytes = make(map[Kind]int64), make(map[Kind]int64)
	}
	r.blobs[e.Kind] += e.Blobs
	r.bytes[e.Kind] += e.Bytes
	if e.Err != nil {
		r.errors = append(r.errors, e.Err)
	}
}
