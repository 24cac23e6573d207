package pipeline

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// tree makes files in a new folder of the night, and returns its path. A content of "-> x" is a link to x.
func (n *night) tree(files map[string]string) string {
	n.t.Helper()
	dir := filepath.Join(n.dir, "tree")
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			n.t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(content), 0o600)
		}
		if err != nil {
			n.t.Fatal(err)
		}
	}
	return dir
}

// checkedOut lists the files of the only checkout.
func (n *night) checkedOut(c report.Checkout) (files []string) {
	n.t.Helper()
	root := filepath.Join(n.manager.CheckoutDir(), filepath.FromSlash(c.Path))
	if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, below(root, path))
		}
		return err
	}); err != nil {
		n.t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func TestSync(t *testing.T) {
	content := map[string]string{"a/one.png": "1", "a/two.png": "2", "b/three.png": "3", "b/four.txt": "4"}
	for _, tt := range []struct {
		name string
		opt  SyncOptions
		dry  bool
		want []string // in the checkout; nil: there is none
		sent int64
	}{
		{"a folder", SyncOptions{Paths: []string{""}}, false, []string{"a/one.png", "a/two.png", "b/four.txt", "b/three.png"}, 4},
		{"a file", SyncOptions{Paths: []string{"a/one.png"}}, false, []string{"one.png"}, 1},
		{"two folders", SyncOptions{Paths: []string{"b", "a"}}, false, []string{"a/one.png", "a/two.png", "b/four.txt", "b/three.png"}, 4},
		{"a folder and a file in another", SyncOptions{Paths: []string{"a", "b/four.txt"}}, false, []string{"a/one.png", "a/two.png", "b/four.txt"}, 3},
		{"without some", SyncOptions{Paths: []string{""}, Exclude: []string{"*.png"}}, false, []string{"b/four.txt"}, 1},
		{"no checkout", SyncOptions{Paths: []string{""}, NoCheckout: true}, false, nil, 4},
		{"dry run", SyncOptions{Paths: []string{""}}, true, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			dir := n.tree(content)
			opt := tt.opt
			for i := range opt.Paths {
				opt.Paths[i] = filepath.Join(dir, filepath.FromSlash(opt.Paths[i]))
			}
			env := n.env(&jobSink{})
			env.DryRun = tt.dry
			env.HashWorkers = 1
			env.Folder = func(checkout string) string { return filepath.Join("farm", checkout) }
			summary, err := Sync(t.Context(), env, opt)
			if err != nil {
				t.Fatal(err)
			}
			if summary.Store.Uploaded != tt.sent {
				t.Errorf("%d files were sent, want %d", summary.Store.Uploaded, tt.sent)
			}
			if len(summary.Checkouts) == 0 {
				n.want("checkout", nil, tt.want)
				return
			}
			n.want("checkout", n.checkedOut(summary.Checkouts[0]), tt.want)
			if got, want := summary.Checkouts[0].Folder, filepath.Join("farm", summary.Checkouts[0].Path); got != want {
				t.Errorf("folder %q, want %q", got, want)
			}
		})
	}
}

// TestSyncDirect: the storage's path may be that of the folder of checkouts, as the Manager has it, or of the
// storage.
func TestSyncDirect(t *testing.T) {
	for _, path := range []string{"", "storage/jobs", "storage"} {
		t.Run(path, func(t *testing.T) {
			n := newNight(t)
			env := n.env(&jobSink{})
			env.Storage.Direct = DirectOn
			if path != "" {
				env.Storage.Path = filepath.Join(n.dir, "manager", filepath.FromSlash(path))
			}
			summary, err := Sync(t.Context(), env, SyncOptions{Paths: []string{n.tree(map[string]string{"a.png": "1", "b.png": "2"})}})
			if err != nil || summary.Store.Direct != 2 {
				t.Errorf("%d files went straight into the store, want 2; error %v", summary.Store.Direct, err)
			}
		})
	}
}

