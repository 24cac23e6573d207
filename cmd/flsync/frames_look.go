package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/ranges"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/settings"
)

// places says where on this machine the paths of jobs are.
type places struct {
	variables map[string]string // of the Manager, by name
	maps      [][2]string       // from, to: those that a person gave come first
}

// findPlaces asks the Manager for what its variables and its storage are called on this machine. given are
// FROM=TO.
func findPlaces(ctx context.Context, m *link, given []string) (places, error) {
	p := places{variables: make(map[string]string)}
	for _, pair := range given {
		from, to, ok := strings.Cut(pair, "=")
		if !ok || from == "" || to == "" {
			return p, usagef("--storage-map %q is not of the form FROM=TO", pair)
		}
		p.maps = append(p.maps, [2]string{slashed(from), to})
	}
	variables, err := m.Variables(ctx, api.ManagerVariableAudienceUsers, runtime.GOOS)
	if err != nil {
		return p, err
	}
	for name, v := range variables {
		p.variables[name] = v.Value
	}
	here, err := m.SharedStorage(ctx, api.ManagerVariableAudienceUsers, runtime.GOOS)
	if err != nil {
		return p, err
	}
	p.variables["jobs"] = here.Location
	for _, platform := range []string{"linux", "windows", "darwin"} {
		there, err := m.SharedStorage(ctx, api.ManagerVariableAudienceWorkers, platform)
		if err != nil {
			return p, err
		}
		if there.Location != "" && there.Location != here.Location {
			p.maps = append(p.maps, [2]string{slashed(there.Location), here.Location})
		}
	}
	return p, nil
}

