package deps

import (
	"fmt"
	"path"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
	"github.com/flsync/flsync/internal/place"
)

// An expander finds the files that references lead to.
type expander struct {
	disk    *disk
	windows bool // what paths mean, see blenderPath
	// properties says that what custom properties lead to is sent.
	properties bool
}

// bases are the blend files that the path of a reference may be relative to: absolute, with slashes.
type bases struct {
	self, main string
	library    string // with BaseLibrary
	version    string // of the Blender that saved main
}

// of returns the blend file that a reference's path is relative to.
func (b bases) of(kind Base) string {
	switch kind {
	case BaseMain:
		return b.main
	case BaseStrip:
		if b.version < "4" {
			return b.main
		}
	case BaseShader:
		if b.version >= "5.1" {
			return b.main
		}
	case BaseLibrary:
		return b.library
	}
	return b.self
}

// An expansion is what a reference comes to.
type expansion struct {
	// files exist.
	files []string
	// missing do not, and should. One that stands for many is the path as it is in
	// the blend file, or a folder.
	missing []string
	// wrong is the code of what is wrong with a missing path beyond that; "" when
	// there is just nothing there.
	wrong string
	// numbers are those of files and missing, see disk.number.
	numbers []int32
	// sequence is what files are frames of, if they are.
	sequence *sequence
}

// A single is a reference to one file: what many shots have in common.
type single struct {
	folder, path string // folder as it stands in the path of the blend file, with its slash
	library      bool
}

// expand finds the files of a reference.
func (x *expander) expand(r *Reference, at bases) expansion {
	base := at.of(r.Base)
	look := func() expansion {
		e := x.look(r, base)
		if e.numbers == nil {
			e.numbers = x.disk.number(e.files, e.missing)
		}
		return e
	}
	if r.Form != FormFile || r.Optional || isShare(base) {
		return look()
	}
	folder := base[:strings.LastIndexByte(base, '/')+1]
	return *x.disk.singles.get(single{folder, r.Path, r.Kind == KindLibrary}, func() *expansion {
		found := look()
		return &found
	})
}

const (
	// WrongFolder: a folder stands where a file should be.
	WrongFolder = "is-folder"
	// WrongFile: a file stands where a folder should be.
	WrongFile = "is-file"
	// WrongUntouched: the path was not looked at, since that would contact another computer; see
	// Config.MayTouch.
	WrongUntouched = "not-looked-at"
)

