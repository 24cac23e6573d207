package gate

import (
	"strconv"
	"strings"
)

// LeftOut reports whether a listing leaves out a name by itself: a folder of a version control system or of
// the operating system, a backup of Blender, litter.
func LeftOut(name string, isDir bool) bool {
	if isDir {
		return isVersionControl(name) || isSystemFolder(name)
	}
	return name == ".git" || // of a work tree or submodule
		isBlenderBackup(name) || isLitter(name)
}

func isVersionControl(name string) bool {
	switch strings.ToLower(name) { // a volume that ignores case opens .GIT, too
	case ".git", ".svn", ".hg", ".bzr", "_darcs", ".jj", ".pijul", ".sl":
		return true
	}
	return name == "CVS"
}

func isSystemFolder(name string) bool {
	switch strings.ToLower(name) {
	case "$recycle.bin", "system volume information", "lost+found",
		".spotlight-v100", ".trashes", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".appledouble", "__macosx":
		return true
	}
	return name == ".Trash" || strings.HasPrefix(name, ".Trash-")
}

// isBlenderBackup recognises what Blender leaves beside x.blend: earlier versions, x.blend1 to x.blend32 (the
// most that its preferences allow), and a save that has not ended, x.blend@.
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
