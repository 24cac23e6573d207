package pack

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Outside says which files that lie outside of the project may be sent.
type Outside string

const (
	// OutsideMedia sends a file only when its name and its first bytes are those
	// of an image, movie, sound, font, cache, volume or blend file, and no folder
	// of its path is hidden. It is the default: a blend file that somebody sent
	// may name any file there is. Light profiles (IES) and shaders (OSL) count
	// when their text shows what they are; Python and other text does not, nor
	// do the bakes of geometry nodes, since nothing tells them from a secret.
	OutsideMedia Outside = "media"
	// OutsideAll sends whatever blend files name.
	OutsideAll Outside = "all"
	// OutsideDeny sends nothing from outside.
	OutsideDeny Outside = "deny"
)

// A Policy decides which files outside of the project are sent.
type Policy struct {
	Outside Outside // "" is OutsideMedia
	// Roots are folders, absolute, whose files are sent under any policy: a
	// studio's libraries.
	Roots []string
}

// Validate reports a policy that means nothing.
func (p Policy) Validate() error {
	if !slices.Contains([]Outside{"", OutsideMedia, OutsideAll, OutsideDeny}, p.Outside) {
		return fmt.Errorf("outside is %q: choose media, all or deny", p.Outside)
	}
	for _, root := range p.Roots {
		if !filepath.IsAbs(root) {
			return fmt.Errorf("outside_roots: %q is no absolute path", root)
		}
	}
	return nil
}

// A HeldError says why a file is not sent.
type HeldError struct {
	Path   string
	Reason string
}

func (e *HeldError) Error() string { return e.Path + " is not sent: " + e.Reason }

// Check gives nil when the file may be sent, a [*HeldError] when not, and else
// the error of reading it. Under media it reads the file's first bytes.
func (p Policy) Check(file string) error {
	held := func(format string, args ...any) error {
		return &HeldError{Path: file, Reason: fmt.Sprintf(format, args...)}
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return held("it is no regular file")
	}
	for _, root := range p.Roots {
		if realRoot, err := filepath.EvalSymlinks(root); err == nil && within(slash(realRoot), slash(real)) {
			return nil
		}
	}
	switch p.Outside {
	case OutsideAll:
		return nil
	case OutsideDeny:
		return held("it lies outside of the project (--outside deny)")
	}
	for _, f := range []string{file, real} {
		if hidden := hiddenFolder(slash(f)); hidden != "" {
			return held("it lies outside of the project in the hidden folder %s", hidden)
		}
	}
	// Both names have to fit: a link is no way around.
	for _, f := range []string{file, real} {
		if claimedBy(extension(slash(f))) == 0 {
			return held("it lies outside of the project, and the name %q is not that of an image, movie, sound, font, cache, volume or blend file", filepath.Base(f))
		}
	}
	head, tail, err := ends(real, info.Size())
	if err != nil {
		return err
	}
	if !looksAs(slash(file), head, tail, info.Size()) {
		return held("it lies outside of the project, and its first bytes are not those of a .%s file", extension(slash(file)))
	}
	return nil
}

// ends reads the first and the last bytes of a file.
func ends(file string, size int64) (head, tail []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	head = make([]byte, min(size, sniffLen))
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	tail = make([]byte, min(size, 26))
	m, err := f.ReadAt(tail, size-int64(len(tail)))
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	return head[:n], tail[:m], nil
}

// hiddenFolder gives the first folder of a path that begins with a dot.
func hiddenFolder(p string) string {
	parts := strings.Split(path.Dir(p), "/")
	for i, name := range parts {
		if strings.HasPrefix(name, ".") && name != "." && name != ".." {
			return strings.Join(parts[:i+1], "/")
		}
	}
	return ""
}
