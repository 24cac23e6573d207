package uploader

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/pattern"
	"github.com/flsync/flsync/internal/place"
)

// Longest names that any file system in use takes, in bytes: NAME_MAX and PATH_MAX of POSIX systems. The
// Manager answers 500 for the whole checkout when one name in it is longer.
const (
	maxComponent = 255
	maxPath      = 4095
)

// CheckPath reports whether path can be the place of a file in a checkout: relative, with slashes, inside the
// checkout, valid on the Manager's file system. The error is a [*PathError].
//
// The Manager does not check these paths: it would follow ".." out of the checkout. Nothing that this
// function refuses is ever sent.
func CheckPath(path string) error {
	if reason := badPath(path); reason != "" {
		return &PathError{Path: path, Reason: reason}
	}
	return nil
}

// badPath is why path cannot be used, or "".
func badPath(path string) string {
	switch {
	case path == "":
		return "is empty"
	case len(path) > maxPath:
		return fmt.Sprintf("is longer than %d bytes", maxPath)
	case !utf8.ValidString(path):
		return "is not valid UTF-8"
	case path[0] == '/':
		return "is absolute"
	case place.HasDrive(path):
		return "has a drive letter"
	}
	for _, r := range path {
		switch {
		case r == '\\':
			return "has a backslash"
		case unicode.IsControl(r):
			return fmt.Sprintf("has the control character %U", r)
		}
	}
	for component := range strings.SplitSeq(path, "/") {
		switch {
		case component == "":
			return "has an empty component"
		case component == "." || component == "..":
			return fmt.Sprintf("has the component %q", component)
		case len(component) > maxComponent:
			return fmt.Sprintf("has a component of more than %d bytes", maxComponent)
		}
	}
	return ""
}

// checkFiles finds what would make the Manager refuse a checkout, or make one of doubtful content: a path
// that [CheckPath] refuses, one path for two different blobs, a path below a path that is a file. Two entries
// that agree in path and blob are fine. It returns the key of each file.
func checkFiles(files []api.ShamanFileSpec) ([]key, error) {
	keys := make([]key, len(files))
	order := make([]int32, len(files)) // by path: mostly the one that files are in
	for i := range files {
		f := &files[i]
		if err := CheckPath(f.Path); err != nil {
			return nil, err
		}
		k, err := parseKey(f.Sha, f.Size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		keys[i], order[i] = k, int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(files[a].Path, files[b].Path) })
	for n := range len(order) - 1 {
		if a, b := &files[order[n]], &files[order[n+1]]; a.Path == b.Path && (a.Sha != b.Sha || a.Size != b.Size) {
			return nil, &PathError{Path: a.Path, Reason: "stands for two files of different content"}
		}
	}

	// Files of one folder mostly follow each other, so that each folder is looked at about once.
	last := ""
	for i := range files {
		folder := parent(files[i].Path)
		if folder == last {
			continue
		}
		last = folder
		for ; folder != ""; folder = parent(folder) {
			_, isFile := slices.BinarySearchFunc(order, folder, func(i int32, path string) int { return strings.Compare(files[i].Path, path) })
			if isFile {
				return nil, &PathError{Path: files[i].Path, Reason: fmt.Sprintf("lies below %q, which is a file", folder)}
			}
		}
	}
	return keys, nil
}

// parent is the folder of path, "" for none.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ""
	}
	return path[:i]
}

// validCheckout is the Manager's own rule for the path of a checkout.
var validCheckout = pattern.Lazy(`^[^/?*:;{}\\][^?*:;{}\\]*$`)

// checkCheckoutPath reports whether the Manager would take path as that of a checkout. Ours is the stricter
// rule.
func checkCheckoutPath(path string) error {
	if reason := badPath(path); reason != "" {
		return &PathError{Path: path, Reason: reason}
	}
	if !validCheckout().MatchString(path) {
		return &PathError{Path: path, Reason: `has one of ?*:;{} (CheckoutName replaces them)`}
	}
	return nil
}

// CheckoutName makes a name that a checkout can have from any text, such as the name of a job: what the
// Manager or a common file system refuses becomes "_", and each component is cut to a length that leaves room
// for the suffix. Slashes stay.
func CheckoutName(text string) string {
	const keep = maxComponent - 64
	var components []string
	for component := range strings.SplitSeq(strings.ToValidUTF8(text, "_"), "/") {
		component = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || strings.ContainsRune(`?*:;{}\<>|"`, r) {
				return '_'
			}
			return r
		}, component)
		component = strings.Trim(component, " .") // Windows drops them, and ".." must not stay
		for len(component) > keep {
			_, size := utf8.DecodeLastRuneInString(component)
			component = component[:len(component)-size]
		}
		if component != "" {
			components = append(components, component)
		}
	}
	name := strings.Join(components, "/")
	for len(name) > maxPath/4 {
		name = parent(name)
	}
	if name == "" {
		return "checkout"
	}
	return name
}

// uniquePath makes the path of a checkout that cannot exist yet, on any Manager: the time, for people, and 80
// random bits. A Manager whose checkout fails removes the folder of the path that was asked for, even when
// that folder is an older checkout; so no path is ever asked for twice.
func uniquePath(requested string, now time.Time) string {
	return requested + now.UTC().Format("-20060102T150405-") + strings.ToLower(rand.Text()[:16])
}
