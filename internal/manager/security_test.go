package manager_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// TestWebPagesAreKeptOut: what a browser sends for a page of somebody else's is refused; programs notice
// nothing.
func TestWebPagesAreKeptOut(t *testing.T) {
	s := newServer(t, func(c *manager.Config) { c.AllowedHosts = []string{"farm.example"} })
	own := strings.TrimPrefix(s.url, "http://")
	for _, test := range []struct {
		name    string
		method  string
		headers []string
		allowed bool
	}{
		{"a program", http.MethodPost, nil, true},
		{"localhost", http.MethodGet, []string{"Host: localhost:1234"}, true},
		{"IPv6", http.MethodGet, []string{"Host: [::1]:1234"}, true},
		{"an allowed name", http.MethodGet, []string{"Host: Farm.Example"}, true},
		{"a name of somebody's that points here", http.MethodGet, []string{"Host: evil.example"}, false},
		{"the same with a port", http.MethodPost, []string{"Host: evil.example:8080"}, false},
		{"a page of the Manager's", http.MethodPost, []string{"Origin: http://" + own}, true},
		{"a page of somebody's", http.MethodPost, []string{"Origin: http://evil.example"}, false},
		{"a page on another port", http.MethodPost, []string{"Origin: http://127.0.0.1:1"}, false},
		{"a sandboxed page", http.MethodPost, []string{"Origin: null"}, false},
		{"a page of somebody's, as the browser says", http.MethodPost, []string{"Sec-Fetch-Site: cross-site"}, false},
		{"a deletion by a page", http.MethodDelete, []string{"Sec-Fetch-Site: same-site", "Origin: http://evil.example"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := "/jobs/check"
			if test.method == http.MethodGet {
				path = "/version"
			}
			reply := s.call(test.method, path, echoJob("n"), test.headers...)
			if refused := reply.status == http.StatusForbidden; refused == test.allowed {
				t.Errorf("%d %s", reply.status, reply.body)
			}
		})
	}
}

// TestCheckoutsAreNotLeft: neither files nor whole checkouts get out of their folder.
func TestCheckoutsAreNotLeft(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	s.store(b)
	for _, path := range []string{
		"../evil", "a/../../evil", "..", "/etc/evil", `..\evil`, `a\..\..\evil`, `\evil`, "C:/evil", `c:\evil`, "a/b/..", "nul\x00byte",
	} {
		reply := s.checkout("shot", b.spec(path))
		if reply.status != http.StatusBadRequest || !strings.Contains(reply.message(), "is not inside the checkout") {
			t.Errorf("%q: %d %s", path, reply.status, reply.message())
		}
	}
	for _, path := range []string{".", "..", "./", "a/.."} {
		reply := s.checkout(path, newBlob("missing").spec("f")) // which erases what was asked for
		if reply.status != http.StatusInternalServerError || !strings.Contains(reply.message(), "invalid checkout path") {
			t.Errorf("checkout %q: %d %s", path, reply.status, reply.message())
		}
	}
	found := ""
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if strings.Contains(d.Name(), "evil") || d.Name() == "shot" {
			found = path
		}
		return err
	})
	if err != nil || found != "" {
		t.Errorf("found %q, %v", found, err)
	}
	s.checkout("fine", b.spec("./a//b/..c/d.."), b.spec("..."), b.spec("a b")).checkoutPath(t)
}

// TestDeletingAJobStaysInside: a job that names somebody else's folder as its checkout takes nothing with it.
func TestDeletingAJobStaysInside(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	s.store(b)
	outside := filepath.Join(s.dir, "storage", "precious")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, checkout := range []string{"../precious", "..", ".", "/" + outside, "a/../../precious"} {
		job := echoJob(checkout)
		job.Storage = &api.JobStorageInfo{ShamanCheckoutID: checkout}
		stored := s.submit(job)
		want(t, s.call(http.MethodDelete, "/jobs/"+stored.ID, nil), http.StatusNoContent, "")
	}
	eventually(t, "all are deleted", func() bool { return len(s.jobs()) == 0 })
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
	if got := s.upload(b); got.status != http.StatusAlreadyReported {
		t.Errorf("the stored file is gone: %d", got.status)
	}
}

func TestBodiesAreLimited(t *testing.T) {
	s := newServer(t, func(c *manager.Config) { c.MaxBody = 1000 })
	job := echoJob(strings.Repeat("n", 2000))
	want(t, s.call(http.MethodPost, "/jobs", job), http.StatusRequestEntityTooLarge, "request body is larger than 1000 bytes")
	want(t, s.checkout("c", newBlob("a").spec(strings.Repeat("p", 2000))), http.StatusRequestEntityTooLarge, "")
}

func TestJobsAreLimited(t *testing.T) {
	s, job := newServer(t), echoJob("huge")
	job.Type = "simple-blender-render"
	job.Settings = api.JobSettings{"render_output_path": "/r/######", "frames": "1-999999999", "chunk_size": 1}
	reply := s.call(http.MethodPost, "/jobs/check", job)
	if reply.status != http.StatusBadRequest || !strings.Contains(reply.message(), "more than 1000000 frames") {
		t.Errorf("%d %s", reply.status, reply.message())
	}
}

