// Package long keeps tests that take long out of the everyday run. `go test ./...` is to be over in a minute
// and a half; .ci/run sets FLSYNC_LONG=1 and runs all.
package long

import (
	"os"
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
