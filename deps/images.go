package deps

import (
	"slices"

	"github.com/flsync/flsync/deps/blend"
)

// Where an image comes from (Image.source).
const (
	imageFile     = 1
	imageSequence = 2
	imageMovie    = 3
	imageTiled    = 6
	// Others are made by Blender: generated, viewers, render results.
)

// viewsIndividual: each view of a stereo image has a file of its own.
const viewsIndividual = 0

// readImage takes in an image data-block.
func readImage(c *collector, s blend.Struct, r *row) {
	source := int64(imageFile)
	if s.Has("source") { // Blender 2.42 and older has no other
		source = s.Int("source")
	}
	views := imageViews(s)
	if readsPacked(s, source, len(views)) {
		return
	}
	ref := r.reference(s)
	switch source {
	case imageFile:
		ref.Kind = KindImage
	case imageSequence:
		ref.Kind, ref.Form = KindSequence, FormSequence
	case imageMovie:
		ref.Kind = KindMovie
	case imageTiled:
		ref.Kind = KindUDIM
		if hasTileToken(ref.Path) || !c.version.AtLeast(3, 1) {
			ref.Form, ref.Tiles = FormTiles, imageTiles(s)
		} // else all tiles show the one file
	default:
		return
	}
	for _, view := range views {
		v := ref
		v.Field = "ImageView.filepath"
		v.Path, v.Parts = string(view.Bytes("filepath")), []Part{pathPart(view, "filepath", RolePath)}
		c.add(v)
	}
	// The views' paths were made from the image's, which is not read itself.
	ref.Optional = len(views) > 0
	c.add(ref)
}

// readsPacked reports whether Blender reads an image from what is packed into the blend file: a single image
// with a packed file for each view, or a tiled one with a packed file for each tile. A file that stayed
// behind when the source was switched to a sequence or a movie is not read (BKE_image_has_packedfile,
// image_load_image_file).
func readsPacked(s blend.Struct, source int64, views int) bool {
	files := 0
	for range s.List("packedfiles") {
		files++
	}
	switch source {
	case imageFile:
		return files == 0 && s.Pointer("packedfile") != 0 || files > 0 && files == max(views, 1)
	case imageTiled:
		return files > 0 && files == len(imageTiles(s))*max(views, 1)
	}
	return false
}

// imageTiles gives the numbers of an image's tiles.
func imageTiles(s blend.Struct) []int {
	var tiles []int
	for tile := range s.List("tiles") {
		tiles = append(tiles, int(tile.Int("tile_number")))
	}
	if len(tiles) == 0 {
		tiles = []int{1001}
	}
	slices.Sort(tiles)
	return slices.Compact(tiles)
}

// imageViews gives the views of an image that has a file for each.
func imageViews(s blend.Struct) []blend.Struct {
	if s.Int("views_format") != viewsIndividual {
		return nil
	}
	var views []blend.Struct
	for view := range s.List("views") {
		views = append(views, view)
	}
	if len(views) < 2 {
		return nil
	}
	return slices.DeleteFunc(views, func(v blend.Struct) bool { return len(v.Bytes("filepath")) == 0 })
}
