package wine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/place"
)

// TestMainJob runs the program FLSYNC_EXE on this system; or, where FLSYNC_WINE is the wine program and
// WINEPREFIX a prefix that is ready, flsync.exe against a Manager of this system, whose checkouts can be
// looked at: Wine 8 makes no links.
func TestMainJob(t *testing.T) {
	wine, exe, prefix := os.Getenv("FLSYNC_WINE"), os.Getenv("FLSYNC_EXE"), os.Getenv("WINEPREFIX")
	if exe == "" {
		t.Skip("run internal/lab/wine/run, which builds the program")
	}
	project, err := filepath.Abs("../../../testdata/project")
	if err != nil {
		t.Fatal(err)
	}
	windows := wine != "" || runtime.GOOS == "windows"
	var caseless bool
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Condition: func(name string) (bool, error) {
			holds, known := map[string]bool{"wine": wine != "", "backslash": windows, "caseless": caseless}[name]
			if !known {
				return false, fmt.Errorf("no condition %q", name)
			}
			return holds, nil
		},
		Setup: func(e *testscript.Env) error {
			url, _ := managertest.Embedded(t, filepath.Join(e.WorkDir, "manager"))
			bin, disk, home := filepath.Join(e.WorkDir, "bin"), filepath.Join(e.WorkDir, "disk"), filepath.Join(e.WorkDir, "home")
			for _, dir := range []string{bin, disk, home} {
				if err := os.Mkdir(dir, 0o700); err != nil {
					return err
				}
			}
			named, other, out := filepath.ToSlash(disk), strings.ToUpper(filepath.ToSlash(disk)), "/render"
			caseless = windows || place.Same(disk, other)
			if windows {
				out = `R:\render`
			}
			if wine == "" {
				program, err := os.ReadFile(exe)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(bin, "fl"+filepath.Ext(exe)), program, 0o700); err != nil {
					return err
				}
				for _, name := range []string{"HOME", "USERPROFILE", "LocalAppData", "AppData", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
					e.Setenv(name, home)
				}
			} else {
				// By way of files, since services of Wine keep a pipe open for ten seconds.
				fl := fmt.Sprintf("#!/bin/sh\n'%s' '%s' \"$@\" >$WORK/out 2>$WORK/err\nrc=$?\ncat $WORK/err >&2\ncat $WORK/out\nexit $rc\n", wine, exe)
				if err := os.WriteFile(filepath.Join(bin, "fl"), []byte(fl), 0o700); err != nil {
					return err
				}
				for _, name := range []string{"WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES", "HOME"} {
					e.Setenv(name, os.Getenv(name))
				}
				disk, named, other = filepath.Join(prefix, "drive_c"), "C:", "c:"
			}
			e.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			e.Setenv("LANG", "C.UTF-8") // Wine takes names for it
			e.Setenv("FLSYNC_MANAGER", url)
			e.Setenv("WINE", wine)
			e.Setenv("EXE", exe)
			e.Setenv("PROJECT", filepath.ToSlash(project))
			e.Setenv("P", named)
			e.Setenv("OTHER", other)
			e.Setenv("OUT", out)
			e.Setenv("C", filepath.ToSlash(disk))
			e.Setenv("JOBS", filepath.ToSlash(filepath.Join(e.WorkDir, "manager", "storage", "jobs")))
			return nil
		},
	})
}