// look finds the files of a reference whose path is relative to a blend file.
func (x *expander) look(r *Reference, base string) expansion {
	folder := folderOf(base)
	var target string
	if r.Form == FormMadeUp {
		return expansion{}
	}
	if r.Form == FormDiskCache {
		target = folder + "/blendcache_" + stem(base)
	} else if target = blenderPath(r.Path, folder, x.windows); target == "" {
		if r.Form < FormPointCache || !strings.HasPrefix(r.Path, "//") {
			return expansion{}
		}
		target = folder // a folder may be just //
	}
	if isShare(target) { // nowhere, whatever there is in the working folder
		if r.Optional {
			return expansion{}
		}
		return expansion{missing: []string{target}}
	}
	if r.Kind == KindLibrary {
		target = place.Clean(target) // Blender does so for libraries, and for nothing else
	} else {
		target = x.disk.clean(target)
	}
	if target == folder && r.Form < FormPointCache {
		return expansion{} // "//." and the like name nothing
	}
	e := expansion{}
	switch r.Form {
	case FormSequence:
		x.sequence(&e, target, anyNumber)
	case FormFrames:
		x.sequence(&e, target, frameNumber)
	case FormTiles:
		x.tiles(&e, target, r.Tiles)
	case FormPointCache, FormDiskCache:
		x.folder(&e, target, r.Name, func(rest string) bool { return cacheFrame(rest, r.Stack) })
	case FormOcean:
		x.folder(&e, target, "", oceanFrame().MatchString)
	case FormFluid:
		x.folders(&e, target, "config", "data", "guiding", "mesh", "noise", "particles", "script")
	case FormBake:
		x.folders(&e, target, "meta", "blobs", "bdata")
	case FormProxies:
		x.everything(&e, target, maxProxyDepth)
	case FormProperty:
		x.property(&e, target, base)
		return e
	case FormMade:
		x.made(&e, target, base, r.Name, r.Optional)
	case FormElbeem:
		prefix := ""
		if !strings.HasSuffix(r.Path, "/") && !strings.HasSuffix(r.Path, `\`) {
			target, prefix = folderOf(target), path.Base(target)
		}
		x.folder(&e, target, prefix+"fluidsurface_", func(string) bool { return true })
	default:
		x.file(&e, target)
	}
	if r.Optional {
		e.missing, e.wrong = nil, ""
	}
	return e
}

// made adds the files that a path which nodes put together may lead to: those whose names begin and end as it
// does, also in folders whose names begin so. Of an optional one, such as what Replace String changes, only
// the folder and the extension may be right: where nothing else fits, they count. Where the start is a folder
// that the blend file lies in, only the end says something.
func (x *expander) made(e *expansion, target, base, tail string, optional bool) {
	head := target
	if i := strings.IndexByte(target, '{'); i >= 0 {
		head, tail = target[:i], target[strings.LastIndexByte(target, '}')+1:]
	}
	folder := folderOf(head)
	if x.disk.stat(target) == isFolder {
		folder = target
	}
	above := strings.HasPrefix(base, head+"/")
	rules := x.disk.rulesOf(folder)
	for _, entry := range x.disk.list(folder) {
		var all expansion
		at := below(folder, entry.name)
		rest, ok := rules.CutPrefix(at, head)
		switch {
		case !ok || above && (entry.folder || tail == ""):
		case entry.folder:
			x.everything(&all, at, maxMadeDepth)
		default:
			all.files = []string{head + rest}
		}
		for _, file := range all.files {
			if rest, ok := rules.CutSuffix(file, tail); ok {
				e.files = append(e.files, rest+tail)
			}
		}
	}
	if ext := path.Ext(target); len(e.files) == 0 && optional && ext != "" {
		for _, entry := range x.disk.list(folder) {
			if rest, ok := rules.CutSuffix(entry.name, ext); ok && !entry.folder {
				e.files = append(e.files, below(folder, rest+ext))
			}
		}
	}
	if len(e.files) == 0 && folder != target {
		e.missing = append(e.missing, target)
	}
}

// maxMadeDepth is how many folders deep files are looked for of whose path only the start is known.
const maxMadeDepth = 3

// oceanFrame is the name of a file of a baked ocean.
var oceanFrame = pattern.Lazy(`^(disp|foam|normal|spray|spray_inverse)_[0-9]{4,}\.exr$`)

// maxProxyDepth is how deep proxies lie below the folder of what they are of.
const maxProxyDepth = 3

// file adds one file.
func (x *expander) file(e *expansion, target string) {
	switch x.disk.stat(target) {
	case isFile:
		e.files = append(e.files, target)
	case isFolder:
		e.missing, e.wrong = append(e.missing, target), WrongFolder
	case untouched:
		e.missing, e.wrong = append(e.missing, target), WrongUntouched
	default:
		e.missing = append(e.missing, target)
	}
}

// sequence adds all files that have another number where target has its own. Which of them a render opens
// depends on its frames, which a job may change. References to one sequence share the list of its files.
func (x *expander) sequence(e *expansion, target string, number func(string) (numbering, bool)) {
	folder, name := folderOf(target), path.Base(target)
	n, ok := number(name)
	if !ok {
		x.file(e, target)
		return
	}
	s := x.disk.sequence(folder, n)
	if len(s.files) == 0 {
		x.file(e, target)
		return
	}
	*e = s.expansion
}

// tiles adds the files of a tiled image's tiles.
func (x *expander) tiles(e *expansion, target string, tiles []int) {
	for _, tile := range tiles {
		x.file(e, tilePath(target, tile))
	}
	if len(e.files) == 0 && hasTileToken(target) {
		e.missing, e.wrong = []string{target}, ""
	}
}

// folder adds the files in a folder whose names begin with prefix and go on as match wants it, which is
// lower-case by Blender's rules. They are spelled as Blender looks for them, whatever case they have on disk:
// workers may know case.
func (x *expander) folder(e *expansion, target, prefix string, match func(rest string) bool) {
	rules := x.disk.rulesOf(target)
	for _, entry := range x.disk.list(target) {
		rest, ok := rules.CutPrefix(entry.name, prefix)
		if rules.Case {
			rest = strings.ToLower(rest)
		}
		if ok && !entry.folder && match(rest) {
			e.files = append(e.files, below(target, prefix+rest))
		}
	}
	x.needFolder(e, target)
}

// folders adds the files in some folders of a folder.
func (x *expander) folders(e *expansion, target string, names ...string) {
	for _, name := range names {
		x.everything(e, below(target, name), 1)
	}
	x.needFolder(e, target)
}

// everything adds all files in a folder, down to a depth of folders in it.
func (x *expander) everything(e *expansion, target string, depth int) {
	for _, entry := range x.disk.list(target) {
		switch {
		case !entry.folder:
			e.files = append(e.files, below(target, entry.name))
		case depth > 1:
			x.everything(e, below(target, entry.name), depth-1)
		}
	}
}

// needFolder says that the folder is missing if nothing was found in it.
func (x *expander) needFolder(e *expansion, target string) {
	if len(e.files) > 0 {
		return
	}
	e.missing = append(e.missing, target)
	switch x.disk.stat(target) {
	case isFile:
		e.wrong = WrongFile
	case untouched:
		e.wrong = WrongUntouched
	}
}

// explain says for people what is wrong at a missing path.
func explain(wrong, path string) string {
	switch wrong {
	case WrongFolder:
		return fmt.Sprintf("%s is a folder, a file is needed", path)
	case WrongFile:
		return fmt.Sprintf("%s is a file, a folder is needed", path)
	case WrongUntouched:
		return fmt.Sprintf("%s was not looked at: that would contact another computer", path)
	}
	return fmt.Sprintf("%s does not exist", path)
}
