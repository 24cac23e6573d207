package deps

import (
	"path"
	"strings"

	"github.com/flsync/flsync/internal/place"
)

// blenderPath is what Blender makes of a path in a blend file: an absolute path with slashes, in which .. may
// still stand. folder is what // stands for, absolute and with slashes. The rules are those of BLI_path_abs,
// on Windows where windows is set, else on anything else. It gives "" for a path that names nothing.
//
//	//tex/a.png       relative to folder; ///tex/a.png too
//	/abs/a.png        absolute
//	..\tex\a.png      backslashes are slashes everywhere
//	C:\tex\a.png      /c/tex/a.png where there are no drives
//	\\server\share\a  a share on Windows, and nothing that exists elsewhere
//	tex/a.png         Blender looks in its working folder; the farm's is not
//	                  ours, so the blend file's own folder is meant
func blenderPath(p, folder string, windows bool) string {
	if strings.Trim(p, `/\ `) == "" {
		return ""
	}
	if isShare(p) {
		if windows {
			return strings.ReplaceAll(p, `\`, "/")
		}
		return p // nothing that could exist
	}
	relative := strings.HasPrefix(p, "//")
	p = strings.ReplaceAll(p, `\`, "/")
	switch {
	case place.IsDrive(p) && windows:
		return p
	case place.IsDrive(p):
		return "/" + strings.ToLower(p[:1]) + p[2:]
	case relative:
		return below(folder, p[2:])
	case strings.HasPrefix(p, "/") && windows && place.IsDrive(folder):
		return folder[:2] + p // on the drive we are on
	case strings.HasPrefix(p, "/"):
		return p
	}
	return below(folder, p)
}

// isShare reports whether a path is on a Windows server: \\server\share\a.
func isShare(p string) bool { return strings.HasPrefix(p, `\\`) }

// isRooted reports whether p can only be meant as a path: it begins as a
// relative path of Blender, an absolute one, or one of Windows does.
func isRooted(p string) bool {
	slashed := strings.ReplaceAll(p, `\`, "/")
	return strings.HasPrefix(slashed, "/") || place.IsDrive(slashed)
}

// folderOf is the folder of an absolute path. What is relative to a blend file on
// a Windows server is on that server, so its backslashes count too.
func folderOf(p string) string {
	if isShare(p) {
		return p[:max(strings.LastIndexAny(p, `/\`), len(`\\`))]
	}
	return place.Clean(p[:strings.LastIndexByte(p, '/')+1])
}

// below is what is named name in a folder.
func below(folder, name string) string { return strings.TrimSuffix(folder, "/") + "/" + name }

// joinName puts a folder in Blender's syntax and a name together. The folder // is that of the blend file.
func joinName(folder, name string) string {
	switch {
	case folder == "":
		return name
	case strings.HasSuffix(folder, "/"), strings.HasSuffix(folder, `\`):
		return folder + name
	}
	return folder + "/" + name
}

// splitPath is the folder, with its slash, and the name of a path in Blender's syntax.
func splitPath(p string) (folder, name string) {
	i := strings.LastIndexAny(p, `/\`)
	return p[:i+1], p[i+1:]
}

// stem is a blend file's name as the folders of its caches have it. Blender
// cuts as many letters as ".blend" has, whatever they are (ptcache_path).
func stem(blendPath string) string {
	name := path.Base(blendPath)
	if cut := len(name) - len(".blend"); cut > 0 {
		return name[:cut]
	}
	return name
}