// slashed returns a path of any platform with slashes, and without one at its end.
func slashed(p string) string {
	return strings.TrimRight(strings.ReplaceAll(p, `\`, "/"), "/")
}

// local returns where a path of a job is on this machine. Paths that are relative to the blend file need it.
func (p places) local(of, blendfile string) (string, error) {
	if strings.HasPrefix(of, "//") && blendfile != "" {
		of = path.Dir(strings.ReplaceAll(blendfile, `\`, "/")) + "/" + of[2:]
	}
	for name, value := range p.variables {
		of = strings.ReplaceAll(of, "{"+name+"}", value)
	}
	if i := strings.IndexByte(of, '{'); i >= 0 {
		return "", fmt.Errorf("what %q stands for in %s is not known here; give the path with --storage-map", of[i:], of)
	}
	whole := slashed(of)
	for _, pair := range p.maps {
		rest, ok := cutFolder(whole, pair[0])
		if ok {
			return filepath.Join(pair[1], filepath.FromSlash(rest)), nil
		}
	}
	if !filepath.IsAbs(filepath.FromSlash(whole)) {
		return "", fmt.Errorf("%s is no path of this machine; say where it is with --storage-map %s=TO", of, path.Dir(whole))
	}
	return filepath.FromSlash(whole), nil
}

// cutFolder returns what of is below folder, "." for folder itself. In paths of Windows case does not count.
func cutFolder(of, folder string) (rest string, ok bool) {
	return place.Rules{Case: place.Volume(folder+"/") != ""}.Below(folder, of)
}

// look finds and checks the frames of a job.
func (p places) look(ctx context.Context, m *link, id string, decode bool) (j jobFrames, err error) {
	if j.job, err = m.Job(ctx, id); err != nil {
		return j, err
	}
	if j.output, err = frames.FromSettings(j.job.Settings, j.job.Created); err != nil {
		return j, err
	}
	blendfile, _ := j.job.Settings[settings.Blendfile].(string)
	if j.path, err = p.local(j.output.Path, blendfile); err != nil {
		return j, err
	}
	if j.tasks, err = m.JobTasks(ctx, id); err != nil {
		return j, err
	}
	dir := filepath.Dir(j.path)
	if err := p.mounted(j, dir); err != nil {
		return j, err
	}
	size := func() (int, int) { return p.sceneSize(ctx, j.job, blendfile) }
	if j.frames, err = j.output.Check(ctx, dir, frames.Options{Decode: decode, Size: size}); err != nil {
		return j, err
	}
	if j.video, err = p.lookAtVideo(ctx, m, j); err != nil || len(j.bad()) == 0 {
		return j, err
	}
	if j.covers, err = coverage(ctx, m, j); err != nil {
		return j, err
	}
	due := make(map[int]bool)
	for _, t := range j.tasks {
		if waits(t.Status) {
			for _, n := range j.covers[t.ID] {
				due[n] = true
			}
		}
	}
	for i := range j.frames {
		if f := &j.frames[i]; f.State.Bad() && due[f.Number] {
			f.State = frames.Due
		}
	}
	return j, nil
}

// sceneSize returns the pixels of a job's frames as its scene has them; 0, 0 where that is not known: the
// blend file is not to be seen here, or the job type is not Flamenco's own and may render at another size.
func (p places) sceneSize(ctx context.Context, job api.Job, blendfile string) (width, height int) {
	here, err := p.local(blendfile, "")
	if job.Type != simpleRender || blendfile == "" || err != nil {
		return 0, 0
	}
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		return 0, 0
	}
	b, err := tracer.Inspect(ctx, here)
	if err != nil {
		return 0, 0
	}
	name, _ := job.Settings["scene"].(string)
	for _, scene := range b.Scenes {
		if scene.Name == cmp.Or(name, b.ActiveScene) {
			return scene.RenderSize()
		}
	}
	return 0, 0
}

// waits reports whether the Manager is still to have a task run, or has it run now.
func waits(s api.TaskStatus) bool {
	switch s {
	case api.TaskStatusCompleted, api.TaskStatusFailed, api.TaskStatusCanceled:
		return false
	}
	return true
}

// mounted returns an error if frames were rendered to a storage that is not to be seen on this machine.
func (p places) mounted(j jobFrames, dir string) error {
	if _, err := os.Stat(dir); err == nil || !slices.ContainsFunc(j.tasks, func(t api.TaskSummary) bool { return t.StepsCompleted > 0 }) {
		return nil
	}
	root := filepath.Dir(dir)
	if given, _ := j.job.Settings["render_output_root"].(string); given != "" {
		if here, err := p.local(given, ""); err == nil {
			root = here
		}
	}
	// An empty folder may be where the storage is to be mounted.
	if entries, err := os.ReadDir(root); err == nil && len(entries) > 0 {
		return nil
	}
	return fmt.Errorf("%s is not there: is the storage mounted on this machine? If it is mounted elsewhere, say where with --storage-map %s=TO", dir, filepath.ToSlash(root))
}

// lookAtVideo looks at the video that a task of the job has made of its frames; nil without such a task.
func (p places) lookAtVideo(ctx context.Context, m *link, j jobFrames) (*frames.Frame, error) {
	i := slices.IndexFunc(j.tasks, func(t api.TaskSummary) bool {
		return t.Name == "preview-video" && t.Status == api.TaskStatusCompleted
	})
	if i < 0 {
		return nil, nil
	}
	task, err := m.Task(ctx, j.tasks[i].ID)
	if err != nil {
		return nil, err
	}
	for _, c := range task.Commands {
		if name, ok := c.Parameters["outputFile"].(string); ok {
			here, err := p.local(name, "")
			if err != nil {
				return nil, err
			}
			f := frames.CheckFile(here, j.output.Since)
			return &f, nil
		}
	}
	return nil, nil
}

// coverage returns the frames that each task of a job renders. Tasks of Flamenco's own job type have them in
// their names, those of others in Blender's --render-frame.
func coverage(ctx context.Context, m *link, j jobFrames) (map[string][]int, error) {
	rendered, err := parallel(ctx, j.tasks, func(ctx context.Context, t api.TaskSummary) (numbers []int, err error) {
		if chunk, ok := strings.CutPrefix(t.Name, "render-"); ok && j.job.Type == simpleRender {
			if numbers, err := ranges.Parse(chunk); err == nil {
				return numbers, nil
			}
		}
		task, err := m.Task(ctx, t.ID)
		for _, c := range task.Commands {
			args, _ := c.Parameters["args"].([]any)
			for k := 1; k < len(args); k++ {
				if args[k-1] == "--render-frame" || args[k-1] == "-f" {
					more, _ := ranges.Parse(fmt.Sprint(args[k]))
					numbers = append(numbers, more...)
				}
			}
		}
		return numbers, err
	})
	if err != nil {
		return nil, err
	}
	covers := make(map[string][]int)
	for i, t := range j.tasks {
		covers[t.ID] = rendered[i]
	}
	return covers, nil
}

// setAside renames damaged frames, and returns how many there are: Blender leaves alone what is there.
func (j jobFrames) setAside() (n int, err error) {
	for _, f := range j.badFrames() {
		if f.State == frames.Missing {
			continue
		}
		if err := os.Rename(f.Path, f.Path+".damaged"); err != nil {
			return n, fmt.Errorf("a damaged frame, over which Blender would not render, cannot be renamed: %w", err)
		}
		n++
	}
	return n, nil
}

// missingFrames returns the frames that a job has not rendered, or only in part, without those that jobs of
// earlier runs for some frames are to render. Damaged ones are set aside, but for a dry run.
func (s *session) missingFrames(ctx context.Context, p places, before api.Job, alive []api.Job, dryRun bool) (string, error) {
	found, err := p.look(ctx, s.manager, before.ID, false)
	if err != nil {
		return "", err
	}
	left := make(map[int]bool)
	for _, job := range alive {
		o, err := frames.FromSettings(job.Settings, job.Created)
		if err != nil {
			return "", fmt.Errorf("job %s: %w", job.ID, err)
		}
		for _, n := range o.Frames {
			left[n] = true
		}
	}
	found.frames = slices.DeleteFunc(found.frames, func(f frames.Frame) bool { return left[f.Number] })
	if !dryRun {
		if _, err := found.setAside(); err != nil {
			return "", err
		}
	}
	return found.numbers(frames.State.Bad), nil
}

// retryFrames has the tasks run again that cover what is missing or damaged, and the one that makes the
// video. Blender leaves alone what is there, so damaged files are given another name first.
func (a *app) retryFrames(ctx context.Context, m *link, j jobFrames) error {
	wrong := make(map[int]bool)
	for _, f := range j.badFrames() {
		wrong[f.Number] = true
	}
	aside, err := j.setAside()
	if err != nil {
		return err
	}
	of := jobLabel(j.job)
	if aside > 0 {
		a.remark("%s: %s renamed to *.damaged, because Blender does not render over what is there", of, report.Count(aside, "file"))
	}
	var again []named
	covered := make(map[int]bool)
	for _, t := range j.tasks {
		takes := t.Name == "preview-video" && t.Status == api.TaskStatusCompleted
		for _, n := range j.covers[t.ID] {
			takes = takes || wrong[n]
			covered[n] = true
		}
		if takes && !waits(t.Status) {
			again = append(again, named{t.ID, t.Name})
		}
	}
	var lost []int
	for n := range wrong {
		if !covered[n] {
			lost = append(lost, n)
		}
	}
	slices.Sort(lost)
	if len(lost) > 0 && !j.output.Movie() {
		a.remark("%s: no task renders the frames %s", of, ranges.Format(lost))
	}
	if len(again) == 0 {
		return errors.New("no task of the job renders what is missing or damaged")
	}
	return a.requeueTasks(ctx, m, j.job, again, "frames are missing or damaged")
}