func TestUploadsAreLimitedToWhatTheyAnnounce(t *testing.T) {
	s, b := newServer(t), newBlob("a")
	reply, err := s.send(http.MethodPost, b.path(), strings.NewReader(strings.Repeat("a", 5<<20)))
	if err != nil {
		t.Fatal(err)
	}
	want(t, reply, http.StatusExpectationFailed, "file size mismatched, declared 1 but received 5242880 bytes")
	s.wantNoLeftovers()
}

// TestJobFilesServeOnlyLogsAndImages: nothing else below or beside the folder.
func TestJobFilesServeOnlyLogsAndImages(t *testing.T) {
	s := newServer(t)
	for path, data := range map[string]string{"local/secret": "s", "local/a.txt": "log", "outside.txt": "s"} {
		if err := os.WriteFile(filepath.Join(s.dir, path), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(s.dir, "outside.txt"), filepath.Join(s.dir, "local", "link.txt")); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	for path, status := range map[string]int{
		"a.txt": 200, "secret": 404, "": 404, ".": 404, "link.txt": 404, "../outside.txt": 404, "%2e%2e/outside.txt": 404,
		"..%2foutside.txt": 404, "/a.txt": 404,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost/job-files/"+path, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%q: %d %s, want %d", path, w.Code, w.Body, status)
		}
	}
}

// TestOnlyTrustedBlenderIsRun: no other account of the machine can have a program of its own run.
func TestOnlyTrustedBlenderIsRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	s := newServer(t)
	for name, test := range map[string]struct {
		file       string
		folder     os.FileMode
		mode       os.FileMode
		owner      int
		want       string
		link       bool
		needsOwner bool
	}{
		"own":                     {file: "blender", folder: 0o755, mode: 0o755, want: "Found Blender 9.9"},
		"another name":            {file: "script", folder: 0o755, mode: 0o755, want: "not a Blender executable"},
		"writable by others":      {file: "blender", folder: 0o755, mode: 0o757, want: "other accounts can write to"},
		"writable by the group":   {file: "blender", folder: 0o755, mode: 0o775, want: "other accounts can write to"},
		"in an open folder":       {file: "blender", folder: 0o777, mode: 0o755, want: "other accounts can write to"},
		"link to an open folder":  {file: "blender", folder: 0o777, mode: 0o755, want: "other accounts can write to", link: true},
		"owned by somebody else":  {file: "blender", folder: 0o755, mode: 0o755, owner: 65534, want: "belongs to another account", needsOwner: true},
		"in a folder with sticky": {file: "blender", folder: 0o777 | os.ModeSticky, mode: 0o755, want: "Found Blender 9.9"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.needsOwner && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			dir := t.TempDir()
			path, ran := filepath.Join(dir, "bin", test.file), filepath.Join(dir, "ran")
			err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700),
				os.WriteFile(path, []byte("#!/bin/sh\necho Blender 9.9\ntouch "+ran+"\n"), 0o700),
				os.Chmod(path, test.mode), os.Chmod(filepath.Dir(path), test.folder))
			if test.needsOwner {
				err = errors.Join(err, os.Chown(path, test.owner, test.owner))
			}
			if test.link {
				err = errors.Join(err, os.Symlink(path, filepath.Join(dir, "blender")))
				path = filepath.Join(dir, "blender")
			}
			if err != nil {
				t.Fatal(err)
			}
			var got api.BlenderPathCheckResult
			s.decode(s.call(http.MethodPost, "/configuration/check/blender", api.PathCheckInput{Path: path}), &got)
			usable := strings.HasPrefix(test.want, "Found")
			if got.IsUsable != usable || !strings.Contains(got.Cause, test.want) {
				t.Errorf("%+v, want %s", got, test.want)
			}
			if _, err := os.Stat(ran); (err == nil) != usable {
				t.Errorf("it was run: %v", err == nil)
			}
		})
	}
	var got api.BlenderPathCheckResult
	s.decode(s.call(http.MethodPost, "/configuration/check/blender", api.PathCheckInput{Path: "bin/blender"}), &got)
	if got.IsUsable {
		t.Errorf("%+v", got)
	}
}

// TestPrivateFoldersStayPrivate: checking a storage path reveals nothing that other accounts could not see
// themselves.
func TestPrivateFoldersStayPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	s, dir := newServer(t), t.TempDir()
	private, open := filepath.Join(dir, "private"), filepath.Join(dir, "open")
	err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.MkdirAll(filepath.Join(private, "inner"), 0o755), os.Chmod(private, 0o750), os.Mkdir(open, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	const refused = "Only an absolute path is checked"
	for path, want := range map[string]string{
		open: "Directory checked successfully", private: refused, private + "/inner": refused, private + "/nothing": refused,
		open + "/../private/inner": refused, open + "/nothing": "This path does not exist", "relative": refused,
	} {
		var got api.PathCheckResult
		s.decode(s.call(http.MethodPost, "/configuration/check/shared-storage", api.PathCheckInput{Path: path}), &got)
		if !strings.HasPrefix(got.Cause, want) {
			t.Errorf("%s: %s, want %s", path, got.Cause, want)
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such modes")
	}
	dir := filepath.Join(t.TempDir(), "new")
	s := newServer(t, func(c *manager.Config) { c.Dir = dir })
	for path, mode := range map[string]fs.FileMode{"": 0o700, "manager.db": 0o600, "flamenco-manager.yaml": 0o600, "local": 0o700} {
		info, err := os.Stat(filepath.Join(s.dir, path))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", path, info.Mode().Perm(), err)
		}
	}
}
