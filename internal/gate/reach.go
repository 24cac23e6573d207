package gate

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/flsync/flsync/internal/place"
)

// MayTouch reports whether an absolute path that a blend file names may be looked at at all, see
// [Policy.Reach].
func (g *Gate) MayTouch(path string) bool { return g.reach(path) }

// Reach returns a function that reports whether an absolute path may be looked at, links in it included: it
// follows them one by one, and ends at one that leads to another computer before that computer is asked.
// Folders near, which a person named, and the hosts that their own links lead to are fine. Goroutines may
// share the function.
func (p Policy) Reach(near ...string) func(path string) bool {
	near = slices.Clip(near)
	for _, folder := range near {
		near = append(near, new(place.Drives).Identity(folder)) // the host of a mapped drive
		if real, err := filepath.EvalSymlinks(folder); err == nil {
			near = append(near, real)
		}
	}
	may := func(path string) bool { return p.MayTouch(path, near...) }
	var ways sync.Map // folders to their paths without links, "" where those lead to another computer
	return func(path string) bool {
		if !may(path) {
			return false
		}
		dir := filepath.Dir(path)
		real, known := ways.Load(dir)
		if !known {
			real = followLinks(dir, may)
			ways.Store(dir, real)
		}
		if real == "" {
			return false
		}
		at := filepath.Join(real.(string), filepath.Base(path))
		if !may(at) {
			return false
		}
		_, err := os.Readlink(at)
		return err != nil || followLinks(at, may) != "" // mostly no link; those above it were followed
	}
}

// maxLinks is how many links of one path are followed, as on Linux.
const maxLinks = 40

// followLinks returns an absolute path without links, or "" when it comes to a path for which may is false.
// It looks at links themselves only. What is not there, or is a link too many, stays as it is.
func followLinks(p string, may func(path string) bool) string {
	volume := filepath.VolumeName(p)
	root := volume + string(filepath.Separator)
	real, rest := root, strings.Split(filepath.ToSlash(p[len(volume):]), "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		at := filepath.Join(real, name) // takes .. out, since real has no links
		if !may(at) {
			return ""
		}
		target, err := os.Readlink(at)
		if links++; err != nil || links > maxLinks {
			links--
			real = at
			continue
		}
		if v := filepath.VolumeName(target); v != "" {
			root, target = v+string(filepath.Separator), target[len(v):]
		}
		if target != "" && os.IsPathSeparator(target[0]) {
			real = root
		}
		rest = append(strings.Split(filepath.ToSlash(target), "/"), rest...)
	}
	return real
}

// MayTouch reports whether a path that a blend file names may be looked at at all. Looking at one on another
// computer tells that computer who asks: Windows sends \\host\share the login of the person, as a hash, and
// automounters connect to the host of /net/host and /Network/Servers/host. It takes a policy of all,
// outside_roots, or one of the folders near on the same host. MayTouch looks at the path's text only.
func (p Policy) MayTouch(path string, near ...string) bool {
	return p.mayTouch(path, runtime.GOOS == "windows", near...)
}

func (p Policy) mayTouch(path string, windows bool, near ...string) bool {
	host := remoteHost(path, windows)
	return host == "" || p.Outside == OutsideAll ||
		slices.ContainsFunc(near, func(folder string) bool { return remoteHost(folder, windows) == host }) ||
		slices.ContainsFunc(p.Roots, func(root string) bool {
			_, ok := place.Rules{}.Below(comparable(root, windows), comparable(path, windows))
			return ok
		})
}

// RemoteHost returns the computer that looking at an absolute path would ask, in lower case; "" for this one.
func RemoteHost(path string) string { return remoteHost(path, runtime.GOOS == "windows") }

func remoteHost(p string, windows bool) string {
	p = comparable(p, windows)
	first, rest, _ := strings.Cut(strings.TrimLeft(p, "/"), "/")
	next := func() (part string) {
		part, rest, _ = strings.Cut(rest, "/")
		return strings.ToLower(part)
	}
	switch {
	case windows && strings.HasPrefix(p, "//"):
		return strings.ToLower(first)
	case windows || first != "net" && first != "Network":
		return ""
	}
	host := next()
	if first == "Network" && host == "servers" {
		return next()
	}
	return host
}

// comparable gives a path slashes where backslashes separate names, without . and .., and there in lower
// case. It keeps the two slashes of a share.
func comparable(p string, windows bool) string {
	if windows {
		p = strings.ToLower(strings.ReplaceAll(place.Plain(p), `\`, "/"))
	}
	if windows && strings.HasPrefix(p, "//") {
		return "/" + path.Clean(p)
	}
	return path.Clean(p)
}
