package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/settings"
)

// framesFlags are what `flsync frames` can be told.
type framesFlags struct {
	run    string
	maps   []string
	decode bool
	retry  bool
	html   string
}

func (a *app) framesCommand() *cobra.Command {
	var f framesFlags
	cmd := &cobra.Command{
		Use: "frames JOB…", Short: "Look at the frames of jobs: which are missing, cut off, or older than the job",
		Long: `Looks at the files that jobs were to render, where the farm's storage is mounted on this machine; also
for jobs of Flamenco's own add-on. Header and end of each file are read (PNG, JPEG, OpenEXR, TIFF, movies).

Exit code: 0 when all frames are good or still to come, 3 when some are not, also when --retry has
their tasks run again.`,
		Example: `  flsync frames sh010 'sq020*'
  flsync frames sh010 --storage-map /mnt/farm=/Volumes/farm
  flsync frames --run 2026 --html frames.html
  flsync frames sh010 --retry`,
		ValidArgsFunction: a.completeJobs,
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			chosen, err := a.framesJobs(ctx, m, f.run, args)
			if err != nil {
				return err
			}
			return a.showFrames(ctx, m, chosen, f)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "the jobs of this `RUN` of flsync, by the beginning of its name")
	flags.StringArrayVar(&f.maps, "storage-map", nil, "`FROM=TO`: what the farm has at FROM is at TO on this machine; may be repeated")
	flags.BoolVar(&f.decode, "decode", false, "decode PNG, JPEG and TIFF wholly, which takes its time")
	flags.BoolVar(&f.retry, "retry", false, "run the tasks again that cover what is missing or damaged")
	flags.StringVar(&f.html, "html", "", "write a page with a map of all frames and some pictures to `FILE`")
	return cmd
}

// framesJobs returns the jobs that are meant: those that words name, and those of a run.
func (a *app) framesJobs(ctx context.Context, m *link, run string, words []string) (chosen []named, err error) {
	if run == "" && len(words) == 0 {
		return nil, usagef("name a job, or a run with --run")
	}
	if len(words) > 0 {
		if chosen, err = a.choose(words, jobChooser(ctx, m)); err != nil {
			return nil, err
		}
	}
	if run == "" {
		return chosen, nil
	}
	_, paths, err := a.loadPaths()
	if err != nil {
		return nil, err
	}
	past, err := loadRun(paths.Runs, []string{run})
	if err != nil {
		return nil, err
	}
	for _, j := range past.Jobs {
		if j.ID != "" && !slices.ContainsFunc(chosen, func(n named) bool { return n.id == j.ID }) {
			chosen = append(chosen, named{j.ID, j.Name})
		}
	}
	return chosen, nil
}

// showFrames looks at the frames of jobs, one job after the other: the frames of one are looked at side by side.
func (a *app) showFrames(ctx context.Context, m *link, chosen []named, f framesFlags) error {
	places, err := findPlaces(ctx, m, f.maps)
	if err != nil {
		return err
	}
	failed, bad := 0, 0
	var last error
	var all []jobFrames
	for _, n := range chosen {
		found, err := places.look(ctx, m, n.id, f.decode)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, frames.ErrNoOutput) && len(chosen) > 1:
			a.skipped("%s: %s", label(n), err)
			continue
		case err == nil:
			all = append(all, found)
			a.tellFrames(found)
			if wrong := found.bad(); len(wrong) > 0 {
				bad++
				if f.retry {
					err = a.retryFrames(ctx, m, found)
				}
			}
		}
		if err != nil {
			failed, last = failed+1, err
			if len(chosen) > 1 {
				a.sink().Emit(report.Error{Code: codeName(err), Job: label(n), Message: err.Error()})
			}
		}
	}
	if f.html != "" {
		if err := writeFramesPage(f.html, all); err != nil {
			return err
		}
	}
	switch {
	case failed > 0 && len(chosen) == 1:
		return last
	case failed > 0 && failed == len(chosen):
		return &toldError{last}
	case failed+bad > 0:
		return &toldError{fmt.Errorf("%w: of %d jobs, %d have frames that are not good, and %d could not be looked at", pipeline.ErrPartial, len(chosen), bad, failed)}
	}
	return nil
}

// jobFrames is what was found of one job.
type jobFrames struct {
	job    api.Job
	path   string // of one frame on this machine, with # for its digits
	output frames.Output
	frames []frames.Frame
	video  *frames.Frame // nil without one that is to be there
	tasks  []api.TaskSummary
	covers map[string][]int // frames by task; nil when nothing is missing or damaged
}

// badFrames returns the frames that are to be rendered again.
func (j jobFrames) badFrames() (bad []frames.Frame) {
	for _, f := range j.frames {
		if f.State.Bad() {
			bad = append(bad, f)
		}
	}
	return bad
}

