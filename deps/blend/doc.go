// Package blend reads Blender files: their blocks, and the structs in these
// through the description (DNA) that every file carries of itself. It knows the
// names of no fields; what a file depends on is the business of package deps.
//
// Begin with [Open] and range over [File.DataBlocks]:
//
//	f, err := blend.Open("shot.blend", blend.Options{})
//	…
//	defer f.Close()
//	for d, err := range f.DataBlocks() {
//		if err != nil {
//			return err
//		}
//		if d.Code == blend.MakeCode("IM") {
//			fmt.Printf("%s\n", d.Struct().Bytes("name"))
//		}
//	}
//
// Files of Blender 2.4x to 5.x are read, with either form of header, 4 or 8
// bytes to a pointer, either byte order, plain, in gzip or in zstd.
//
// # Memory
//
// A file of up to 16 MiB, decompressed, is held in memory. Of a larger one the block headers and the blocks
// asked for are read, in pieces of up to 1 MiB, and what lies between is skipped: pixels and geometry are
// never in memory, and of a zstd file with a seek table not even decompressed.
//
// # Caveats
//
// A DataBlock and all that was got from it are valid until the walk moves on: copy what is to be kept.
// Nothing of a File is valid after Close. A File is used by one goroutine at a time, and has one walk at a
// time.
//
// Nothing in a file is believed. What contradicts itself gives a [*FormatError];
// a pointer that leads nowhere gives a zero Struct, as Blender has it.
//
// Names of fields are those on disk, which stay when Blender renames a
// member in its source: Image.name, not Image.filepath.
package blend
