package cleanenv

import (
	"slices"
	"strings"
	"testing"
)

func TestEnviron(t *testing.T) {
	t.Setenv("FLSYNC_CACHE", "/of/the/developer")
	t.Setenv("XDG_STATE_HOME", "/of/the/developer")
	t.Setenv("OTHER", "stays")
	env := Environ("/tmp/x")
	if slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "FLSYNC_") }) {
		t.Error("FLSYNC_* is still there")
	}
	last := func(name string) (value string) {
		for _, v := range env {
			if rest, ok := strings.CutPrefix(v, name+"="); ok {
				value = rest // the last one counts (os/exec)
			}
		}
		return value
	}
	if !strings.HasPrefix(last("XDG_STATE_HOME"), "/tmp/x") || last("OTHER") != "stays" {
		t.Errorf("environment: %v", env)
	}
}
