package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/uploader"
)

// newPool opens a pool in a new folder.
func newPool(t *testing.T) *pool {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "storage")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := openPool(t.Context(), "http://manager", dir, false, &meter{}, func(api.ShamanFileSpec) (uploader.Blob, error) {
		return uploader.Blob{}, errors.New("cannot be read again")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close(false) })
	return p
}

// store puts contents into the pool, each under a path.
func (p *pool) store(ctx context.Context, contents map[string]string) (files []api.ShamanFileSpec, err error) {
	for path, content := range contents {
		sum := sha256.Sum256([]byte(content))
		spec := api.ShamanFileSpec{Path: path, Sha: hex.EncodeToString(sum[:]), Size: int64(len(content))}
		files = append(files, spec)
		err = errors.Join(err, p.put(ctx, uploader.Blob{SHA256: spec.Sha, Size: spec.Size, Name: path,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
		}).Wait(ctx))
	}
	return files, err
}

func (p *pool) folderOf(t *testing.T, files []api.ShamanFileSpec) (string, error) {
	t.Helper()
	folder, err := p.checkOut(t.Context(), "sq/sh010", files, func(string) error { return nil })
	return p.at(folder), err
}

// TestPoolFolders makes folders with hard links, with copies where the file system has none, and with a copy
// of one content that has as many links as it can have.
func TestPoolFolders(t *testing.T) {
	contents := map[string]string{"shots/a.blend": "a", "shots/deep/b.bin": "b", "c.bin": "c"}
	for name, link := range map[string]func(attempt int, from, to string) error{
		"links": func(_ int, from, to string) error { return os.Link(from, to) },
		"no links": func(_ int, from, to string) error {
			return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM}
		},
		"many links": func(n int, from, to string) error {
			if n == 2 {
				return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.New("too many links")}
			}
			return os.Link(from, to)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t)
			var attempts atomic.Int64
			p.hardLink = func(from, to string) error { return link(int(attempts.Add(1)), from, to) }
			files, err := p.store(t.Context(), contents)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				folder, err := p.folderOf(t, files)
				if err != nil {
					t.Fatal(err)
				}
				for path, want := range contents {
					file := filepath.Join(folder, filepath.FromSlash(path))
					got, err := os.ReadFile(file)
					if info, serr := os.Stat(file); err != nil || string(got) != want || serr != nil || info.Mode().Perm()&0o222 != 0 {
						t.Errorf("%s: %q, error %v, mode of %v", path, got, errors.Join(err, serr), info)
					}
				}
			}
			if want := map[string]int64{"links": 6, "no links": 3, "many links": 6}[name]; attempts.Load() > want {
				t.Errorf("%d links were tried, want %d at most", attempts.Load(), want)
			}
		})
	}
}

// TestPoolOneNameForTwo: where the file system takes two names for one, that is the job's own error.
func TestPoolOneNameForTwo(t *testing.T) {
	for _, noLinks := range []bool{false, true} {
		p := newPool(t)
		p.noLinks = noLinks
		files, err := p.store(t.Context(), map[string]string{"Tex.png": "one", "other.png": "two"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range files {
			files[i].Path = "tex.png"
		}
		_, err = p.folderOf(t, files)
		if full := new(StorageError); err == nil || errors.As(err, &full) || !strings.Contains(err.Error(), "differs in case") {
			t.Errorf("without links %v: error %v", noLinks, err)
		}
		if left, err := os.ReadDir(p.at(jobsFolder)); err != nil || len(left) != 0 {
			t.Errorf("%d entries are left, error %v", len(left), err)
		}
	}
}

// TestPoolUnmounted: nothing is written to what lies under the mount, and the run ends.
func TestPoolUnmounted(t *testing.T) {
	for name, under := range map[string]string{"empty": "", "with an older pool": jobsFolder} {
		p := newPool(t)
		files, err := p.store(t.Context(), map[string]string{"a.bin": "a"})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Rename(p.dir, p.dir+" away"), os.MkdirAll(p.at(under), 0o755)); err != nil {
			t.Fatal(err)
		}
		var gone *StorageError
		if _, err := p.store(t.Context(), map[string]string{"b.bin": "b"}); !errors.As(err, &gone) {
			t.Errorf("%s: put: error %v", name, err)
		}
		if folder, err := p.folderOf(t, files); !errors.As(err, &gone) {
			t.Errorf("%s: folder %q, error %v", name, folder, err)
		}
		var left []string
		err = filepath.WalkDir(p.dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				left = append(left, path)
			}
			return err
		})
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v was written, error %v", name, left, err)
		}
	}
}

// TestPoolOfTwo: two runs put one content at the same time, and a content outlives the context of its put.
func TestPoolOfTwo(t *testing.T) {
	p := newPool(t)
	content := bytes.Repeat([]byte("x"), 1<<20)
	sum := sha256.Sum256(content)
	spec := api.ShamanFileSpec{Path: "x", Sha: hex.EncodeToString(sum[:]), Size: int64(len(content))}
	ctx, cancel := context.WithCancel(t.Context())
	var sent []pending
	for range 2 {
		other, err := openPool(t.Context(), "http://manager", p.dir, false, &meter{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, other.put(ctx, uploader.Blob{SHA256: spec.Sha, Size: spec.Size, Open: func() (io.ReadCloser, error) {
			<-ctx.Done()
			return io.NopCloser(bytes.NewReader(content)), nil
		}}))
		defer other.close(false)
	}
	cancel()
	for _, s := range sent {
		if err := s.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if folder, err := p.folderOf(t, []api.ShamanFileSpec{spec}); err != nil {
		t.Error(err)
	} else if got, err := os.ReadFile(filepath.Join(folder, "x")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, error %v", len(got), err)
	}
}

// TestPoolSyncedAgain: the same files have the same folder, unless somebody changed it.
func TestPoolSyncedAgain(t *testing.T) {
	p := newPool(t)
	p.folder = syncFolder
	files, err := p.store(t.Context(), map[string]string{"a.bin": "a", "deep/b.bin": "b"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.folderOf(t, files)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := p.folderOf(t, files); err != nil || again != first {
		t.Errorf("again: %s, error %v, want %s", again, err, first)
	}
	if err := os.Remove(filepath.Join(first, "deep", "b.bin")); err != nil {
		t.Fatal(err)
	}
	other, err := p.folderOf(t, files)
	if got, rerr := os.ReadFile(filepath.Join(other, "deep", "b.bin")); err != nil || other == first || rerr != nil || string(got) != "b" {
		t.Errorf("after a change: %s with %q, error %v, %v", other, got, err, rerr)
	}
}

// TestPoolSyncedTogether: runs that sync the same files at once make one folder, also where one was killed
// before.
func TestPoolSyncedTogether(t *testing.T) {
	p := newPool(t)
	p.folder = syncFolder
	files, err := p.store(t.Context(), map[string]string{"a.bin": "a", "deep/b.bin": "b"})
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.folderOf(t, files)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(first), unfinished+filepath.Base(first)) // as an earlier release named it
	if err := errors.Join(os.Rename(first, left), os.Remove(first+listSuffix)); err != nil {
		t.Fatal(err)
	}
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if folder, err := p.folderOf(t, files); err != nil || folder != first {
				t.Errorf("%s, error %v, want %s", folder, err, first)
			}
		})
	}
	together.Wait()
}
