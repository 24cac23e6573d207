package uploader_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/uploader"
)

// farm is an embedded Manager that can be restarted on the same port.
type farm struct {
	t      *testing.T
	config manager.Config
	addr   string

	proxy *netsim.FaultyProxy // between client and Manager

	mu   sync.Mutex
	m    *manager.Manager
	stop func()
}

func (f *farm) manager() *manager.Manager {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.m
}

func newFarm(t *testing.T, faults manager.Faults, rules ...netsim.Rule) *farm {
	f := &farm{t: t, config: manager.Config{Dir: t.TempDir(), Faults: faults}, addr: "127.0.0.1:0"}
	f.start()
	var err error
	f.proxy, err = netsim.ListenFaulty(t.Context(), netsim.FaultConfig{Target: func() string { return "http://" + f.addr }, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.proxy.Close() })
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stop()
	})
	return f
}

func (f *farm) start() {
	f.t.Helper()
	m, err := manager.New(f.t.Context(), f.config)
	if err != nil {
		f.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.m == nil {
		f.addr = listener.Addr().String()
	}
	f.m = m
	server := &http.Server{Handler: m}
	go func() { _ = server.Serve(listener) }()
	f.stop = sync.OnceFunc(func() {
		_ = server.Close()
		if err := m.Close(); err != nil {
			f.t.Error(err)
		}
	})
}

func (f *farm) client() *flamenco.Client {
	f.t.Helper()
	c, err := flamenco.New(flamenco.Config{URL: f.proxy.URL()})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// tree is a folder of files.
type tree struct {
	dir   string
	files []api.ShamanFileSpec
}

// newTree makes n files of up to 20 KB, one that is empty, two with the same content, and one of 12 MB.
func newTree(t *testing.T, n int, seed uint64) *tree {
	tr := &tree{dir: t.TempDir()}
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	for i := range n {
		content := make([]byte, random.Uint64()%20_000)
		_, _ = random.Read(content)
		tr.add(t, fmt.Sprintf("sq%02d/tex/Holz ü %04d.png", i/50, i), content)
	}
	tr.add(t, "empty.txt", nil)
	tr.add(t, "twice/a.txt", []byte("same"))
	tr.add(t, "twice/b.txt", []byte("same"))
	big := make([]byte, 12<<20)
	_, _ = random.Read(big)
	tr.add(t, "cache/big.abc", big)
	return tr
}

func (tr *tree) add(t *testing.T, name string, content []byte) {
	path := filepath.Join(tr.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	tr.files = append(tr.files, api.ShamanFileSpec{Sha: hex.EncodeToString(sum[:]), Size: int64(len(content)), Path: name})
}

func (tr *tree) blob(f api.ShamanFileSpec) uploader.Blob {
	path := filepath.Join(tr.dir, filepath.FromSlash(f.Path))
	return uploader.Blob{
		SHA256: f.Sha, Size: f.Size, Name: f.Path,
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
	}
}

// sync brings a tree to a Manager and checks what arrived.
func (f *farm) sync(tr *tree, config uploader.Config) uploader.Stats {
	f.t.Helper()
	ctx := f.t.Context()
	config.Reopen = func(file api.ShamanFileSpec) (uploader.Blob, error) { return tr.blob(file), nil }
	u, err := uploader.New(ctx, f.client(), config)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, file := range tr.files {
		u.Ensure(ctx, tr.blob(file))
	}
	path, err := u.Checkout(ctx, "film/sh010", tr.files)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := u.Close(); err != nil {
		f.t.Error(err)
	}
	for _, file := range tr.files {
		content, err := os.ReadFile(filepath.Join(f.manager().CheckoutDir(), filepath.FromSlash(path), filepath.FromSlash(file.Path)))
		if err != nil {
			f.t.Fatal(err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != file.Sha {
			f.t.Errorf("%s: other content in the checkout", file.Path)
		}
	}
	return u.Stats()
}

func TestSyncToEmbeddedManager(t *testing.T) {
	f := newFarm(t, manager.Faults{ShardRace: true, FalseStored: true})
	tr := newTree(t, 150, 1)
	first := f.sync(tr, uploader.Config{})
	if first.Uploaded != 153 || first.Retried != 0 || first.Deferred != 0 || first.Failed != 0 {
		t.Errorf("first sync: %+v", first)
	}
	for _, file := range tr.files {
		if n := f.proxy.Requests("POST /api/v3/shaman/files/" + file.Sha + "/*"); n != 1 {
			t.Errorf("%s was sent %d times", file.Sha, n)
		}
	}
	again := f.sync(tr, uploader.Config{})
	if again.Stored != 153 || again.Uploads != 0 {
		t.Errorf("second sync: %+v", again)
	}
}

func TestSyncWithFaults(t *testing.T) {
	const (
		upload       = "POST /api/v3/shaman/files/*/*"
		requirements = "POST /api/v3/shaman/checkout/requirements"
		checkout     = "POST /api/v3/shaman/checkout/create"
	)
	var (
		page      = netsim.Fault{Kind: netsim.HTML, Status: 200, RetryAfter: -1}
		dropReply = netsim.Fault{Kind: netsim.DropReply}
		halfReply = netsim.Fault{Kind: netsim.HalfReply, At: 0.5}
		busy      = netsim.Fault{Kind: netsim.Status, Status: 503, RetryAfter: 0}
	)
	tr := newTree(t, 40, 2)
	for name, test := range map[string]struct {
		faults manager.Faults
		rules  []netsim.Rule
	}{
		"latency": {rules: []netsim.Rule{{Fault: netsim.Fault{Kind: netsim.Delay, Wait: 20 * time.Millisecond}}}},
		"stuck":   {faults: manager.Faults{Stuck: []string{tr.files[3].Sha}}},
		"uploads": {rules: []netsim.Rule{
			{Request: upload, Skip: 1, Times: 1, Fault: netsim.Fault{Kind: netsim.ResetBefore}},
			{Request: upload, Skip: 3, Times: 1, Fault: dropReply},
			{Request: upload, Skip: 5, Times: 2, Fault: netsim.Fault{Kind: netsim.ResetDuring, At: 0.1}},
			{Request: upload, Skip: 8, Times: 1, Fault: halfReply},
			{Request: upload, Skip: 10, Times: 3, Fault: netsim.Answer(500, "")},
			{Request: upload, Skip: 14, Times: 2, Fault: netsim.Answer(425, "")},
			{Request: upload, Skip: 17, Times: 2, Fault: busy},
			{Request: upload, Skip: 20, Times: 1, Fault: netsim.Answer(408, "")},
		}},
		"requirements": {rules: []netsim.Rule{
			{Request: requirements, Times: 1, Fault: dropReply},
			{Request: requirements, Skip: 1, Times: 1, Fault: page},
			{Request: requirements, Skip: 2, Times: 1, Fault: halfReply},
			{Request: requirements, Skip: 3, Times: 1, Fault: netsim.Answer(500, "")},
		}},
		"checkout": {rules: []netsim.Rule{
			{Request: checkout, Times: 1, Fault: dropReply},
			{Request: checkout, Skip: 1, Times: 1, Fault: netsim.Answer(500, "")},
			{Request: checkout, Skip: 2, Times: 1, Fault: page},
			{Request: checkout, Skip: 3, Times: 1, Fault: halfReply},
		}},
		"web pages for answers": {rules: []netsim.Rule{{Request: upload, Skip: 1, Times: 5, Fault: page}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFarm(t, test.faults, test.rules...)
			if s := f.sync(tr, uploader.Config{Deferrals: 2}); s.Failed != 0 || s.Left != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTwoSyncsAtOnce(t *testing.T) {
	f := newFarm(t, manager.Faults{FalseStored: true})
	tr := newTree(t, 80, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if s := f.sync(tr, uploader.Config{}); s.Failed != 0 || s.Left != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
	wg.Wait()
}

func TestManagerRestartsDuringSync(t *testing.T) {
	f := newFarm(t, manager.Faults{}, netsim.Rule{Fault: netsim.Fault{Kind: netsim.Delay, Wait: 2 * time.Millisecond}})
	tr := newTree(t, 120, 4)
	var restart sync.WaitGroup
	restart.Go(func() {
		for f.proxy.Requests("POST /api/v3/shaman/files/*/*") < 50 {
			time.Sleep(time.Millisecond)
		}
		f.stop()
		time.Sleep(300 * time.Millisecond)
		f.start()
	})
	defer restart.Wait()
	if s := f.sync(tr, uploader.Config{}); s.Failed != 0 || s.Retried == 0 {
		t.Errorf("%+v", s)
	}
}

// Files that are not what they were when they were hashed.
func TestFilesThatChange(t *testing.T) {
	f := newFarm(t, manager.Faults{})
	for name, change := range map[string]func(path string) error{
		"shrinks":     func(path string) error { return os.Truncate(path, 1000) },
		"is replaced": func(path string) error { return os.WriteFile(path, make([]byte, 12<<20), 0o644) },
		"is emptied":  func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t, 0, 5)
			u, err := uploader.New(t.Context(), f.client(), uploader.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range tr.files {
				if file.Size < 1000 {
					continue
				}
				path := filepath.Join(tr.dir, filepath.FromSlash(file.Path))
				b := tr.blob(file)
				b.SHA256 = hashOf(t, path)
				if err := change(path); err != nil {
					t.Fatal(err)
				}
				if err := u.Ensure(t.Context(), b).Wait(t.Context()); !errors.Is(err, uploader.ErrChanged) {
					t.Errorf("%s: got %v, want ErrChanged", file.Path, err)
				}
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				b.SHA256, b.Size = hashOf(t, path), info.Size()
				if err := u.Ensure(t.Context(), b).Wait(t.Context()); err != nil {
					t.Errorf("%s, hashed again: %v", file.Path, err)
				}
			}
			if err := u.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("vanishes", func(t *testing.T) {
		tr := newTree(t, 0, 6)
		u, err := uploader.New(t.Context(), f.client(), uploader.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(tr.dir); err != nil {
			t.Fatal(err)
		}
		file := tr.files[len(tr.files)-1]
		file.Sha = hex.EncodeToString(make([]byte, 32))
		err = u.Ensure(t.Context(), tr.blob(file)).Wait(t.Context())
		var blobError *uploader.BlobError
		if !errors.Is(err, os.ErrNotExist) || !errors.As(err, &blobError) || blobError.Name != file.Path {
			t.Errorf("got %v", err)
		}
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
}

func hashOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
