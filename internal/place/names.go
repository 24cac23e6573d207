package place

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf16"
)

// maxWindowsPath is how many UTF-16 units a path has at most for programs of Windows that do not ask for
// more, as Blender does not: MAX_PATH without the NUL.
const maxWindowsPath = 259

// ForWindows returns why Windows cannot hold a file at a slash path inside folder, or nil. Folder may be "".
// The rules are those of "Naming Files, Paths, and Namespaces" in the documentation of Win32.
func ForWindows(folder, rel string) error {
	for name := range strings.SplitSeq(rel, "/") {
		base, _, _ := strings.Cut(name, ".")
		base = strings.TrimRight(base, " ")
		switch {
		case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || strings.ContainsRune(`<>:"|?*`, r) }):
			return fmt.Errorf(`no name on Windows has control characters or any of < > : " | ? *, as %q has`, name)
		case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
			return fmt.Errorf("the name %q loses its dot or space at the end on Windows", name)
		case len(base) <= len("COM²") && isDevice(strings.ToUpper(base)):
			return fmt.Errorf("%q is the name of a device on Windows", name)
		}
	}
	if len(folder)+1+len(rel) <= maxWindowsPath {
		return nil // no unit takes less than a byte
	}
	if n := len(utf16.Encode([]rune(path.Join(folder, rel)))); n > maxWindowsPath {
		return fmt.Errorf("the path has %d characters on the farm, and programs on Windows open at most %d", n, maxWindowsPath)
	}
	return nil
}

// isDevice reports whether a name in upper case, without its extension, is that of a device.
func isDevice(name string) bool {
	switch name {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	port, isPort := strings.CutPrefix(name, "COM")
	if !isPort {
		port, isPort = strings.CutPrefix(name, "LPT")
	}
	return isPort && len([]rune(port)) == 1 && strings.Contains("0123456789¹²³", port)
}
