// Package conform turns an edit into shots to render: it reads a timeline, finds the blend file behind
// each clip, and works out which frames of it the cut uses.
//
// # Basics
//
//	clips, err := conform.Read("cut.otio", file, conform.Options{})
//	plan, err := conform.Plan(clips, conform.Rules{Map: "shots/{sequence}/{shot}.blend", Project: dir, Handles: 8})
//	plan = plan.Since(before)
//	err = plan.WriteManifest(w, defaults)
//
// OpenTimelineIO JSON (.otio), CMX 3600 edit decision lists (.edl) and CSV are understood. A format is a
// [Reader]; another one is another file and a line in the table of formats.
//
// # Caveats
//
// A clip's source range is in frames of its media, at the media's rate. How these relate to the frames
// of a scene is the studio's convention; [Rules] holds it: see FirstFrame, MediaStart and FPS.
package conform
