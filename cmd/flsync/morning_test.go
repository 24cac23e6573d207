package main

import (
	"context"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flsync/flsync/internal/frames"
)

// TestMorning has a real Worker render with a real Blender, on the embedded Manager, and on a real one when
// FLSYNC_TEST_MANAGER has the URL of one that has nothing else to do. FLSYNC_TEST_WORKER is the path of a
// flamenco-worker; blender and ffmpeg have to be in PATH.
func TestMorning(t *testing.T) {
	worker := os.Getenv("FLSYNC_TEST_WORKER")
	if worker == "" {
		t.Skip("set FLSYNC_TEST_WORKER to the path of a flamenco-worker")
	}
	on := func(address string) func(*testing.T) {
		return func(t *testing.T) {
			if address == "" {
				t.Skip("set FLSYNC_TEST_MANAGER to the URL of a Flamenco Manager that has nothing else to do")
			}
			f := newFarm(t, address)
			testscript.RunT(oneByOne{t}, f.params(t, "testdata/farm", map[string]func(*testscript.TestScript, bool, []string){
				"realworker": f.realWorker(worker), "samepictures": samePictures,
			}))
		}
	}
	t.Run("embedded", on(embeddedManager(t)))
	t.Run("real", on(os.Getenv("FLSYNC_TEST_MANAGER")))
}

// realWorker runs a Worker until the script ends.
func (f *farm) realWorker(program string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		ctx, cancel := context.WithCancel(context.Background())
		cmd := exec.CommandContext(ctx, program, "-manager", f.url)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		cmd.Dir = ts.MkAbs("worker")
		ts.Check(os.MkdirAll(cmd.Dir, 0o700))
		cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "XDG_DATA_HOME=", "FLAMENCO_WORKER_NAME=morning")
		log, err := os.Create(filepath.Join(cmd.Dir, "log"))
		ts.Check(err)
		cmd.Stdout, cmd.Stderr = log, log
		ts.Check(cmd.Start())
		ts.Defer(func() {
			cancel()
			_ = cmd.Wait() // interrupted
			log.Close()
		})
	}
}

// samePictures A B wants folder B to have the frames 000001.png to 000006.png of folder A, pixel by pixel.
func samePictures(ts *testscript.TestScript, _ bool, args []string) {
	decode := func(dir string, n int) image.Image {
		found, err := filepath.Glob(filepath.Join(ts.MkAbs(dir), "*", fmt.Sprintf("%06d.png", n)))
		ts.Check(err)
		if len(found) != 1 {
			ts.Fatalf("frame %d is not in %s: %q", n, dir, found)
		}
		file, err := os.Open(found[0])
		ts.Check(err)
		defer file.Close()
		picture, err := frames.Picture(file)
		ts.Check(err)
		return picture
	}
	for n := 1; n <= 6; n++ {
		a, b := decode(args[0], n), decode(args[1], n)
		if a.Bounds() != b.Bounds() {
			ts.Fatalf("frame %d: %v and %v", n, a.Bounds(), b.Bounds())
		}
		for y := range a.Bounds().Dy() {
			for x := range a.Bounds().Dx() {
				if a.At(x, y) != b.At(x, y) {
					ts.Fatalf("frame %d: pixel %d, %d differs", n, x, y)
				}
			}
		}
	}
}
