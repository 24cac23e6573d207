//go:build !windows

package manager

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mayRun returns why the program at path is not run, or nil. Other accounts of this machine can ask for a
// program to be run, so they must not be able to change it: the file and every folder above it belong to root
// or to this account, and nobody else can write to them. A folder with the sticky bit is fine, because others
// cannot rename what is in it.
func mayRun(path string) error {
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return err
		}
		owner := int(info.Sys().(*syscall.Stat_t).Uid)
		sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
		switch {
		case owner != 0 && owner != os.Geteuid():
			return fmt.Errorf("%s is not run: %s belongs to another account", path, at)
		case info.Mode().Perm()&0o022 != 0 && !sticky:
			return fmt.Errorf("%s is not run: other accounts can write to %s (mode %v)", path, at, info.Mode().Perm())
		case at == filepath.Dir(at):
			return nil
		}
	}
}

// openToAll reports whether every account of this machine can look into the folder at path, or find that it
// is missing.
func openToAll(path string) bool {
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && info.IsDir() && info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if at == filepath.Dir(at) {
			return true
		}
	}
}
