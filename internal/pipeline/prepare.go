package pipeline

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/settings"
)

// A shot is a job on its way to the Manager, and what is known of it so far.
type shot struct {
	*manifest.Job
	jobType *api.AvailableJobType
	facts   *eval.Facts     // nil without a blend file
	trace   *deps.Trace     // likewise
	values  api.JobSettings // all but the blend file
	sends   []placed        // what its checkout holds
	blendAt string          // place of the blend file in it
}

// placed is a file and its place in the checkout.
type placed struct {
	source string // absolute
	place  string
	change *pack.Changed // a copy with other paths is sent in its stead
}

// prepare traces the jobs' blend files and makes their settings, side by side. A shot that needs nothing of the others goes
// to deliver at once, while more are being traced; the rest come back, in order. Jobs that cannot be prepared are told
// and left out.
func (s *submission) prepare(ctx context.Context, deliver func(*shot)) (rest []*shot) {
	s.meter.toTrace.Store(int64(len(s.opt.Jobs)))
	shots := make([]*shot, len(s.opt.Jobs))
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // the tracer itself reads one file a core
	for i, j := range s.opt.Jobs {
		group.Go(func() error {
			shot := &shot{Job: j}
			err := s.prepareOne(ctx, shot)
			s.meter.traced.Add(1)
			alone := false
			if err == nil && !s.sharesCheckouts() {
				alone, err = s.placeAlone(ctx, shot)
			}
			switch {
			case ctx.Err() != nil:
			case err != nil:
				s.failed(ctx, shot, err)
			case alone:
				deliver(shot)
			default:
				shots[i] = shot
			}
			return nil
		})
	}
	group.Wait() // what failed was told
	return slices.DeleteFunc(shots, func(shot *shot) bool { return shot == nil })
}

func (s *submission) prepareOne(ctx context.Context, shot *shot) (err error) {
	shot.jobType, _ = s.farm.Type(shot.Type) // the manifest was checked
	if shot.Blend != "" {
		if shot.trace, err = s.tracer.Trace(ctx, shot.Blend); err != nil {
			return err
		}
		if err := checkScene(shot); err != nil {
			return err
		}
		facts := evalFacts(&shot.trace.Blend, shot.Scene)
		shot.facts = &facts
		if err := s.tellMissing(shot); err != nil {
			return err
		}
	}
	if s.opt.UploadOnly {
		return nil
	}
	shot.values, err = settings.Resolve(ctx, settings.Input{Job: shot.Job, Type: shot.jobType, Facts: shot.facts, Blender: s.opt.Blender})
	if err == nil {
		s.tellOutput(shot)
	}
	return err
}

// tellOutput warns of a job that would render over the frames of another blend file. Two jobs of one file may well share
// the frames among them.
func (s *submission) tellOutput(shot *shot) {
	output, _ := shot.values["render_output_path"].(string)
	if output == "" || shot.Blend == "" {
		return
	}
	s.mu.Lock()
	other, taken := s.outputs[output]
	if !taken {
		s.outputs[output] = shot.Blend
	}
	s.mu.Unlock()
	if taken && other != shot.Blend {
		s.Sink.Emit(report.Warning{Code: "same-output", Path: shot.Blend, Job: shot.Name,
			Message: fmt.Sprintf("it renders to %s, and so does %s: one may overwrite the frames of the other; give the jobs different names", output, other)})
	}
}

// checkScene makes sure that the scene that somebody asked for is there.
func checkScene(shot *shot) error {
	if shot.Scene == "" {
		return nil
	}
	var names []string
	for _, scene := range shot.trace.Blend.Scenes {
		if scene.Name == shot.Scene {
			return nil
		}
		names = append(names, scene.Name)
	}
	return fmt.Errorf("there is no scene %q in %s, but %s", shot.Scene, shot.Blend, strings.Join(names, ", "))
}