// TestSyncCopyAgain syncs a tree by copy. Later syncs have the same folder, without a look at the pool,
// unless somebody changed the folder or the tree.
func TestSyncCopyAgain(t *testing.T) {
	n := newNight(t)
	n.withoutShaman()
	dir := n.tree(map[string]string{"a/one.png": "1", "a/same.png": "1", "b/two.png": "2"})
	time.Sleep(50 * time.Millisecond) // entries of younger files are not trusted
	var last string
	at := func(below ...string) string { return filepath.Join(n.manager.StorageDir(), filepath.Join(below...)) }
	for _, step := range []struct {
		name   string
		change func() error
		sent   int64
		same   bool
		two    string // content of b/two.png
	}{
		{"first", func() error { return nil }, 2, false, "2"},
		{"again", func() error { return nil }, 0, true, "2"},
		{"without the pool", func() error { return os.RemoveAll(at("flsync", "pool", "d4")) }, 0, true, "2"},
		{"a file removed", func() error { return os.Remove(at(last, "b", "two.png")) }, 1, false, "2"},
		{"after a change", func() error { return nil }, 0, true, "2"}, // the changed folder keeps its name
		{"a file of another size", func() error {
			return errors.Join(os.RemoveAll(at(last, "b", "two.png")), os.WriteFile(at(last, "b", "two.png"), []byte("no"), 0o444))
		}, 0, false, "2"},
		{"a folder for a file", func() error {
			return errors.Join(os.RemoveAll(at(last, "b", "two.png")), os.Mkdir(at(last, "b", "two.png"), 0o777))
		}, 0, false, "2"},
		{"a changed tree", func() error { return os.WriteFile(filepath.Join(dir, "b", "two.png"), []byte("new"), 0o600) }, 1, false, "new"},
	} {
		if err := step.change(); err != nil {
			t.Fatal(step.name, err)
		}
		summary, err := Sync(t.Context(), n.env(&jobSink{}), SyncOptions{Paths: []string{dir}})
		if err != nil || len(summary.Checkouts) != 1 {
			t.Fatalf("%s: %+v, error %v", step.name, summary, err)
		}
		folder := summary.Checkouts[0].Path
		if s := summary.Store; s.Unique != 2 || s.Uploaded != step.sent || s.AlreadyStored != 2-step.sent || (folder == last) != step.same {
			t.Errorf("%s: %+v in %s after %s, want %d sent", step.name, s, folder, last, step.sent)
		}
		for path, want := range map[string]string{"a/one.png": "1", "a/same.png": "1", "b/two.png": step.two} {
			if got, err := os.ReadFile(at(folder, filepath.FromSlash(path))); err != nil || string(got) != want {
				t.Errorf("%s: %s has %q, error %v", step.name, path, got, err)
			}
		}
		last = folder
	}
}

// TestSyncFailures: what cannot be sent is reported, and the rest is sent.
func TestSyncFailures(t *testing.T) {
	refused := func(size int64) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			refuse := strings.HasPrefix(r.URL.Path, "/api/v3/shaman/files/") && r.Method == http.MethodPost && r.ContentLength == size
			if refuse {
				http.Error(w, `{"code":400,"message":"no"}`, http.StatusBadRequest)
			}
			return refuse
		}
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		first func(http.ResponseWriter, *http.Request) bool
		want  error
		code  string
	}{
		{"nothing there", map[string]string{"a": "-> nowhere"}, nil, ErrNothing, "link-broken"},
		{"one is refused", map[string]string{"a": "1", "b": "22"}, refused(2), ErrPartial, "file"},
		{"all are refused", map[string]string{"a": "22", "b": "2_"}, refused(2), ErrNoneDone, "file"},
		{"a broken link", map[string]string{"a": "1", "b": "-> nowhere"}, nil, nil, "link-broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNight(t)
			dir := n.tree(tt.files)
			if tt.first != nil {
				n.in(tt.first)
			}
			var sink codeSink
			if _, err := Sync(t.Context(), n.env(&sink), SyncOptions{Paths: []string{dir}}); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if tt.code != "" && !slices.Contains(sink.sorted(), tt.code) {
				t.Errorf("codes %v, want %s", sink.codes, tt.code)
			}
		})
	}
}

