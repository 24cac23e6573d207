// Package blender_test runs the tests of the Blender add-on and of flsync.py, which are Python's, with the
// program of this tree and the embedded Manager.
package blender_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/lab/long"
)

func TestPython(t *testing.T) {
	long.Test(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "flsync")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	run(t, nil, "go", "build", "-o", program, "../../cmd/flsync")
	addon := filepath.Join(dir, "addon.zip")
	run(t, nil, "go", "run", "./addonzip", "-from", ".", "-o", addon)
	env := append(cleanenv.Environ(dir), "FLSYNC_PICTURES="+os.Getenv("FLSYNC_PICTURES")) // pictures for the documents

	t.Run("module", func(t *testing.T) {
		python := need(t, "python3", "flsync.py is not tested")
		env := append(env, "FLSYNC_PROGRAM="+program, "FLSYNC_MANAGER="+serve(t, program))
		t.Logf("%s", run(t, env, python, "-B", "-W", "error", "-m", "unittest", "-v", "test_flsync"))
	})
	t.Run("addon", func(t *testing.T) {
		blender := long.Blender(t)
		home := t.TempDir()
		t.Logf("%s", run(t, append(env, blenderFolders(home)...), blender, "-b", "--factory-startup", "--python-exit-code", "1",
			"-P", script(t, "test_addon.py"), "--", addon, program, serve(t, program), home))
	})
	t.Run("window", func(t *testing.T) {
		blender := long.Blender(t)
		// Software drawing takes minutes on a busy machine and measures it, not the add-on: run by hand.
		if os.Getenv("FLSYNC_WINDOW_TEST") == "" {
			t.Skip("FLSYNC_WINDOW_TEST is not set: the add-on is not tested in a window")
		}
		xvfb, err := exec.LookPath("Xvfb")
		if err != nil {
			t.Fatal("no Xvfb on the PATH")
		}
		home := t.TempDir()
		env := append(env, blenderFolders(home)...)
		screen := display(t, xvfb)
		if folder := os.Getenv("FLSYNC_PICTURES"); folder != "" {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- photograph(ctx, screen, folder) }()
			defer func() {
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
		}
		env = append(env, "DISPLAY="+screen, "LIBGL_ALWAYS_SOFTWARE=1")
		out := run(t, env, blender, "--factory-startup", "--window-geometry", "0", "0", "1280", "1024", "--python-exit-code", "1", "-P", script(t, "test_window.py"),
			"--", addon, program, serve(t, program), home)
		if !strings.Contains(out, "window: all steps done") { // Blender may leave with 0 whatever a timer did
			t.Errorf("the steps did not come to their end:\n%s", out)
		}
		t.Logf("%s", out)
	})
}

// script returns the whole path of a test script, for a Blender that is started through a program of another
// folder.
func script(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// need finds a tool. Without it the test is skipped, unless FLSYNC_REQUIRE_BLENDER says that it should be
// there.
func need(t *testing.T, tool, otherwise string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil && os.Getenv("FLSYNC_REQUIRE_BLENDER") != "" {
		t.Fatalf("FLSYNC_REQUIRE_BLENDER is set, and there is no %s: %v", tool, err)
	}
	if err != nil {
		t.Skipf("no %s on the PATH: %s", tool, otherwise)
	}
	return path
}

// run runs a command to its end and returns what it printed. A nil env is that of the test.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out[max(0, len(out)-8000):])
	}
	return string(out)
}

// serve runs the embedded Manager until the test ends, and returns its URL.
func serve(t *testing.T, program string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "serve", "--json", "--storage", t.TempDir())
	cmd.Env = cleanenv.Environ(t.TempDir())
	line := firstLine(t, cmd)
	var listening struct{ URL string }
	if err := json.Unmarshal([]byte(line), &listening); err != nil || listening.URL == "" {
		t.Fatalf("flsync serve said %q: %v", line, err)
	}
	return listening.URL
}

// display runs an X server without a screen until the test ends, and returns its name.
func display(t *testing.T, xvfb string) string {
	t.Helper()
	number := firstLine(t, exec.CommandContext(t.Context(), xvfb, "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"))
	if _, err := strconv.Atoi(number); err != nil {
		t.Fatalf("Xvfb said %q", number)
	}
	return ":" + number
}

// photograph takes the pictures that the test in Blender asks for until ctx ends: for each NAME.want in
// folder, which has a geometry of X, the NAME.png of that part of the screen. Blender itself may run where
// there is no tool for that.
func photograph(ctx context.Context, screen, folder string) error {
	for {
		wanted, err := filepath.Glob(filepath.Join(folder, "*.want"))
		if err != nil {
			return err
		}
		for _, name := range wanted {
			geometry, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			out, err := exec.CommandContext(ctx, "import", "-display", screen, "-window", "root", "-crop", string(geometry), "+repage",
				"+dither", "-colors", "32", "png8:"+strings.TrimSuffix(name, ".want")+".png").CombinedOutput()
			if err != nil {
				return fmt.Errorf("picture %s: %w: %s", name, err, out)
			}
			if err := os.Remove(name); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// firstLine starts a server, which ends with the test, and returns the first line that it prints.
func firstLine(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // with the signal, which is no news
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s ended before it said where it listens: %v", cmd.Path, err)
	}
	return strings.TrimSpace(line)
}

// blenderFolders keeps Blender out of the folders of whoever runs the tests.
func blenderFolders(home string) []string {
	return []string{
		"HOME=" + home,
		"BLENDER_USER_SCRIPTS=" + filepath.Join(home, "scripts"),
		"BLENDER_USER_CONFIG=" + filepath.Join(home, "config"),
	}
}
