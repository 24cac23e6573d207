//go:build linux || darwin

package hashcache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/lab/long"
)

// Some tests need a program of their own: to share a cache, to be killed, to be another user, to be out of
// disk space. They start this test binary again with a part to play.
const roleVariable = "FLSYNC_HASHCACHE_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := play(context.Background(), role, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program returns this program in the given role. Its output is a JSON object of type outcome.
func program(t *testing.T, role string, args ...string) *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

type outcome struct {
	Sources  map[string]int
	Warnings []string
	Slowest  time.Duration // of the lookups
}

func play(ctx context.Context, role string, args []string) error {
	var (
		w   warnings
		out = outcome{Sources: make(map[string]int)}
	)
	cfg := Config{Warn: w.add, Now: later, batchAge: 20 * time.Millisecond}
	db, tree := args[0], args[1]
	if role == "small disk" {
		limit, _ := strconv.ParseUint(args[2], 10, 64)
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			return err
		}
	}
	cache, err := Open(db, cfg)
	if err != nil {
		return err
	}
	facts := cache.Facts("test")
	files, err := os.ReadDir(tree)
	if err != nil {
		return err
	}
	rand.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for round := 0; ; round++ {
		for _, entry := range files {
			path := filepath.Join(tree, entry.Name())
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			start := time.Now()
			sum, known := cache.Lookup(path, info)
			out.Slowest = max(out.Slowest, time.Since(start))
			if !known {
				if sum, err = cache.Sum(ctx, path, info); err != nil {
					return err
				}
			}
			// Each file holds its own name, so that a wrong digest shows.
			if want := sha256.Sum256([]byte(entry.Name())); sum.SHA256 != want {
				return fmt.Errorf("%s: wrong digest", path)
			}
			out.Sources[sum.Source.String()]++
			key := fmt.Appendf(nil, "%d/%s", round, entry.Name())
			facts.Put(key, bytes.Repeat(key, 10))
			if got, ok := facts.Get(key); !ok || !bytes.Equal(got, bytes.Repeat(key, 10)) {
				return fmt.Errorf("fact %s: %q", key, got)
			}
		}
		if role != "until killed" {
			break
		}
	}
	if err := cache.Close(); err != nil {
		return err
	}
	for _, x := range w.list {
		out.Warnings = append(out.Warnings, x.Code)
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func makeTree(t *testing.T, n int) string {
	tree := t.TempDir()
	for i := range n {
		name := fmt.Sprintf("file%04d", i)
		write(t, filepath.Join(tree, name), []byte(name))
	}
	return tree
}

func parse(t *testing.T, output []byte, err error) outcome {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%v: %s%s", err, output, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var out outcome
	if err := json.Unmarshal(output, &out); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return out
}

func TestSeveralPrograms(t *testing.T) {
	const files, programs = 400, 4
	tree, db := makeTree(t, files), filepath.Join(t.TempDir(), "c.db")
	outcomes := make(chan outcome, programs)
	for range programs {
		cmd := program(t, "once", db, tree)
		go func() {
			output, err := cmd.Output()
			outcomes <- parse(t, output, err)
		}()
	}
	for range programs {
		out := <-outcomes
		t.Logf("%+v", out)
		if out.Slowest > 10*time.Second { // what a stuck lock costs, not what a loaded machine does
			t.Errorf("a lookup took %v", out.Slowest)
		}
		if slices.Contains(out.Warnings, "cache-damaged") || slices.Contains(out.Warnings, "cache-unread") {
			t.Error(out.Warnings)
		}
	}
	output, err := program(t, "once", db, tree).Output()
	out := parse(t, output, err)
	if out.Sources["cached"] < files*9/10 { // a program that could not write its last batch in time may drop it
		t.Errorf("afterwards: %+v", out)
	}
}

func TestKilledAnywhere(t *testing.T) {
	const files = 200
	kills := 15
	if testing.Short() {
		kills = 5
	}
	if long.Wanted() {
		kills = 300
	}
	seed := uint64(time.Now().UnixNano())
	if given, err := strconv.ParseUint(os.Getenv("FLSYNC_KILL_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("FLSYNC_KILL_SEED=%d kills at the same times again", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	tree, db := makeTree(t, files), filepath.Join(t.TempDir(), "c.db")
	for range kills {
		cmd := program(t, "until killed", db, tree)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(120 * time.Millisecond))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if stderr.Len() > 0 {
			t.Fatal(stderr.String())
		}
		var w warnings
		cache := open(t, db, Config{Warn: w.add})
		if _, err := cache.Verify(t.Context(), true, func(path string, v Verdict) {
			if v != Good {
				t.Errorf("%s: %s", path, v)
			}
		}); err != nil {
			t.Fatal(err)
		}
		_ = cache.Close()
		w.none(t)
	}
}

func TestFullDisk(t *testing.T) {
	tree := makeTree(t, 300)
	for _, limit := range []int{0, 1000, 10_000, 40_000, 100_000} {
		t.Run(strconv.Itoa(limit), func(t *testing.T) {
			if limit != 1000 && limit != 40_000 {
				long.Test(t)
			}
			db := filepath.Join(t.TempDir(), "c.db")
			output, err := program(t, "small disk", db, tree, strconv.Itoa(limit)).Output()
			out := parse(t, output, err)
			if !slices.Equal(out.Warnings, []string{"cache-unsaved"}) || out.Sources["hashed"] != 300 {
				t.Errorf("%+v", out)
			}
			// With room again, what was left is no obstacle.
			for _, want := range []string{"", "cached"} {
				output, err = program(t, "once", db, tree).Output()
				out = parse(t, output, err)
				if want != "" && out.Sources[want] != 300 || slices.Contains(out.Warnings, "cache-unsaved") {
					t.Errorf("with room again: %+v", out)
				}
			}
		})
	}
}

// A folder in which nothing can be written, as another user sees it.
func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	base, err := os.MkdirTemp("/tmp", "flsync")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	dir, tree := filepath.Join(base, "cache"), filepath.Join(base, "tree")
	db := filepath.Join(dir, "c.db")
	for i := range 50 {
		name := fmt.Sprintf("file%d", i)
		write(t, filepath.Join(tree, name), []byte(name))
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(base, "program"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, db, Config{}).Close()
	share := func(dir string, mode fs.FileMode) {
		entries, err := os.ReadDir(dir)
		if err := errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := os.Chmod(filepath.Join(dir, e.Name()), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	share(base, 0o755)
	share(tree, 0o644)
	asNobody := func() outcome {
		cmd := program(t, "once", db, tree)
		cmd.Path = filepath.Join(base, "program")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		output, err := cmd.Output()
		return parse(t, output, err)
	}
	share(dir, 0o644)
	out := asNobody()
	if !slices.Equal(out.Warnings, []string{"cache-unsaved"}) || out.Sources["hashed"] != 50 {
		t.Errorf("no cache yet: %+v", out)
	}
	output, err := program(t, "once", db, tree).Output()
	parse(t, output, err)
	share(dir, 0o644)
	out = asNobody()
	if !slices.Equal(out.Warnings, []string{"cache-unsaved"}) || out.Sources["cached"] != 50 {
		t.Errorf("a cache that can be read: %+v", out)
	}
	share(dir, 0o600)
	out = asNobody()
	if !slices.Equal(out.Warnings, []string{"cache-unread", "cache-unsaved"}) || out.Sources["hashed"] != 50 {
		t.Errorf("a cache of somebody else: %+v", out)
	}
}

// A pipe in the place of a file must not be waited for.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, []byte("abc"))
	info := stat(t, path)
	if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	cache := open(t, filepath.Join(dir, "c.db"), Config{})
	if _, err := cache.Sum(t.Context(), path, info); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got %v", err)
	}
}
