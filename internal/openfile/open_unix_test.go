//go:build unix

package openfile_test

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/flsync/flsync/internal/openfile"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("file"), "contents")
	write(t, at("other"), "secret")
	if err := os.Mkdir(at("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	link(t, "file", at("link"))
	link(t, "link", at("link2"))
	link(t, "pipe", at("pipelink"))
	link(t, "loop", at("loop"))
	link(t, "nowhere", at("broken"))

	file := stat(t, at("file"))
	for name, test := range map[string]struct {
		path string
		want fs.FileInfo
		err  error
	}{
		"a file":                           {path: "file"},
		"the file":                         {path: "file", want: file},
		"another file":                     {path: "other", want: file, err: openfile.ErrReplaced},
		"a link":                           {path: "link", err: openfile.ErrNotRegular},
		"a link to the file":               {path: "link", want: file},
		"a link to a link to it":           {path: "link2", want: file},
		"a link to another file":           {path: "link", want: stat(t, at("other")), err: openfile.ErrReplaced},
		"a link to a pipe":                 {path: "pipelink", want: file, err: openfile.ErrReplaced},
		"a link to the pipe that is meant": {path: "pipelink", want: stat(t, at("pipe")), err: openfile.ErrNotRegular},
		"a broken link":                    {path: "broken", want: file, err: fs.ErrNotExist},
		"a loop":                           {path: "loop", err: openfile.ErrNotRegular},
		"a folder":                         {path: "folder", err: openfile.ErrNotRegular},
		"a pipe":                           {path: "pipe", err: openfile.ErrNotRegular}, // hangs if it is waited for
		"a socket":                         {path: "socket", err: openfile.ErrNotRegular},
		"a device":                         {path: "/dev/zero", err: openfile.ErrNotRegular},
		"nothing":                          {path: "nothing", err: fs.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			path := test.path
			if !filepath.IsAbs(path) {
				path = at(path)
			}
			f, err := openfile.Open(path, test.want)
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("got the error %v, want %v", err, test.err)
			}
			if test.err != nil {
				return
			}
			defer f.Close()
			if text, err := io.ReadAll(f); err != nil || string(text) != "contents" {
				t.Errorf("read %q, %v", text, err)
			}
		})
	}
}

// A link to the same folder's file, by which a name is replaced after it was looked at.
func TestOpenSwapped(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "texture.png")
	write(t, path, "picture")
	write(t, filepath.Join(dir, "key"), "secret")
	seen := stat(t, path)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	link(t, filepath.Join(dir, "key"), path)
	if _, err := openfile.Open(path, seen); !errors.Is(err, openfile.ErrReplaced) {
		t.Errorf("a file that was swapped for a link: got %v, want ErrReplaced", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// A pipe that nobody writes into would be waited for without an end.
func TestNamedPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := openfile.Named(pipe); !errors.Is(err, openfile.ErrNotRegular) {
		t.Errorf("error %v, want ErrNotRegular", err)
	}
}
