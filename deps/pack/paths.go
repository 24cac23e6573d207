package pack

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/flsync/flsync/internal/place"
)

// Paths in this package have slashes on every system, and are clean. Absolute
// ones are /a/b, on Windows C:/a/b and //server/share/a.

func slash(p string) string { return filepath.ToSlash(p) }

// within reports whether p is dir or lies in it. Both are clean.
func within(dir, p string) bool {
	_, ok := below(dir, p)
	return ok
}

// below gives the rest of a path that lies in dir.
func below(dir, p string) (rest string, ok bool) {
	return place.Rules{}.Below(dir, p)
}

// parent is the folder of a clean absolute path.
func parent(p string) string {
	i := strings.LastIndexByte(p, '/')
	if i <= 0 || i == 2 && place.IsDrive(p) {
		i++ // the root keeps its slash
	}
	return p[:i]
}

// outsideName is an absolute path as one that can stand in a folder of its own. It keeps every folder, so
// that files that lay beside each other still do, and relative paths between them stay right.
//
//	/mnt/lib/a.png       mnt/lib/a.png
//	c:/lib/a.png         C/lib/a.png
//	//server/share/a.png unc/server/share/a.png
func outsideName(p string) string {
	switch {
	case strings.HasPrefix(p, "//"):
		return "unc/" + strings.TrimLeft(p, "/")
	case place.IsDrive(p):
		return strings.ToUpper(p[:1]) + p[2:]
	}
	return strings.TrimLeft(p, "/")
}

// sendable makes a name that can be sent: Shaman's paths are JSON, and so UTF-8.
// Bytes that are not become %XX.
func sendable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRuneInString(name)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%%%02X", name[0])
		} else {
			b.WriteString(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}

// relative is the path from the folder from to the path to; both are relative
// to the checkout and clean, "." is the checkout itself.
func relative(from, to string) string {
	var a, b []string
	if from != "." {
		a = strings.Split(from, "/")
	}
	if to != "." {
		b = strings.Split(to, "/")
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	up := strings.Repeat("../", len(a))
	return strings.TrimSuffix(up+strings.Join(b, "/"), "/")
}

// unslashed makes Blender's path one with slashes. Blender takes a backslash for one on every system.
func unslashed(p string) string { return strings.ReplaceAll(p, `\`, "/") }

// isRelative reports whether a path in a blend file begins with //.
func isRelative(p string) bool { return strings.HasPrefix(p, "//") }

// follow is where a relative path of a blend file leads when // is the folder
// base of the checkout. It may lead out of it: "../x".
func follow(base, p string) string { return path.Join(base, unslashed(p)[2:]) }
