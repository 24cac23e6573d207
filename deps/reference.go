package deps

import "github.com/flsync/flsync/deps/blend"

// Kind is what sort of file a dependency is.
type Kind string

const (
	KindLibrary  Kind = "library"  // a blend file that data is linked from
	KindImage    Kind = "image"    // one picture
	KindSequence Kind = "sequence" // one frame of a numbered set of pictures
	KindUDIM     Kind = "udim"     // one tile of a tiled image
	KindMovie    Kind = "movie"    // a film, as an image, a clip or a strip
	KindSound    Kind = "sound"
	KindFont     Kind = "font"
	KindVolume   Kind = "volume" // OpenVDB, also a frame of a sequence
	KindCache    Kind = "cache"  // geometry and simulations: Alembic, USD, baked physics, bakes, proxies
	KindText     Kind = "text"   // a text data-block's file
	KindOther    Kind = "other"  // light profiles (IES), shader scripts (OSL), files that nodes import
)

// A Reference is one place in a blend file that names files.
type Reference struct {
	// ID names the data-block that holds it, with the two letters of its kind in front: "IMwood".
	ID string
	// Field is where in the data-block the path stands: "Image.name".
	Field string
	Kind  Kind
	// Path is what stands there, in Blender's syntax. It may be any bytes.
	Path string
	// Form says how the path leads to files.
	Form Form
	// Base says what a leading // in Path stands for.
	Base Base
	// Library is the index in Contents.Libraries of the library in question: the
	// one referred to when Kind is KindLibrary, else what Base says.
	Library int
	// Tiles are the numbers of a tiled image's tiles.
	Tiles []int
	// Name is the rest of a file's name when Form says so.
	Name string
	// Stack is the index of a point cache among those of its object; -1 for none.
	Stack int
	// Optional files are used when they exist, and nothing is amiss when they don't.
	Optional bool
	// Parts are the fields that Path was read from: one, or a folder and a
	// name. Empty when the path follows from something else.
	Parts []Part
}

// A Part is a field of the blend file that holds a path or one half of it.
type Part struct {
	// Role is what of the path it holds.
	Role Role
	// Offset is where the field starts in the decompressed file, and Size how many
	// bytes it has room for, the closing NUL included.
	Offset int64
	Size   int
	// Raw is what stands there up to the first NUL, or Size bytes without one.
	Raw string
	// Block is the offset of the block's header when the field is a block of its
	// own, which could be made longer; else -1.
	Block int64
	// Length is the offset of IDProperty.len when the field is the text of a
	// string property, which counts its bytes; else 0.
	Length int64
}

// Role is what a Part holds.
type Role uint8

const (
	RolePath   Role = iota // all of it
	RoleFolder             // the folder, with or without a slash at its end
	RoleName               // the file's name in that folder
)

// Base says what the // at the start of a path stands for.
type Base uint8

const (
	// BaseSelf: the folder of the blend file that holds the path.
	BaseSelf Base = iota
	// BaseLibrary: the folder of one of its libraries, for data that was packed
	// into the file when it was linked.
	BaseLibrary
	// BaseMain: the folder of the blend file that is rendered, whichever library holds the path.
	BaseMain
	// BaseStrip: BaseMain when the Blender that saved the rendered file is older than 4.0, else BaseSelf.
	// Strips of linked scenes were seen to be so in 3.4 and in 4.3.
	BaseStrip
	// BaseShader: BaseMain when it is 5.1 or later, else BaseSelf. Light profiles of linked lights were seen
	// to be so in 4.3 and in 5.2.
	BaseShader

	basesEnd
)

// Form says how a Reference's path leads to files.
type Form uint8

const (
	// FormFile: the path is that of one file.
	FormFile Form = iota
	// FormSequence: the last number in the file's name counts frames.
	FormSequence
	// FormFrames: a number right before the extension counts frames.
	FormFrames
	// FormTiles: the path has a token, or a number, for which each of Tiles is put.
	FormTiles
	// FormPointCache: the path is a folder, Name the start of the names of a point cache's files in it.
	FormPointCache
	// FormDiskCache: as FormPointCache, in the folder that Blender makes beside
	// the blend file. Path is empty.
	FormDiskCache
	// FormFluid: the path is the folder of a fluid domain's cache.
	FormFluid
	// FormOcean: the path is the folder of a baked ocean.
	FormOcean
	// FormBake: the path is the folder of one bake of geometry nodes.
	FormBake
	// FormElbeem: the path is the start of the names of a fluid's files, as Blender up to 2.81 has them.
	FormElbeem
	// FormProxies: the path is a folder in which everything is proxies of one film or clip.
	FormProxies
	// FormMade: nodes put a path together of which this is a part: the start, or a text with {} in it. Name
	// is how it ends, "" where that is not known.
	FormMade
	// FormMadeUp: nodes put a path together. It leads to nothing itself, see FormMade.
	FormMadeUp
	// FormProperty: the path is that of a file, or of a folder of which all counts, in a custom property.
	FormProperty

	formsEnd
)

// pathPart makes a Part of a char array in a struct.
func pathPart(s blend.Struct, field string, role Role) Part {
	raw, offset := s.Raw(field)
	return Part{Role: role, Offset: offset, Size: len(raw), Raw: string(s.Bytes(field)), Block: -1}
}
