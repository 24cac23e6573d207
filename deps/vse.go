package deps

import (
	"path"
	"strconv"
	"strings"

	"github.com/flsync/flsync/deps/blend"
)

// What a strip of the video sequencer shows (Sequence.type).
const (
	stripImage   = 0
	stripMovie   = 3
	stripSound   = 4
	stripSoundHD = 5
	stripClip    = 6
)

const (
	stripUseProxy = 1 << 15 // Sequence.flag
	stripUseViews = 1 << 29
	stripReversed = 1 << 5

	viewDisabled = 1 << 0 // SceneRenderView.viewflag
	viewsStereo  = 0      // RenderData.views_format

	proxyCustomFile = 1 << 1 // StripProxy.storage
	proxyCustomDir  = 1 << 2

	proxiesInOneFolder = 1 // Editing.proxy_storage
)

// proxySizes are the sizes that proxies are made in, in percent, by the bits of StripProxy.build_size_flags.
var proxySizes = [...]int{25, 50, 75, 100}

// readStrip takes in one strip of the video sequencer. The files of an image
// strip are listed one by one, so there is nothing to guess.
func readStrip(c *collector, s blend.Struct, r *row) {
	kind := KindImage
	switch s.Int("type") {
	case stripImage:
	case stripMovie:
		kind = KindMovie
	case stripSound, stripSoundHD:
		if s.Pointer("sound") != 0 {
			return // a sound data-block, which has the path
		}
		kind = KindSound
	case stripClip:
		if clip := s.Pointer("clip"); clip != 0 {
			c.showsClip(clip)
		}
		return
	default:
		return // scenes, effects: other data-blocks, or nothing
	}
	strip := s.Follow(r.Field)
	if !strip.Valid() {
		return
	}
	folder := string(strip.Bytes("dir"))
	folderPart := pathPart(strip, "dir", RoleFolder)
	views := c.stripViews(s)
	elements := strip.FollowArray("stripdata")
	used := usedElements(s, elements.Len())
	names := make([]string, 0, elements.Len())
	for i := range elements.Len() {
		element := elements.At(i)
		name := string(element.Bytes("name"))
		if name == "" {
			continue
		}
		names = append(names, name)
		ref := Reference{
			Field: "StripElem.name", Kind: kind, Base: BaseStrip, Path: joinName(folder, name),
			Parts: []Part{folderPart, pathPart(element, "name", RoleName)}, Optional: kind == KindImage && !used(i),
		}
		c.add(ref)
		for _, other := range viewNames(name, views) {
			ref.Path, ref.Parts = joinName(folder, other), []Part{folderPart}
			c.add(ref)
		}
		if kind == KindMovie {
			break // a film is one file
		}
	}
	if s.Int("flag")&stripUseProxy != 0 {
		c.addStripProxies(strip, kind, folder, names)
	}
}

// usedElements reports which elements of an image strip its handles leave to be seen. With other speeds or
// reversed it counts all.
func usedElements(s blend.Struct, elements int) func(i int) bool {
	start, end := max(int(s.Int("startofs")), 0), max(int(s.Int("endofs")), 0)
	shift, length := int(s.Int("anim_startofs")), int(s.Int("len"))
	if elements < 2 || length == 0 || s.Int("flag")&stripReversed != 0 || s.Pointer("retiming_keys") != 0 || s.Pointer("retiming_handles") != 0 ||
		s.Has("speed_factor") && s.Float("speed_factor") != 1 {
		return func(int) bool { return true }
	}
	return func(i int) bool { return i-shift >= start && i-shift < length-end }
}

// stripViews returns the suffixes of the views of a strip with a file for each. These are the views that the
// scene renders: those that are not disabled, and of stereoscopy only left and right.
func (c *collector) stripViews(s blend.Struct) []string {
	if s.Int("flag")&stripUseViews == 0 || s.Int("views_format") != viewsIndividual ||
		c.id.Int("r.scemode")&sceneMultiview == 0 {
		return nil
	}
	var suffixes []string
	for view := range c.id.List("r.views") {
		name := string(view.Bytes("name"))
		if view.Int("viewflag")&viewDisabled != 0 || c.id.Int("r.views_format") == viewsStereo && name != "left" && name != "right" {
			continue
		}
		suffixes = append(suffixes, string(view.Bytes("suffix")))
	}
	return suffixes
}

// viewNames gives the names of the other views' files, where name is the file
// of one view: shot_L.mov, shot_R.mov.
func viewNames(name string, suffixes []string) []string {
	base, ext := name[:extension(name)], name[extension(name):]
	for _, own := range suffixes {
		prefix, ok := strings.CutSuffix(base, own)
		if !ok || own == "" {
			continue
		}
		var others []string
		for _, suffix := range suffixes {
			if suffix != own {
				others = append(others, prefix+suffix+ext)
			}
		}
		return others
	}
	return nil
}

// addStripProxies adds the smaller copies that the sequencer may show instead
// of a strip's files. They are used where they exist.
func (c *collector) addStripProxies(strip blend.Struct, kind Kind, folder string, names []string) {
	proxy := strip.Follow("proxy")
	if !proxy.Valid() {
		return
	}
	editing := c.id.Follow("ed")
	storage := proxy.Int("storage")
	ref := Reference{Field: "StripProxy", Kind: KindCache, Base: BaseStrip, Optional: true}
	base := joinName(folder, proxyFolder)
	switch {
	case editing.Int("proxy_storage") == proxiesInOneFolder:
		base = string(editing.Bytes("proxy_dir"))
		if base == "" {
			base = "//" + proxyFolder
			break
		}
		ref.Field, ref.Parts = "Editing.proxy_dir", []Part{pathPart(editing, "proxy_dir", RoleFolder)}
	case storage&proxyCustomFile != 0:
		ref.Field, ref.Path = "StripProxy.file", joinName(string(proxy.Bytes("dir")), string(proxy.Bytes("file")))
		ref.Parts = []Part{pathPart(proxy, "dir", RoleFolder), pathPart(proxy, "file", RoleName)}
		c.add(ref)
		return
	case storage&proxyCustomDir != 0:
		base = string(proxy.Bytes("dir"))
		ref.Field, ref.Parts = "StripProxy.dir", []Part{pathPart(proxy, "dir", RoleFolder)}
	}
	for _, name := range names {
		if kind != KindImage {
			ref.Form, ref.Path = FormProxies, joinName(base, name)
			c.add(ref)
			continue
		}
		sizes := proxy.Int("build_size_flags")
		for bit, size := range proxySizes {
			if sizes&(1<<bit) != 0 {
				ref.Path = joinName(base, path.Join("images", strconv.Itoa(size), name+"_proxy.jpg"))
				c.add(ref)
			}
		}
	}
}
