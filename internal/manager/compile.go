package manager

import (
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/flsync/flsync/flamenco/api"
)

// The real Manager compiles jobs with a JavaScript file for each job type. This does the same for the two
// that come with it, and fails with the same words: clients show them to people.

// compiler makes the tasks of a job. It may change the job's settings.
type compiler func(*compiledJob) error

// compiledJob is a job on its way to becoming tasks.
type compiledJob struct {
	created  time.Time
	settings api.JobSettings
	metadata api.JobMetadata
	tasks    []compiledTask
}

type compiledTask struct {
	name, taskType string
	after          int // how many tasks, from the first, have to be complete before this one
	commands       []api.Command
}

// uncompiled is the refusal of a job that its type cannot make tasks of.
func uncompiled(format string, args ...any) error {
	return refuse(http.StatusBadRequest, format, args...)
}

// where the job type's script fails, which is a part of the real Manager's messages
const (
	atFormat  = " at compileJob (simple_blender_render.js:70:9(27))"
	atOutput  = " at renderOutputPath (simple_blender_render.js:99:9(9))"
	atReplace = " at renderOutputPath (simple_blender_render.js:101:24(14))"
	atChunker = " at projects.blender.org/studio/flamenco/internal/manager/job_compilers.jsFrameChunker (native)"
)

func compileJob(types []jobType, sent api.SubmittedJob, settings api.JobSettings) (*compiledJob, error) {
	for _, t := range types {
		if t.name != sent.Type {
			continue
		}
		if sent.TypeEtag != "" && sent.TypeEtag != t.etag {
			return nil, refuse(http.StatusPreconditionFailed, "rejecting job because its settings are outdated, refresh the job type")
		}
		c := &compiledJob{created: time.Now().UTC(), settings: settings}
		return c, t.compile(c)
	}
	return nil, uncompiled("job type unknown")
}

// tasksInto gives e its tasks and returns what they are to do.
func (c *compiledJob) tasksInto(e *entry) []json.RawMessage {
	e.tasks = make([]task, len(c.tasks))
	commands := make([]json.RawMessage, len(c.tasks))
	for i, t := range c.tasks {
		const priority = 50
		steps := 0
		for _, command := range t.commands {
			steps += max(1, command.TotalStepCount) // a command that tells nothing of its steps is one
		}
		e.tasks[i] = task{
			ID: uuid.NewString(), Index: i + 1, Name: t.name, Type: t.taskType, Priority: priority,
			Status: api.TaskStatusQueued, Created: c.created, Updated: c.created, StepsTotal: steps, After: t.after,
		}
		commands[i] = encode(t.commands)
	}
	return commands
}

func compileEcho(c *compiledJob) error {
	c.tasks = append(c.tasks, compiledTask{name: "echo", taskType: "misc", commands: []api.Command{
		{Name: "echo", Parameters: map[string]any{"message": c.settings["message"]}},
	}})
	for range jsRepeats(c.settings["sleep_repeats"]) {
		c.tasks = append(c.tasks, compiledTask{name: "sleep", taskType: "misc", after: 1, commands: []api.Command{
			{Name: "sleep", Parameters: map[string]any{"duration_in_seconds": c.settings["sleep_duration_seconds"]}},
		}})
	}
	return nil
}

func compileRender(c *compiledJob) error {
	s := c.settings
	switch format := s["format"]; format {
	case "FFMPEG", "AVI_RAW", "AVI_JPEG":
		return uncompiled("This job type only renders images, and not %q"+atFormat, format)
	}
	output, err := c.renderOutput()
	if err != nil {
		return err
	}
	s["render_output_path"] = output // the job is to show what was used

	chunks, err := frameChunks(jsArgument(s["frames"]), jsInt(s["chunk_size"]))
	if err != nil {
		return uncompiled("GoError: %v"+atChunker, err)
	}
	for _, chunk := range chunks {
		c.tasks = append(c.tasks, c.renderTask(chunk, output))
	}
	if video, ok := c.videoTask(slashDir(output)); ok {
		video.after = len(c.tasks)
		c.tasks = append(c.tasks, video)
	}
	return nil
}

// renderOutput is the output path with {timestamp} filled in.
func (c *compiledJob) renderOutput() (string, error) {
	value := c.settings["render_output_path"]
	if !jsTruthy(value) {
		return "", uncompiled("no render_output_path setting!" + atOutput)
	}
	output, ok := value.(string)
	if !ok {
		return "", uncompiled("TypeError: Object has no member 'replace'" + atReplace)
	}
	return strings.ReplaceAll(output, "{timestamp}", c.created.Local().Format("2006-01-02_150405")), nil
}

func (c *compiledJob) renderTask(chunk, output string) compiledTask {
	const settings = "import bpy; r = bpy.context.scene.render; r.use_file_extension = True; r.use_overwrite = False; r.use_placeholder = False"
	var args []any
	if scene := c.settings["scene"]; jsTruthy(scene) {
		args = append(args, "--scene", scene)
	}
	args = append(args,
		"--python-expr", settings,
		"--render-output", path.Join(slashDir(output), slashBase(output)),
		"--render-format", c.settings["format"],
		"--render-frame", strings.ReplaceAll(chunk, "-", ".."),
	)
	frames, _ := explodeFrames(chunk) // it was made of frames
	return compiledTask{name: "render-" + chunk, taskType: "blender", commands: []api.Command{{
		Name: "blender-render",
		Parameters: map[string]any{
			"exe": "{blender}", "exeArgs": "{blenderArgs}", "argsBefore": []string{},
			"blendfile": c.settings["blendfile"], "args": args,
		},
		TotalStepCount: len(frames),
	}}}
}

// videoTask makes a video of the frames, when FFmpeg can read them or Blender made previews of them.
func (c *compiledJob) videoTask(dir string) (compiledTask, bool) {
	s := c.settings
	extension := jsArgument(s["image_file_extension"])
	switch s["format"] {
	case "EXR", "MULTILAYER", "OPEN_EXR", "OPEN_EXR_MULTILAYER":
		if !jsTruthy(s["has_previews"]) {
			return compiledTask{}, false
		}
		extension = ".jpg"
	}
	if !jsTruthy(s["fps"]) {
		return compiledTask{}, false
	}
	frames := jsArgument(s["frames"])
	if strings.Contains(frames, ",") {
		single, _ := frameChunks(frames, 1) // the chunks of the job came from it
		frames = single[0] + "-" + single[len(single)-1]
	}
	base := slashBase(jsArgument(s["blendfile"]))
	stem := strings.Replace(strings.TrimSuffix(base, path.Ext(base)), ".flamenco", "", 1)
	return compiledTask{name: "preview-video", taskType: "ffmpeg", commands: []api.Command{{
		Name: "frames-to-video",
		Parameters: map[string]any{
			"exe": "ffmpeg", "fps": s["fps"],
			"inputGlob":  path.Join(dir, "*"+extension),
			"outputFile": path.Join(dir, stem+"-"+frames+".mp4"),
			"args": []any{
				"-c:v", "h264", "-crf", "20", "-g", "18", "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2",
				"-pix_fmt", "yuv420p", "-r", s["fps"], "-y",
			},
		},
	}}}, true
}
