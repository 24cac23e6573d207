// Package long keeps tests that take long out of the everyday run. `go test ./...` is to be over in a minute
// and a half; .ci/run sets FLSYNC_LONG=1 and runs all.
package long

import (
	"cmp"
	"os"
	"os/exec"
	"testing"
)

// Wanted reports whether long tests are to run: FLSYNC_LONG is set and -short is not.
func Wanted() bool { return os.Getenv("FLSYNC_LONG") != "" && !testing.Short() }

// Test skips t unless long tests are wanted.
func Test(t testing.TB) {
	t.Helper()
	if !Wanted() {
		t.Skip("takes long; FLSYNC_LONG=1 runs it")
	}
}

// Blender returns the program that FLSYNC_BLENDER names, or blender of the PATH. A test that starts it takes
// long: it is skipped unless long tests are wanted, and where there is no Blender. With
// FLSYNC_REQUIRE_BLENDER it runs in any case, and a missing Blender is a failure.
func Blender(t testing.TB) string {
	t.Helper()
	required := os.Getenv("FLSYNC_REQUIRE_BLENDER") != "" && !testing.Short()
	if !required {
		Test(t)
	}
	program, err := exec.LookPath(cmp.Or(os.Getenv("FLSYNC_BLENDER"), "blender"))
	if err != nil && required {
		t.Fatalf("FLSYNC_REQUIRE_BLENDER is set, and there is no Blender: %v", err)
	} else if err != nil {
		t.Skip("no Blender: ", err)
	}
	return program
}
