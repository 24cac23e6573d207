// Package place compares paths as the volumes that they lie on do. A path's spelling is not the file: Windows
// and macOS ignore the case of letters, macOS the form in which Unicode writes an accent too, and a drive may
// stand for a share.
//
// [RulesOf] asks a folder how it compares names; [Rules] and the functions of paths look at text alone, so
// that the rules of every system are tested on any. A [Speller] finds the spelling that a path has on disk,
// and [Drives] give one name to what several drives lead to. Paths have slashes, or the system's separators
// where a comment says so.
package place

import (
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Rules are what a folder ignores when it compares names.
type Rules struct {
	Case bool // of letters
	Form bool // of Unicode: NFC and NFD are one name
}

// Key returns what is equal for names that are one name by the rules.
func (r Rules) Key(name string) string {
	switch {
	case r.Case && (r.Form || isASCII(name)):
		return Fold(name)
	case r.Case:
		return strings.ToLower(strings.ToUpper(name)) // letter by letter, as NTFS does
	case r.Form:
		return norm.NFC.String(name)
	}
	return name
}

// Fold returns a form of name that is equal for names which some file system takes for the same: the
// canonical caseless form (The Unicode Standard, D145).
func Fold(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(cases.Fold().String(norm.NFD.String(name)))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// CutPrefix returns name without a prefix that may be spelled otherwise.
func (r Rules) CutPrefix(name, prefix string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(name, prefix); ok || r == (Rules{}) {
		return rest, ok
	}
	if r.Case && len(name) >= len(prefix) && isASCII(name[:len(prefix)]) && isASCII(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		return name[len(prefix):], true
	}
	if isASCII(name) && isASCII(prefix) {
		return "", false
	}
	for key, i := r.Key(prefix), 0; i <= len(name); i++ { // lengths differ between the forms of Unicode
		if (i == len(name) || utf8.RuneStart(name[i])) && r.Key(name[:i]) == key {
			return name[i:], true
		}
	}
	return "", false
}

// CutSuffix returns name without a suffix that may be spelled otherwise.
func (r Rules) CutSuffix(name, suffix string) (rest string, ok bool) {
	if rest, ok = strings.CutSuffix(name, suffix); ok || r == (Rules{}) {
		return rest, ok
	}
	for key, i := r.Key(suffix), len(name); i >= 0; i-- {
		if (i == len(name) || utf8.RuneStart(name[i])) && r.Key(name[i:]) == key {
			return name[:i], true
		}
	}
	return "", false
}

// Below returns the rest of a path that lies in dir, "." for dir itself. Both are clean.
func (r Rules) Below(dir, p string) (rest string, ok bool) {
	rest, ok = r.CutPrefix(p, strings.TrimSuffix(dir, "/"))
	switch {
	case !ok || rest != "" && rest[0] != '/':
		return "", false
	case rest == "" || rest == "/":
		return ".", true
	}
	return rest[1:], true
}

// Inside returns the rest of a path that lies in dir, with slashes, "." for dir itself. Both are clean, and
// have the system's separators. A drive or mount that stands for a share is that share. Where they are
// spelled otherwise, the folders must be the same on disk.
func Inside(dir, p string) (rest string, ok bool) { return inside(dir, p, device, Same) }

func inside(dir, p string, device func(head string) string, same func(a, b string) bool) (rest string, ok bool) {
	if rest, ok = (Rules{}).Below(filepath.ToSlash(dir), filepath.ToSlash(p)); ok {
		return rest, true
	}
	if one, other := drive(dir), drive(p); !strings.EqualFold(one, other) || one == "" && strings.HasPrefix(filepath.ToSlash(p), "//") {
		dir, p = identity(dir, device), identity(p, device)
	}
	dir, p = filepath.ToSlash(dir), filepath.ToSlash(p)
	if rest, ok = (Rules{Case: true, Form: true}).Below(dir, p); !ok {
		return "", false
	}
	head := p
	if rest != "." {
		head = p[:len(p)-len(rest)]
	}
	return rest, strings.TrimSuffix(head, "/") == strings.TrimSuffix(dir, "/") || same(dir, head)
}

// In reports whether a path is dir or lies in it, as Inside does.
func In(dir, p string) bool { _, ok := Inside(dir, p); return ok }

// Same reports whether two paths lead to one file or folder of this machine.
func Same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// RulesOf returns the rules of a folder, whose path has the system's separators. It looks for a few of the
// folder's names, or for the folder itself, under another spelling; it writes nothing. What these do not show
// is as usual for the system.
func RulesOf(folder string) Rules {
	usual := Rules{Case: runtime.GOOS == "windows" || runtime.GOOS == "darwin", Form: runtime.GOOS == "darwin"}
	dir, err := os.Open(folder)
	if err != nil {
		return usual
	}
	defer dir.Close()
	const enough = 64
	names, _ := dir.Readdirnames(enough)
	return probe(names, usual, func(name, other string) (same, ok bool) { return sameName(folder, name, other) })
}

// sameName reports whether other is another spelling of a name in the folder; ok is false where the name is
// gone.
func sameName(folder, name, other string) (same, ok bool) {
	info, err := os.Lstat(filepath.Join(folder, name))
	if err != nil {
		return false, false
	}
	found, err := os.Lstat(filepath.Join(folder, other))
	return err == nil && os.SameFile(info, found), true
}

// probe finds the rules of a folder with these names.
func probe(names []string, usual Rules, same func(name, other string) (same, ok bool)) Rules {
	rules, knowCase, knowForm := usual, false, false
	for _, name := range names {
		if other := swapCase(name); !knowCase && other != name {
			if is, ok := same(name, other); ok {
				rules.Case, knowCase = is, true
			}
		}
		if other := swapForm(name); !knowForm && other != name {
			if is, ok := same(name, other); ok {
				rules.Form, knowForm = is, true
			}
		}
	}
	return rules
}

func swapCase(name string) string {
	if upper := strings.ToUpper(name); upper != name {
		return upper
	}
	return strings.ToLower(name)
}

func swapForm(name string) string {
	if form := norm.NFD.String(name); form != name {
		return form
	}
	return norm.NFC.String(name)
}

// HasDrive reports whether a path begins as C: does, whatever follows.
func HasDrive(p string) bool {
	return len(p) >= 2 && p[1] == ':' && 'a' <= p[0]|0x20 && p[0]|0x20 <= 'z'
}

// IsDrive reports whether a path begins as C:/ does.
func IsDrive(p string) bool { return HasDrive(p) && len(p) >= 3 && p[2] == '/' }

// Plain returns a path of Windows without a prefix that turns off the usual reading of paths, with either
// separator: C:\proj for \\?\C:\proj and \\.\C:\proj, \\server\share for \\?\UNC\server\share. Other paths
// stay.
func Plain(p string) string {
	const prefix = len(`\\?\`)
	if len(p) < prefix || strings.Trim(p[:2]+p[3:prefix], `\/`) != "" || p[2] != '?' && p[2] != '.' {
		return p
	}
	rest := p[prefix:]
	switch unc := len(`UNC\`); {
	case HasDrive(rest):
		return rest
	case len(rest) > unc && strings.EqualFold(rest[:unc-1], "UNC") && strings.ContainsAny(rest[unc-1:unc], `\/`):
		return p[:1] + p[:1] + rest[unc:]
	}
	return p
}

// Volume returns the drive or the share that a path begins with: C:, //server/share; else "".
func Volume(p string) string {
	if IsDrive(p) {
		return p[:2]
	}
	unc, isUNC := strings.CutPrefix(p, "//")
	server, rest, ok := strings.Cut(unc, "/")
	if !isUNC || !ok || server == "" {
		return ""
	}
	share, _, _ := strings.Cut(rest, "/")
	return "//" + server + "/" + share
}

// Clean is [path.Clean] for paths of any system: no .. climbs above a drive or a share, as Blender on Windows
// has it.
func Clean(p string) string {
	volume := Volume(p)
	if volume == "" {
		return path.Clean(p)
	}
	rest := path.Clean("/" + p[len(volume):])
	if rest == "/" && strings.HasPrefix(volume, "//") {
		return volume
	}
	return volume + rest
}

// A Speller gives paths the spelling that they have on disk, so that C:\proj and c:\PROJ are one path. It
// remembers folders and their names. One goroutine at a time may use it. The zero value is ready.
type Speller struct {
	spelled map[string]string            // folders
	names   map[string]map[string]string // of folders, by themselves and folded
}

// Spell returns an absolute, clean path with the system's separators as it is on disk. Links stay; so does
// what is not there.
func (s *Speller) Spell(p string) string {
	if plain := Plain(p); plain != p {
		p = filepath.Clean(plain)
	}
	dir := filepath.Dir(p)
	if dir == p {
		if len(filepath.VolumeName(p)) == len("C:") {
			return strings.ToUpper(p)
		}
		return p
	}
	spelled, known := s.spelled[dir]
	if dir == "/net" || dir == "/Network/Servers" { // a name there is a server, which looking would ask
		return p
	}
	if !known {
		spelled = s.Spell(dir)
		if s.spelled == nil {
			s.spelled, s.names = map[string]string{}, map[string]map[string]string{}
		}
		s.spelled[dir] = spelled
	}
	return filepath.Join(spelled, s.name(spelled, filepath.Base(p)))
}

// name returns the name in a folder as it is there.
func (s *Speller) name(folder, name string) string {
	if found, ok := findName(filepath.Join(folder, name)); ok {
		return found
	}
	other := swapCase(name)
	if same, _ := sameName(folder, name, other); !same {
		if other = swapForm(name); other == name {
			return name
		}
		if same, _ = sameName(folder, name, other); !same {
			return name
		}
	}
	names := s.names[folder]
	if names == nil {
		names = map[string]string{}
		if dir, err := os.Open(folder); err == nil {
			all, _ := dir.Readdirnames(-1)
			dir.Close()
			for _, one := range all {
				names[one], names[Fold(one)] = one, one
			}
		}
		s.names[folder] = names
	}
	for _, key := range []string{name, Fold(name)} {
		if found, ok := names[key]; ok {
			return found
		}
	}
	return name
}

// Drives know what the drives of Windows and the volumes of macOS stand for, and look each up once.
// Goroutines may share them. The zero value is ready.
type Drives struct{ devices sync.Map }

// Identity returns an absolute path, with the system's separators, in which a drive or volume that stands for
// a share or for a folder (net use, subst, Finder's Connect to Server) is replaced by that, and the share is
// in lower case. It is for comparing; opening it may ask a server anew.
func (d *Drives) Identity(p string) string {
	return identity(p, func(head string) string {
		known, ok := d.devices.Load(head)
		if !ok {
			known = device(head)
			d.devices.Store(head, known)
		}
		return known.(string)
	})
}

// drive returns what of a path may stand for something else: C:, or /Volumes/name.
func drive(p string) string {
	if HasDrive(p) {
		return p[:2]
	}
	if name, ok := strings.CutPrefix(p, volumes); ok && name != "" {
		name, _, _ = strings.Cut(name, "/")
		return volumes + name
	}
	return ""
}

// volumes is the folder where macOS mounts shares and disks.
const volumes = "/Volumes/"

func identity(p string, device func(head string) string) string {
	p = Plain(p)
	for range 3 { // a drive may stand for a folder of another
		head := drive(p)
		if HasDrive(head) {
			p = strings.ToUpper(p[:1]) + p[1:]
			head = p[:2]
		}
		target := ""
		if head != "" {
			target = deviceTarget(device(head))
		}
		if target == "" {
			break
		}
		p = p[len(head):]
		if strings.HasPrefix(p, "/") {
			target = strings.ReplaceAll(target, `\`, "/")
		}
		p = strings.TrimRight(target, `\/`) + p
	}
	for _, separator := range []string{`\`, "/"} { // servers and shares know no case
		if unc, ok := strings.CutPrefix(p, separator+separator); ok {
			parts := append(strings.SplitN(unc, separator, 3), "", "")
			p = strings.TrimRight(separator+separator+strings.ToLower(parts[0]+separator+parts[1])+separator+parts[2], separator)
		}
	}
	return p
}

// deviceTarget returns the folder or share that a device stands for; "" for a disk.
//
//	\??\C:\proj                                         C:\proj (subst)
//	\??\UNC\srv\x                                       \\srv\x (subst)
//	\Device\LanmanRedirector\;P:000000000001a2b3\srv\x  \\srv\x
//	//anna@srv/my%20x                                  //srv/my x (macOS)
func deviceTarget(device string) string {
	if rest, ok := strings.CutPrefix(device, `\??\`); ok {
		if target := Plain(`\\?\` + rest); target != `\\?\`+rest {
			return target
		}
	}
	if i := strings.LastIndex(device, `\;`); i >= 0 {
		if _, share, ok := strings.Cut(device[i+2:], `\`); ok {
			return `\\` + share
		}
	}
	if share, ok := strings.CutPrefix(device, "//"); ok {
		server, folder, _ := strings.Cut(share, "/")
		if plain, err := url.PathUnescape(folder); err == nil {
			folder = plain
		}
		return "//" + server[strings.LastIndexByte(server, '@')+1:] + "/" + folder
	}
	return ""
}