// bad returns the frames that are to be rendered again, and the video.
func (j jobFrames) bad() []frames.Frame {
	bad := j.badFrames()
	if j.video != nil && j.video.State.Bad() {
		bad = append(bad, *j.video)
	}
	return bad
}

// numbers returns those frames whose state fits, as a range.
func (j jobFrames) numbers(fits func(frames.State) bool) string {
	var n []int
	for _, f := range j.frames {
		if fits(f.State) {
			n = append(n, f.Number)
		}
	}
	return frames.List(n)
}

func (a *app) tellFrames(j jobFrames) {
	sum := report.Frames{
		Job: j.job.ID, Name: j.job.Name, Status: string(j.job.Status), Path: j.path, Expected: len(j.frames),
		Missing: j.numbers(func(s frames.State) bool { return s == frames.Missing }),
		Damaged: j.numbers(func(s frames.State) bool { return s.Bad() && s != frames.Missing }),
		Due:     j.numbers(func(s frames.State) bool { return s == frames.Due }),
	}
	for _, f := range j.frames {
		if f.State == frames.OK {
			sum.OK++
		}
	}
	sink := a.sink()
	sink.Emit(sum)
	for _, f := range j.bad() {
		e := report.Frame{Job: j.job.ID, Path: f.Path, State: string(f.State), Detail: f.Detail}
		if j.video == nil || f.Path != j.video.Path {
			e.Frame = &f.Number
		}
		sink.Emit(e)
	}
}

// places says where on this machine the paths of jobs are.
type places struct {
	variables map[string]string // of the Manager, by name
	maps      [][2]string       // from, to: those that a person gave come first
}

// findPlaces asks the Manager for what its variables and its storage are called on this machine. given are FROM=TO.
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
	if here.ShamanEnabled {
		p.variables["jobs"] += "/jobs"
	}
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

// cutFolder returns what of is below folder. In paths of Windows case does not count.
func cutFolder(of, folder string) (rest string, ok bool) {
	if len(of) < len(folder) {
		return "", false
	}
	head, rest := of[:len(folder)], of[len(folder):]
	windows := len(folder) > 1 && folder[1] == ':' || strings.HasPrefix(folder, "//")
	same := head == folder || windows && strings.EqualFold(head, folder)
	return rest, same && (rest == "" || rest[0] == '/')
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
	if j.frames, err = j.output.Check(ctx, dir, frames.Options{Decode: decode}); err != nil {
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

// coverage returns the frames that each task of a job renders. Tasks of Flamenco's own job type have them in their
// names, those of others in Blender's --render-frame.
func coverage(ctx context.Context, m *link, j jobFrames) (map[string][]int, error) {
	of := make([][]int, len(j.tasks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, t := range j.tasks {
		if chunk, ok := strings.CutPrefix(t.Name, "render-"); ok && j.job.Type == "simple-blender-render" {
			if numbers, err := frames.Parse(chunk); err == nil {
				of[i] = numbers
				continue
			}
		}
		group.Go(func() error {
			task, err := m.Task(ctx, t.ID)
			for _, c := range task.Commands {
				args, _ := c.Parameters["args"].([]any)
				for k := 1; k < len(args); k++ {
					if args[k-1] == "--render-frame" || args[k-1] == "-f" {
						more, _ := frames.Parse(fmt.Sprint(args[k]))
						of[i] = append(of[i], more...)
					}
				}
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	covers := make(map[string][]int)
	for i, t := range j.tasks {
		covers[t.ID] = of[i]
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

// missingFrames returns the frames that a job has not rendered, or only in part, without those that jobs of earlier
// runs for some frames are to render. Damaged ones are set aside, but for a dry run.
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

// retryFrames has the tasks run again that cover what is missing or damaged, and the one that makes the video. Blender
// leaves alone what is there, so damaged files are given another name first.
func (a *app) retryFrames(ctx context.Context, m *link, j jobFrames) error {
	wrong := make(map[int]bool)
	for _, f := range j.badFrames() {
		wrong[f.Number] = true
	}
	aside, err := j.setAside()
	if err != nil {
		return err
	}
	of := label(named{j.job.ID, j.job.Name})
	if aside > 0 {
		a.remark(fmt.Sprintf("%s: %s renamed to *.damaged, because Blender does not render over what is there", of, plural(aside, "file")))
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
		a.remark(fmt.Sprintf("%s: no task renders the frames %s", of, frames.List(lost)))
	}
	if len(again) == 0 {
		return errors.New("no task of the job renders what is missing or damaged")
	}
	return a.requeueTasks(ctx, m, j.job, again, "frames are missing or damaged")
}
