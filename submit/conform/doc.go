// Package conform turns an edit into shots to render: it reads a timeline, finds the blend file behind
// each clip, and works out which frames of it the cut uses.
//
// # Basics
//
// [Read] makes an [Edit] of a timeline, [Plan] a [Conform] of an edit, and [Conform.WriteManifest] a
// manifest.
//
// # Time
//
// Times are [Rational], so that nothing is rounded before frames are. A clip has three rates: its media's, in
// which [Clip.Source] counts; the edit's; and the scene's, which [Rules] knows. Frames that are seen in part
// are rendered whole. Where a file can be read in two ways, both are rendered, and a [Note] says so.
//
// # Adding an edit format
//
// A format is a [Reader]: a function from text to an [Edit], in a file of its own, with a line in readers. It
// gives each clip what of its media is seen (speed applied, transitions included unless [Options.Cuts] says
// otherwise), in frames at the media's rate, and fills in Where and Event for messages. One event that it
// cannot read becomes a [Problem]; only a text that is none of its format is an error. Add a line to the
// table in docs/conform.md, a case to testdata, and its ending to FuzzRead.
//
// # Caveats
//
// A clip's source range is in frames of its media. How these relate to the frames of a scene is the studio's
// convention; [Rules] holds it: see FirstFrame, MediaStart and FPS. [Rules.Scene] has each result compared
// with the scene itself.
package conform
