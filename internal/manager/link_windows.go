package manager

import (
	"os"
	"path/filepath"
)

// makeLink makes a link to a stored file. Windows lets only some users make symbolic links; a second name for
// the same file does as well, because stored files never change.
func makeLink(target, name string) error {
	err := os.Symlink(target, name)
	if err == nil || os.IsExist(err) {
		return err
	}
	return os.Link(filepath.Join(filepath.Dir(name), target), name)
}