// tellMissing tells what a shot needs and does not find, and what is odd about it; each once for a run.
func (s *submission) tellMissing(shot *shot) error {
	for _, p := range shot.trace.Problems {
		s.warnOnce(report.Warning{Code: p.Code, Path: p.Path, Message: fmt.Sprintf("%s (%s in %s)", p.Message, p.ID, p.UsedBy)})
	}
	missing := shot.trace.Missing()
	for _, d := range missing {
		var chain []string
		for _, l := range d.Chain {
			chain = append(chain, l.ID+" of "+l.Blend)
		}
		if s.warnOnce(report.Warning{Code: "missing-file", Path: d.Path, Job: shot.Name, Message: d.Message(), Chain: chain}) {
			s.meter.missing.Add(1)
		}
	}
	if s.opt.NeedAll && len(missing) > 0 {
		return fmt.Errorf("%d files that it needs are missing, %s among them", len(missing), missing[0].Path)
	}
	return nil
}

// warnOnce tells a warning unless one of the same code and path was told before.
func (s *submission) warnOnce(w report.Warning) bool {
	s.mu.Lock()
	key := w.Code + "\x00" + w.Path
	told := s.told[key]
	s.told[key] = true
	s.mu.Unlock()
	if !told {
		s.Sink.Emit(w)
	}
	return !told
}

// sharedStorage is what the farm sees already: the Manager's storage, and the values of its variables
// that are paths.
func sharedStorage(ctx context.Context, env Env) (pack.Shared, error) {
	var shared pack.Shared
	add := func(prefix string) {
		if one := (pack.Shared{prefix}); prefix != "" && isPath(prefix) && one.Validate() == nil {
			shared = append(shared, prefix)
		}
	}
	config, err := ask(ctx, env, env.Manager.Configuration)
	if err != nil {
		return nil, err
	}
	if config.ShamanEnabled { // the storage location is then the folder of checkouts in it
		add(path.Dir(filepath.ToSlash(config.StorageLocation)))
	}
	add(config.StorageLocation)
	for _, audience := range []api.ManagerVariableAudience{api.ManagerVariableAudienceUsers, api.ManagerVariableAudienceWorkers} {
		variables, err := ask(ctx, env, func(ctx context.Context) (api.ManagerVariables, error) {
			return env.Manager.Variables(ctx, audience, runtime.GOOS)
		})
		if err != nil {
			return nil, err
		}
		for name, v := range variables {
			if v.IsTwoway || name == "jobs" || name == "shared_storage_path" {
				add(v.Value)
			}
		}
	}
	return shared, nil
}

// isPath tells a folder from the command lines that variables may also hold.
func isPath(value string) bool {
	return path.IsAbs(filepath.ToSlash(value)) || len(value) > 2 && value[1] == ':' || strings.HasPrefix(value, `\\`)
}

// submitted is a shot as the Manager takes it. checkout is the path of its checkout, "" without one.
func (s *submission) submitted(shot *shot, checkout string) api.SubmittedJob {
	job := api.SubmittedJob{
		Name: shot.Name, Type: shot.Type, TypeEtag: shot.jobType.Etag, Priority: shot.Priority,
		SubmitterPlatform: runtime.GOOS, InitialStatus: api.JobStatus(shot.InitialStatus),
		Settings: maps.Clone(shot.values), Metadata: maps.Clone(shot.Metadata),
	}
	if job.Settings == nil {
		job.Settings = make(api.JobSettings)
	}
	if shot.WorkerTag != "" {
		job.WorkerTag, _ = s.farm.Tag(shot.WorkerTag) // the manifest was checked
	}
	if shot.blendAt != "" {
		job.Settings[settings.Blendfile] = "{jobs}/" + checkout + "/" + shot.blendAt
	}
	if checkout != "" && !s.opt.Shared {
		job.Storage = &api.JobStorageInfo{ShamanCheckoutID: checkout}
	}
	return job
}
