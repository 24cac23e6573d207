package deps

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
	"github.com/flsync/flsync/internal/place"
)

// A numbering is a file name with a number in it that counts frames or tiles:
// head, at least digits digits, tail.
type numbering struct {
	head, tail string
	digits     int
}

// lastNumber finds the last number in a file name that stands before its extension, wherever in the name it
// is: shot_0001.png, r.001.beauty.png. Such are image sequences and clips (BLI_path_sequence_decode).
func lastNumber(name string) (numbering, bool) {
	end := extension(name)
	for end > 0 && !isDigit(name[end-1]) {
		end--
	}
	return numberEndingAt(name, end)
}

// anyNumber is lastNumber, but for a name without a number: Blender puts the frame right before the extension
// then.
func anyNumber(name string) (numbering, bool) {
	if n, ok := lastNumber(name); ok {
		return n, true
	}
	end := extension(name)
	return numbering{head: name[:end], tail: name[end:]}, true
}

// frameNumber finds a number right before the extension of a file name. Such
// are sequences of caches and volumes (BLI_path_frame_get).
func frameNumber(name string) (numbering, bool) {
	return numberEndingAt(name, extension(name))
}

func numberEndingAt(name string, end int) (numbering, bool) {
	start := end
	for start > 0 && isDigit(name[start-1]) {
		start--
	}
	return numbering{head: name[:start], tail: name[end:], digits: end - start}, start < end
}

// extension is where the extension of a file name begins, with its dot. A name
// that begins with its only dot has none.
func extension(name string) int {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return i
	}
	return len(name)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// match gives the number in a file name if the name belongs to the numbering by the rules of its folder: as
// many digits, or more for a number that needs them.
func (n numbering) match(name string, rules place.Rules) (number int, ok bool) {
	digits, ok := rules.CutPrefix(name, n.head)
	if ok {
		digits, ok = rules.CutSuffix(digits, n.tail)
	}
	if !ok || len(digits) < n.digits || len(digits) > max(n.digits, 1) && digits[0] == '0' {
		return 0, false
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return 0, false
		}
	}
	number, err := strconv.Atoi(digits)
	return number, err == nil
}

// name gives the file name of a number.
func (n numbering) name(number int) string {
	return fmt.Sprintf("%s%0*d%s", n.head, n.digits, number, n.tail)
}

// pattern is the name with a # for each digit that a number has at least.
func (n numbering) pattern() string { return n.head + strings.Repeat("#", max(n.digits, 1)) + n.tail }

// The tokens that stand for a tile in the name of a tiled image.
const (
	tokenUDIM   = "<UDIM>"
	tokenUVTile = "<UVTILE>"
)

// hasTileToken reports whether a path says itself where the tile goes.
func hasTileToken(path string) bool {
	return strings.Contains(path, tokenUDIM) || strings.Contains(path, tokenUVTile)
}

// tilePath gives the path of a tile's file. Tokens may stand in its folders, too. Without one the last number
// in the file's name is the tile, as Blender up to 3.0 wrote it.
func tilePath(path string, tile int) string {
	if !hasTileToken(path) {
		folder, name := splitPath(path)
		if n, ok := lastNumber(name); ok && n.digits == 4 {
			return folder + n.name(tile)
		}
		return path
	}
	u, v := (tile-1001)%10+1, (tile-1001)/10+1
	return strings.NewReplacer(
		tokenUDIM, fmt.Sprintf("%04d", tile),
		tokenUVTile, fmt.Sprintf("u%d_v%d", u, v),
	).Replace(path)
}

// Cut splits a field that holds the reference's path: the folder, with its
// slash, that all its files are in or below, and the rest. That is a name, or
// more where the token of a tiled image stands in the name of a folder.
func (r *Reference) Cut(path string) (folder, rest string) {
	end := len(path)
	if r.Form == FormTiles {
		for _, token := range []string{tokenUDIM, tokenUVTile} {
			if i := strings.Index(path, token); i >= 0 {
				end = min(end, i)
			}
		}
	}
	if i := strings.IndexByte(path, '{'); r.Form == FormMade && i >= 0 {
		end = i
	}
	folder, _ = splitPath(path[:end])
	return folder, path[len(folder):]
}

// cacheEnd is the end of the name of a point cache's file behind its prefix: the frame, and the cache's place
// among those of its object.
var cacheEnd = pattern.Lazy(`^_-?[0-9]{5,}(_[^.]*)?\.(?:bphys|vdb)$`)

// cacheFrame reports whether rest is the end of such a name, such as _000012_00.bphys with the place 0. Where
// the place is -1 the name has none.
func cacheFrame(rest string, place int) bool {
	want := ""
	if place >= 0 {
		want = fmt.Sprintf("_%02d", place)
	}
	m := cacheEnd().FindStringSubmatch(rest)
	return m != nil && m[1] == want
}

// hexName is how Blender names the caches of an object that has no name for
// them: the object's name in hexadecimal.
func hexName(idName string) string { return fmt.Sprintf("%X", idName) }
