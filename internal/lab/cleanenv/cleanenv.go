// Package cleanenv keeps programs that tests start away from the configuration, the cache and the journals of
// whoever runs the tests.
package cleanenv

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Environ returns the environment of this process without FLSYNC_* and with all folders of the user below
// dir.
func Environ(dir string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(strings.ToUpper(v), "FLSYNC_") })
	return append(env,
		"HOME="+dir, "USERPROFILE="+dir, "AppData="+filepath.Join(dir, "config"), "LocalAppData="+filepath.Join(dir, "local"),
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
}
