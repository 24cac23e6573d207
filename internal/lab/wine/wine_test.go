package wine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flsync/flsync/internal/lab/managertest"
)

// TestMainJob runs flsync.exe against a Manager of this system, whose checkouts can be looked at: Wine 8 makes no links.
// FLSYNC_WINE is the wine program, FLSYNC_EXE flsync.exe, and WINEPREFIX a prefix that is ready.
func TestMainJob(t *testing.T) {
	wine, exe, prefix := os.Getenv("FLSYNC_WINE"), os.Getenv("FLSYNC_EXE"), os.Getenv("WINEPREFIX")
	if wine == "" || exe == "" || prefix == "" {
		t.Skip("run internal/lab/wine/run, which sets up Wine")
	}
	project, err := filepath.Abs("../../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			url, _ := managertest.Embedded(t, filepath.Join(e.WorkDir, "manager"))
			bin := filepath.Join(e.WorkDir, "bin")
			if err := os.Mkdir(bin, 0o700); err != nil {
				return err
			}
			// By way of files, since services of Wine keep a pipe open for ten seconds.
			fl := fmt.Sprintf("#!/bin/sh\n'%s' '%s' \"$@\" >$WORK/out 2>$WORK/err\nrc=$?\ncat $WORK/err >&2\ncat $WORK/out\nexit $rc\n", wine, exe)
			if err := os.WriteFile(filepath.Join(bin, "fl"), []byte(fl), 0o700); err != nil {
				return err
			}
			e.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			for _, name := range []string{"WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES", "HOME"} {
				e.Setenv(name, os.Getenv(name))
			}
			e.Setenv("LANG", "C.UTF-8") // Wine takes names for it
			e.Setenv("FLSYNC_MANAGER", url)
			e.Setenv("WINE", wine)
			e.Setenv("EXE", exe)
			e.Setenv("PROJECT", project)
			e.Setenv("C", filepath.Join(prefix, "drive_c"))
			e.Setenv("JOBS", filepath.Join(e.WorkDir, "manager", "storage", "jobs"))
			return nil
		},
	})
}
