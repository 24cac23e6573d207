package manager

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/place"
)

// checkout makes a folder of links to stored files.
func (m *Manager) checkout(q *request) error {
	var sent api.ShamanCheckout
	if err := q.decodeFiles(&sent, &sent.Files); err != nil {
		return err
	}
	for _, file := range sent.Files {
		if !safeFilePath(file.Path) {
			return refuse(http.StatusBadRequest, "file path %q is not inside the checkout", file.Path)
		}
	}
	used, err := m.blobs.checkout(sent)
	if err != nil {
		return err
	}
	return q.reply(api.ShamanCheckoutResult{CheckoutPath: used})
}

// validCheckoutPath is the real Manager's rule, and refuses "." and "..", too: those are the folder of all
// checkouts and the shared storage, which a failed checkout would erase.
func validCheckoutPath(p string) bool {
	return p != "" && p[0] != '/' && !strings.ContainsAny(p, `?*:;{}\`) &&
		!strings.Contains(p, "../") && !strings.Contains(p, "/..") && path.Clean(p) != "." && path.Clean(p) != ".."
}

// safeFilePath reports whether a path stays inside the checkout on every system. The real Manager does not
// look.
func safeFilePath(p string) bool {
	if p == "" || strings.ContainsRune(p, 0) || strings.HasPrefix(toSlash(p), "/") {
		return p == "" // fails later, as at the real Manager
	}
	return !place.HasDrive(p) && !slices.Contains(strings.Split(toSlash(p), "/"), "..") && filepath.IsLocal(filepath.FromSlash(p))
}

var (
	errMissingFiles   = errors.New("unknown files requested in checkout")
	errCheckoutExists = errors.New("a checkout with this ID already exists")
)

// checkout returns the path that it used. When it fails it erases the requested path, even if that belongs to
// another job and this checkout got a path of its own: a mistake of the real Manager that clients must avoid.
func (b *blobStore) checkout(wanted api.ShamanCheckout) (used string, err error) {
	used, err = b.reserve(wanted.CheckoutPath)
	if err != nil {
		return "", err
	}
	if err = b.link(used, wanted.Files); err != nil {
		return "", errors.Join(err, b.eraseCheckout(wanted.CheckoutPath))
	}
	return used, nil
}

// reserve makes the folder of a checkout. When the path is taken, four random characters make it another.
func (b *blobStore) reserve(wanted string) (string, error) {
	const attempts = 10
	if !validCheckoutPath(wanted) {
		return "", fmt.Errorf("invalid checkout path %q", wanted)
	}
	b.checkoutMu.Lock()
	defer b.checkoutMu.Unlock()
	if b.fault().DiskFull {
		return "", errDiskFull
	}
	try := wanted
	for range attempts {
		_, err := os.Lstat(b.checkoutDir(try))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return try, os.MkdirAll(b.checkoutDir(try), 0o755)
		case err != nil:
			return "", err
		}
		try = wanted + "-" + strings.ToLower(rand.Text()[:4])
	}
	return "", errCheckoutExists
}

func (b *blobStore) checkoutDir(used string) string {
	return filepath.Join(b.dir, "jobs", filepath.FromSlash(used))
}

// link fills a checkout.
func (b *blobStore) link(used string, files []api.ShamanFileSpec) error {
	l := linker{root: b.checkoutDir(used), depth: depth(used) + 1, dirs: make(map[string]folder)}
	stored := make(map[blobKey]bool, len(files))
	for _, file := range files {
		k := blobKey{file.Sha, file.Size}
		if len(k.sha) < 2 {
			return errCrash
		}
		if !stored[k] {
			if !b.stored(k) {
				return errMissingFiles
			}
			stored[k] = true
		}
		if b.fault().DiskFull {
			return errDiskFull
		}
		if err := l.link(k, file.Path); err != nil {
			return fmt.Errorf("symlinking %q to checkout: %w", file.Path, err)
		}
	}
	return nil
}

// depth counts the folders of a path.
func depth(p string) int {
	if p = path.Clean(p); p == "." {
		return 0
	}
	return strings.Count(p, "/") + 1
}

// makeLink makes a link to a stored file. Windows lets only some users make symbolic links; there a second name
// for the same file does as well, because stored files never change.
func makeLink(target, name string) error {
	err := os.Symlink(target, name)
	if err == nil || os.IsExist(err) || runtime.GOOS != "windows" {
		return err
	}
	return os.Link(filepath.Join(filepath.Dir(name), target), name)
}

// linker makes the links of one checkout. They are relative, so that the storage can be mounted elsewhere.
type linker struct {
	root  string
	depth int // of root below the shared storage
	dirs  map[string]folder
}

// folder is a folder inside the checkout: where it is, and how its links get to the shared storage.
type folder struct{ path, up string }

func (l *linker) link(k blobKey, name string) error {
	dir, base := path.Split(path.Clean(name))
	in, err := l.folder(dir)
	if err != nil {
		return err
	}
	target := filepath.FromSlash(in.up + k.relative())
	err = makeLink(target, in.path+string(filepath.Separator)+base)
	if errors.Is(err, fs.ErrExist) {
		if there, readErr := os.Readlink(filepath.Join(in.path, base)); readErr == nil && there == target {
			return nil // named twice
		}
	}
	return err
}

func (l *linker) folder(dir string) (folder, error) {
	if known, ok := l.dirs[dir]; ok {
		return known, nil
	}
	made := folder{filepath.Join(l.root, filepath.FromSlash(dir)), strings.Repeat("../", l.depth+depth(dir))}
	if err := os.MkdirAll(made.path, 0o755); err != nil {
		return folder{}, err
	}
	l.dirs[dir] = made
	return made, nil
}

// eraseCheckout removes a checkout and the folder above it, when that is empty then.
func (b *blobStore) eraseCheckout(used string) error {
	if !validCheckoutPath(used) {
		return fmt.Errorf("invalid checkout path %q", used)
	}
	name := filepath.FromSlash(path.Clean(used))
	if err := b.jobs.RemoveAll(name); err != nil {
		return err
	}
	if above := filepath.Dir(name); above != "." {
		_ = b.jobs.Remove(above) // fails when it is not empty
	}
	return nil
}
