package check

import (
	"fmt"

	"github.com/flsync/flsync/deps"
)

// Codes of lacks that are found beside those of a trace, which package deps has.
const (
	HeldBack      = "held-back"
	NotOnStorage  = "not-on-storage"
	LeftAbsolute  = "left-relative-only"
	NameWindows   = "name-windows"
	OutputOutside = "output-outside"
	NoScene       = "no-scene"
	NoCamera      = "no-camera"
	Border        = "render-region"
	Percentage    = "resolution-percentage"
	OddSize       = "odd-size"
	Simplify      = "simplify"
	FewSamples    = "few-samples"
	Movie         = "movie-output"
	FrameRange    = "frame-range"
	EditRange     = "edit-range"
	NoLayer       = "no-view-layer"
	NoOutput      = "no-compositor-output"
	Scripts       = "scripts-off"
	AddOnEngine   = "add-on-engine"
	NewerBlender  = "newer-blender"
	AbsolutePaths = "absolute-paths"
	Unreadable    = "unreadable-shot"
	WrongSettings = "wrong-settings"
	BrokenRule    = "rule"
)

// A Code says of one kind of lack how severe it is, what it is, and what to do.
type Code struct {
	Name         string
	Severity     deps.Severity
	What, Remedy string
}

// Codes returns all kinds of lacks of this package. docs/check.md shows them.
func Codes() []Code {
	const bad, odd = deps.SeverityError, deps.SeverityWarning
	return []Code{
		{HeldBack, bad, "a file that may not leave is not sent", "name its folder in outside_roots, or move the file into the project"},
		{NotOnStorage, bad, "a file that workers do not see, with --storage in-place", "put it on the farm's storage, or use --storage copy"},
		{LeftAbsolute, odd, "an absolute path that --relative-only leaves alone", "make the path relative in Blender (File > External Data > Make Paths Relative), or leave out --relative-only"},
		{NameWindows, odd, "a name that Windows cannot hold, where the storage or a worker is on Windows", "rename the file, and choose it anew in Blender"},
		{OutputOutside, odd, "frames are rendered to a folder that is in no storage of the Manager", "add a two-way variable for it on the Manager, or choose a render_output_root that all workers see"},
		{NoScene, bad, "the blend file has no scene to render", "save the shot with a scene of its own"},
		{NoCamera, bad, "the scene has no active camera", "choose a camera in Blender (Scene properties > Camera)"},
		{Border, bad, "a render region is on: only a part of the picture is rendered", "switch it off in Blender (Output properties > Format > Render Region)"},
		{Percentage, odd, "the resolution is reduced", "set the percentage to 100 in Blender (Output properties > Format > Resolution %)"},
		{OddSize, odd, "width or height is odd, which video codecs do not take", "choose an even width and height, also after the percentage"},
		{Simplify, odd, "Simplify is on", "switch it off in Blender (Render properties > Simplify)"},
		{FewSamples, odd, "fewer than 16 samples, as for a preview", "raise the samples in Blender (Render properties > Sampling > Render)"},
		{Movie, bad, "the scene renders to a movie, and tasks write to the same file", "choose an image format in Blender (Output properties > Output); a job type makes the preview movie"},
		{FrameRange, odd, "the frame range is a single frame, or reversed (an error)", "set the range in Blender (Output properties > Frame Range), or frames in the manifest"},
		{EditRange, bad, "frames that the edit shows are not rendered", "set the shot's range to that of the edit, or submit the manifest that flsync conform writes"},
		{NoLayer, bad, "no view layer is used for rendering", "switch a view layer on in Blender (View Layer properties > Use for Rendering)"},
		{NoOutput, bad, "the compositor is on and has no output", "add a Composite node (a Group Output from Blender 5 on), or switch Compositing off (Output properties > Post Processing)"},
		{Scripts, bad, "texts to be registered, or drivers that need Python, and the farm's Blender does not run them", "add --enable-autoexec (-y) to the Manager's variable blenderArgs, or bake what they do"},
		{AddOnEngine, odd, "the render engine is an add-on's", "install the add-on on each worker, or choose another engine"},
		{NewerBlender, bad, "the file was saved by a newer Blender than the farm's", "update Blender on the farm, or save the file with the farm's version"},
		{AbsolutePaths, odd, "absolute paths, which need not lead to the same files elsewhere", "make them relative in Blender (File > External Data > Make Paths Relative)"},
		{Unreadable, bad, "the shot cannot be read or planned", "restore the file, or correct what the message names"},
		{WrongSettings, bad, "submit or the Manager would refuse the job's settings", "correct the manifest or the options (flsync jobs types TYPE lists the settings)"},
		{BrokenRule, bad, "a rule of the studio is broken (severity as the rule says)", "do what the rule says"},
	}
}

// New returns a lack of one of this package's codes.
func New(code, path, format string, args ...any) deps.Lack {
	l := deps.Lack{Code: code, Path: path, Message: fmt.Sprintf(format, args...)}
	for _, c := range Codes() {
		if c.Name == code {
			l.Severity, l.Remedy = c.Severity, c.Remedy
		}
	}
	return l
}