func TestSyncOfNoPath(t *testing.T) {
	n := newNight(t)
	if _, err := Sync(t.Context(), n.env(&jobSink{}), SyncOptions{}); !errors.Is(err, ErrNothing) {
		t.Errorf("error %v, want ErrNothing", err)
	}
	if _, err := Sync(t.Context(), n.env(&jobSink{}), SyncOptions{Paths: []string{filepath.Join(n.dir, "nowhere")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
}

// A file vanishes after the walk has found it.
func TestFileVanishes(t *testing.T) {
	n := newNight(t)
	dir := n.tree(map[string]string{"a": "1", "b": "2"})
	r, err := openRun(t.Context(), n.env(&codeSink{}), true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.admit(dir); err != nil {
		t.Fatal(err)
	}
	pool := newHashPool(1)
	all := &digests{sender: r.sender, pool: pool, paths: make(map[string]*digestFuture)}
	gone := all.get(t.Context(), filepath.Join(dir, "gone"), true)
	if _, err := gone.wait(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	pool.close()
	if _, err := r.close(nil); err != nil {
		t.Error(err)
	}
}

func TestSyncIsCanceled(t *testing.T) {
	n := newNight(t)
	dir := n.tree(map[string]string{"a": "1", "b": "2"})
	ctx, cancel := context.WithCancel(t.Context())
	n.in(func(http.ResponseWriter, *http.Request) bool { cancel(); return false })
	if _, err := Sync(ctx, n.env(&jobSink{}), SyncOptions{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if _, err := Sync(ctx, n.env(&jobSink{}), SyncOptions{Paths: []string{dir}}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: error %v", err)
	}
}

// A content that is sent only after it was hashed, and one that nobody sends, are released.
func TestContentsAreReleased(t *testing.T) {
	n := newNight(t)
	dir := n.tree(map[string]string{"late": "late", "never": "never"})
	r, err := openRun(t.Context(), n.env(&jobSink{}), true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.admit(dir); err != nil {
		t.Fatal(err)
	}
	pool := newHashPool(2)
	all := &digests{sender: r.sender, pool: pool, paths: make(map[string]*digestFuture)}
	late := &file{source: filepath.Join(dir, "late"), checkoutPath: "late"}
	late.digest = all.get(t.Context(), late.source, false)
	never := all.get(t.Context(), filepath.Join(dir, "never"), false)
	for _, d := range []*digestFuture{late.digest, never} {
		if _, err := d.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if r.sender.kept.Load() == 0 {
		t.Error("no content is kept")
	}
	if again := all.get(t.Context(), late.source, true); again != late.digest {
		t.Error("a path has two digests")
	}
	if err := r.sender.waitStored(t.Context(), late); err != nil {
		t.Error(err)
	}
	pool.close()
	all.dropUnsent()
	if _, err := r.close(nil); err != nil {
		t.Error(err)
	}
	if kept := r.sender.kept.Load(); kept != 0 {
		t.Errorf("%d bytes are kept", kept)
	}
}

func TestReopen(t *testing.T) {
	n := newNight(t)
	dir := n.tree(map[string]string{"a": "1"})
	source := filepath.Join(dir, "a")
	r, err := openRun(t.Context(), n.env(&jobSink{}), true, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.admit(dir); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := r.close(nil); err != nil {
			t.Error(err)
		}
	}()
	info, err := os.Stat(source)
	if err != nil {
		t.Fatal(err)
	}
	f := &file{source: source, checkoutPath: "a", digest: &digestFuture{digestState: digestState{wanted: true}}}
	r.sender.sent = (&digests{paths: map[string]*digestFuture{source: f.digest}}).sent
	if err := r.sender.hash(t.Context(), source, info, f.digest); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sender.reopen(t.Context(), specsOf([]*file{f})[0]); err != nil {
		t.Error(err)
	}
	if _, err := r.sender.reopen(t.Context(), api.ShamanFileSpec{Sha: "xyz"}); err == nil {
		t.Error("a digest that is none was found")
	}
	if _, err := r.sender.reopen(t.Context(), api.ShamanFileSpec{Sha: strings.Repeat("0", 64)}); err == nil {
		t.Error("a digest that nobody sent was found")
	}
	if err := os.WriteFile(source, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sender.reopen(t.Context(), specsOf([]*file{f})[0]); !errors.Is(err, uploader.ErrChanged) {
		t.Errorf("error %v, want ErrChanged", err)
	}
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	if _, err := r.sender.reopen(t.Context(), specsOf([]*file{f})[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	if err := unchanged(source, hashcache.Stamp{}, hashcache.StampAt); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
}
