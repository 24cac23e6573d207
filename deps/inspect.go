package deps

import (
	"context"
	"slices"
	"strings"
)

// inspect gives the facts about a file, and about scenes that it links.
func (t *Tracer) inspect(ctx context.Context, f *tracedFile) (*Blend, error) {
	b := &Blend{
		Path: native(f.path), Version: f.Version, Old: isOld(f.Version), Compression: f.Compression,
		ActiveScene: f.ActiveScene, Scenes: append([]Scene{}, f.Scenes...), Scripts: f.scripts(),
	}
	var linked []sceneLink
	for i := range f.IDs {
		if f.IDs[i].isScene() && f.IDs[i].Library >= 0 {
			linked = append(linked, sceneLink{f, int32(i)})
		}
	}
	for i := 0; i < min(len(linked), maxLinkedScenes); i++ { // it grows: scenes have other scenes as background
		from, id := linked[i].file, &linked[i].file.IDs[linked[i].id]
		lib, err := t.load(ctx, from.libraryPath(&t.expand, id.Library), true)
		if isCancelled(err) {
			return nil, err
		}
		if err != nil {
			continue // Trace tells
		}
		root, ok := lib.find(id.Name)
		if !ok {
			continue
		}
		for _, id := range lib.walk([]int32{root}, nil) {
			switch {
			case !lib.IDs[id].isScene():
			case lib.IDs[id].Library >= 0:
				if link := (sceneLink{lib, id}); !slices.Contains(linked, link) {
					linked = append(linked, link)
				}
			default:
				b.addLinked(lib.Scenes, bareName(lib.IDs[id].Name))
			}
		}
	}
	for i := range b.Scenes {
		b.Scenes[i].Filepath = t.expand.nativeSlashes(b.Scenes[i].Filepath)
	}
	return b, nil
}

// isOld reports whether a version, as Blender shows it, is older than 2.7.
func isOld(version string) bool {
	major, minor, _ := strings.Cut(version, ".")
	return major < "2" && len(major) == 1 || major == "2" && minor < "7"
}

// maxLinkedScenes bounds the scenes that are linked one from the other.
const maxLinkedScenes = 256

// nativeSlashes turns slashes the way that Blender does on opening a file
// (BLI_path_slash_native): // and the start of a share stay.
func (x *expander) nativeSlashes(path string) string {
	start := 0
	if x.windows || isShare(path) {
		start = min(2, len(path))
	}
	if x.windows {
		return path[:start] + strings.ReplaceAll(path[start:], "/", `\`)
	}
	return path[:start] + strings.ReplaceAll(path[start:], `\`, "/")
}

// A sceneLink is the stand-in for a scene of a library.
type sceneLink struct {
	file *tracedFile
	id   int32
}

// addLinked adds the scene of that name in a library, once.
func (b *Blend) addLinked(scenes []Scene, name string) {
	for _, s := range scenes {
		known := func(k Scene) bool { return k.Linked && k.Name == name }
		if s.Name == name && !slices.ContainsFunc(b.Scenes, known) {
			s.Linked = true
			b.Scenes = append(b.Scenes, s)
		}
	}
}
