//go:build unix

package walk

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/gate"
)

func TestSpecialFiles(t *testing.T) {
	root := plant(t, t.TempDir(), "a", "sub/")
	if err := syscall.Mkfifo(filepath.Join(root, "sub/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, gate.IgnoreFile), 0o600); err != nil { // must not be waited for
		t.Fatal(err)
	}
	t.Chdir(root) // a socket's path must be short
	socket, err := net.Listen("unix", "sock")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	link(t, root, "null", os.DevNull)
	link(t, root, "to-pipe", "sub/pipe")
	if err := os.Link("a", "hard"); err != nil {
		t.Fatal(err)
	}
	got, w := walk(t, Options{Root: root})
	if diff := cmp.Diff([]string{"a", "hard"}, got); diff != "" {
		t.Error(diff)
	}
	w.want(t, "special-file sub/pipe", "special-file "+gate.IgnoreFile, "special-file sock", "link-outside null", "special-file to-pipe")

	err = Walk(t.Context(), Options{Root: filepath.Join(root, "sub/pipe")}, func(File) error { return nil })
	var one *Error
	if !errors.As(err, &one) || one.Code != CodeSpecial {
		t.Errorf("a pipe as root: %v", err)
	}
}

// deepen makes folders below path until their path is longer than n, and a file in each of them, and returns
// the paths of the files. Some of them are longer than the system takes at once, so each folder is opened
// from the last one.
func deepen(t *testing.T, path string, n int) (files []string) {
	t.Helper()
	at, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(path) <= n {
		name := strings.Repeat("d", 200)
		if left := maxPath() - len(path) - len("/") - len("/f"); 0 < left && left <= 255 {
			name = strings.Repeat("d", left) // so that a file's path has just the greatest length
		}
		err := at.Mkdir(name, 0o700)
		var below *os.Root
		if err == nil {
			below, err = at.OpenRoot(name)
		}
		if err == nil {
			err = below.WriteFile("f", nil, 0o600)
		}
		if err != nil {
			t.Skip("the system has no such paths:", err)
		}
		at.Close()
		at, path = below, path+"/"+name
		files = append(files, path+"/f")
	}
	at.Close()
	return files
}

func TestLongPaths(t *testing.T) {
	if maxPath() == 0 {
		t.Skip("there is no limit")
	}
	root := t.TempDir()
	files := deepen(t, root, 5000)
	var w warnings
	got, err := collect(t, Options{Root: root}, &w)
	longest := 0
	for _, rel := range got {
		path := filepath.Join(root, rel)
		longest = max(longest, len(path))
		if !slices.Contains(files, path) {
			t.Errorf("a path of %d bytes that does not exist", len(path))
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a file was listed that cannot be opened: %d bytes", len(path))
		}
	}
	if longest != maxPath() {
		t.Errorf("the longest of %d paths has only %d bytes", len(got), longest)
	}
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || incomplete.Errors[0].Code != CodePathTooLong {
		t.Error("no error says that paths were too long")
	}
	if len(w.list) == 0 || !strings.HasPrefix(w.list[0], CodePathTooLong+" ") {
		t.Error("no warning says that paths were too long")
	}
}

const childVariable = "FLSYNC_WALK_TEST_ROOT"

func TestMain(m *testing.M) {
	root := os.Getenv(childVariable)
	if root == "" {
		os.Exit(m.Run())
	}
	// As another user, for TestUnreadable.
	w := warnings{root: root}
	files := []string{}
	err := Walk(context.Background(), Options{Root: root, Warn: w.add}, func(f File) error {
		files = append(files, f.Rel)
		return nil
	})
	var codes []string
	if incomplete := (*IncompleteError)(nil); errors.As(err, &incomplete) {
		for _, e := range incomplete.Errors {
			codes = append(codes, e.Code)
		}
	} else if one := (*Error)(nil); errors.As(err, &one) {
		codes = append(codes, "root "+one.Code)
	}
	_ = json.NewEncoder(os.Stdout).Encode([][]string{files, w.list, codes})
	os.Exit(0)
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	base, err := os.MkdirTemp("/tmp", "flsync")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	root := plant(t, filepath.Join(base, "tree"), "a", "closed/b", "open/c", "names/d", "rules/e", "rules/"+gate.IgnoreFile)
	link(t, root, "link", "closed/b")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(base, "program"), program, 0o755), os.Chmod(base, 0o755), os.Chmod(root, 0o755),
		os.Chmod(filepath.Join(root, "open"), 0o755), os.Chmod(filepath.Join(root, "rules"), 0o755),
		os.Chmod(filepath.Join(root, "names"), 0o744)) // can be read, but its files cannot be looked at
	if err != nil {
		t.Fatal(err)
	}
	asNobody := func() (files, warned, codes []string) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(base, "program"))
		cmd.Env = append(os.Environ(), childVariable+"="+root)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		output, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		if err := json.Unmarshal(output, &got); err != nil {
			t.Fatal(err)
		}
		return sorted(got[0]), sorted(got[1]), sorted(got[2])
	}
	files, warned, codes := asNobody()
	if diff := cmp.Diff([]string{"a", "open/c"}, files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"unreadable closed", "unreadable link", "unreadable names", "unreadable rules"}, warned); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"unreadable", "unreadable", "unreadable", "unreadable"}, codes); diff != "" {
		t.Error(diff)
	}
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, codes = asNobody(); len(codes) != 1 || codes[0] != "root unreadable" && codes[0] != "unreadable" {
		t.Errorf("a root that cannot be read: %q", codes)
	}
}

// A tree in which somebody works while it is walked.
func TestTreeThatChanges(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a", "b", "c", "d"} {
		for _, name := range []string{"1", "2", "3", "x/1", "x/2"} {
			plant(t, root, dir+"/"+name)
		}
	}
	for range 20 {
		var w warnings
		w.root = root
		first := true
		err := Walk(t.Context(), Options{Root: root, Workers: 1, Warn: w.add}, func(f File) error {
			if !first {
				return nil
			}
			first = false
			// What is listed last is changed while the first is handed over.
			dirs, err := os.ReadDir(root)
			for _, d := range dirs {
				if !strings.HasPrefix(f.Rel, d.Name()) {
					err = errors.Join(err, os.RemoveAll(filepath.Join(root, d.Name())))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range w.list {
			if !strings.HasPrefix(line, "vanished ") {
				t.Errorf("warning %q", line)
			}
		}
		for _, dir := range []string{"a", "b", "c", "d"} {
			plant(t, root, dir+"/1", dir+"/2", dir+"/x/1")
		}
	}
	err := Walk(t.Context(), Options{Root: root}, func(File) error { return os.RemoveAll(root) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root vanished: %v", err)
	}
}
