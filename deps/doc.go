// Package deps finds every file that a render of a Blender file needs, and
// what a render needs to know of its scenes, without Blender.
//
// Begin with [New] and [Tracer.Trace]; one Tracer serves a whole run:
//
//	tracer, err := deps.New(deps.Config{})
//	…
//	trace, err := tracer.Trace(ctx, "shots/sh010.blend")
//	…
//	for _, d := range trace.Files {
//		fmt.Println(d.Kind, d.Path, d.Missing)
//	}
//	for _, l := range trace.Lacks {
//		fmt.Println(l.Severity, l.Code, l.Message, l.Remedy)
//	}
//
// # How it works
//
// A blend file is read once, by package blend, into its [Contents]: the references that its data-blocks hold,
// the data-blocks it links, and facts about its scenes. Where references hide is a table of structs and
// fields (table.go); what takes more than one field has a function beside it, by topic: images, clips, the
// sequencer, caches, nodes. Contents depend on nothing but the file's bytes, so [Config.Facts] can keep them
// under a digest.
//
// Of the traced file all data-blocks count. Of a library those count that are linked, what they use, and what
// that uses: each pointer from a data-block to another is followed, of whatever kind, so that parents,
// constraint targets, modifier objects, bone shapes, instanced collections, drivers and custom properties
// need no rules of their own. Which files a reference comes to is looked at anew each run (expand.go).
//
// # What counts
//
// What Blender only writes is no dependency, nor is what its user interface
// remembers, nor where appended data once came from. Of a numbered sequence all
// frames on disk count, as a job may render any of them; of tiled images the
// tiles that the image has; those that the scene's frames show and that are not there are missing. Caches and
// proxies count where they are on disk, and are missing only when the blend file says that they were baked.
//
// # Caveats
//
// A Tracer remembers what it saw on disk. Paths mean what they mean to Blender on the system that flsync runs
// on: on Linux and macOS C:\tex is /c/tex. Add-ons and drivers that make up paths in Python are beyond it;
// what stands literally in their custom properties is told. Of paths that nodes put together it finds the
// files that fit what is known of the name.
//
// The rules were read off Blender's own behaviour, version 2.83 to 5.2, and are
// held by the vectors in testdata/blend.
package deps
