// Package folder makes folders on storage that several accounts share.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Make makes a folder, and those above it that are missing, with permissions perm but for the umask, and
// calls made for each that it has made. A folder that is there already is no error.
func Make(dir string, perm fs.FileMode, made func(dir string) error) error {
	err := os.Mkdir(dir, perm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := Make(filepath.Dir(dir), perm, made); err != nil {
			return err
		}
		err = os.Mkdir(dir, perm)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	return made(dir)
}

// SetMode gives a folder permissions, whatever the umask was. The group that its files get from it stays: a
// plain chmod would take the set-group-id bit away.
func SetMode(dir string, perm fs.FileMode) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return os.Chmod(dir, info.Mode()&(fs.ModeSetgid|fs.ModeSetuid)|perm.Perm())
}
