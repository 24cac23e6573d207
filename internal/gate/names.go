package gate

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold returns a form of name that is equal for names which file systems that ignore case or Unicode normal form take
// for the same: the canonical caseless form (The Unicode Standard, D145).
func Fold(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

func folded(name string, fold bool) string {
	if fold {
		return Fold(name)
	}
	return name
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// LeftOut reports whether a listing leaves out a name by itself: a folder of a version control system or of the
// operating system, a backup of Blender, litter.
func LeftOut(name string, isDir bool) bool {
	if isDir {
		return isVersionControl(name) || isSystemFolder(name)
	}
	return name == ".git" || // of a work tree or submodule
		isBlenderBackup(name) || isLitter(name)
}

func isVersionControl(name string) bool {
	switch name {
	case ".git", ".svn", ".hg", ".bzr", "CVS", "_darcs", ".jj", ".pijul", ".sl":
		return true
	}
	return false
}

func isSystemFolder(name string) bool {
	switch strings.ToLower(name) {
	case "$recycle.bin", "system volume information", "lost+found",
		".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".appledouble", "__macosx":
		return true
	}
	return name == ".Trash" || strings.HasPrefix(name, ".Trash-")
}

// isBlenderBackup recognises what Blender leaves beside x.blend: earlier versions, x.blend1 to x.blend32 (the most that
// its preferences allow), and a save that has not ended, x.blend@.
func isBlenderBackup(name string) bool {
	i := strings.LastIndex(name, ".blend")
	if i < 0 {
		return false
	}
	suffix := name[i+len(".blend"):]
	if suffix == "@" {
		return true
	}
	n, err := strconv.Atoi(suffix)
	return err == nil && 1 <= n && n <= 32 && suffix[0] != '0' && suffix[0] != '+'
}

func isLitter(name string) bool {
	switch name[0] {
	case '.':
		return name == ".DS_Store" || name == ".directory" || name == ".localized" || name == ".apdisk" ||
			strings.HasPrefix(name, "._") || // AppleDouble
			strings.HasPrefix(name, ".nfs") || strings.HasPrefix(name, ".fuse_hidden") || // deleted, but still open somewhere
			strings.HasPrefix(name, ".~lock.")
	case 'T', 't', 'E', 'e', 'D', 'd':
		switch strings.ToLower(name) {
		case "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini":
			return true
		}
	}
	return name[len(name)-1] == '~' || name == "Icon\r"
}
