package pipeline

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/settings"
)

// factsNamespace is where the cache keeps what blend files refer to.
const factsNamespace = "deps"

// NewTracer joins the tracer to the hash cache, which remembers what a blend file refers to under its digest.
// With hash set, a blend file whose digest is not known is hashed for it: right for a run that sends the file
// anyway, and a waste of time for one that only looks. Paths for which mayTouch is false are not looked at;
// see [gate.Policy.MayTouch]. properties is [deps.Config].Properties. What the cache could not keep is a
// warning.
func NewTracer(cache *hashcache.Cache, hash, properties bool, mayTouch func(path string) bool, sink report.Sink) (*deps.Tracer, error) {
	return deps.New(deps.Config{
		Properties: properties,
		Facts:      cache.Facts(factsNamespace),
		Digest: func(ctx context.Context, path string) (string, error) {
			info, err := os.Stat(path)
			if err != nil {
				return "", err
			}
			sum, known := cache.Lookup(path, info)
			if !known {
				if !hash {
					return "", nil
				}
				if sum, err = cache.Sum(ctx, path, info); err != nil {
					return "", err
				}
			}
			return hex.EncodeToString(sum.SHA256[:]), nil
		},
		MayTouch: mayTouch,
		Warn:     func(err error) { sink.Emit(report.Warning{Code: "trace", Message: err.Error()}) },
	})
}

// traceJob finds what a job's blend file needs, and makes the job's settings.
func (s *submission) traceJob(ctx context.Context, j *jobRun) (err error) {
	select {
	case s.tracing <- struct{}{}:
		defer func() { <-s.tracing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer s.run.meter.traced.Add(1)
	j.jobType, _ = s.farm.Type(j.job.Type) // settings.Static has found it
	if j.job.Blend != "" {
		if j.trace, err = s.tracer.Trace(ctx, j.job.Blend); err != nil {
			return err
		}
		if err := j.requireScene(); err != nil {
			return err
		}
		facts := evalFacts(&j.trace.Blend, j.job.Scene)
		j.facts = &facts
		s.reportTrace(j)
	}
	if !s.opt.UploadOnly && !j.mistaken {
		if err := s.resolveSettings(ctx, j); err != nil && s.checking && ctx.Err() == nil {
			for _, e := range report.Split(err) {
				s.reportLacks(j, check.New(check.WrongSettings, j.job.Pos.String(), "%v", e))
			}
		} else if err != nil {
			return err
		}
		if s.opt.MissingFrames != nil {
			if err := s.onlyMissing(ctx, j); err != nil || j.state == ended {
				return err
			}
		} else {
			s.warnOfSameOutput(j)
		}
		s.checkOutput(j)
	}
	j.state = traced
	return s.allowLacks(j)
}

// resolveSettings makes a job's settings for its job type.
func (s *submission) resolveSettings(ctx context.Context, j *jobRun) (err error) {
	j.values, err = settings.Resolve(ctx, settings.Input{
		Job: j.job, Type: j.jobType, Facts: j.facts, Platform: s.opt.Platform, Blender: s.opt.Blender,
	})
	if err == nil {
		j.narrow()
	}
	return err
}

// requireScene returns an error if the blend file lacks the scene that somebody asked for.
func (j *jobRun) requireScene() error {
	var names []string
	for _, scene := range j.trace.Blend.Scenes {
		names = append(names, scene.Name)
	}
	if j.job.Scene == "" || slices.Contains(names, j.job.Scene) {
		return nil
	}
	return fmt.Errorf("there is no scene %q in %s, but %s", j.job.Scene, j.job.Blend, strings.Join(names, ", "))
}

// reportTrace warns of what a job needs and does not find, each once for a run, and reports the job's lacks.
func (s *submission) reportTrace(j *jobRun) {
	for _, p := range j.trace.Problems {
		s.warnOnce(report.Warning{Code: p.Code, Path: p.Path, Message: fmt.Sprintf("%s (%s in %s)", p.Message, p.ID, p.UsedBy), HasLack: true})
	}
	for _, d := range j.trace.Missing() {
		if d.Wrong == deps.WrongUntouched {
			s.reportHeld(report.Warning{Path: d.Path, Job: j.job.Name, Message: fmt.Sprintf("not sent: %s (%s in %s)", d.Message(), d.ID, d.UsedBy)})
			continue
		}
		var chain []string
		for _, l := range d.Chain {
			chain = append(chain, l.ID+" of "+l.Blend)
		}
		if s.warnOnce(report.Warning{Code: "missing-file", Path: d.Path, Job: j.job.Name, Message: d.Message(), Chain: chain, HasLack: true}) {
			s.run.meter.missing.Add(1)
		}
	}
	s.reportLacks(j, j.trace.Lacks...)
	if s.opt.Check != nil {
		s.reportLacks(j, s.opt.Check.checkFacts(j.job, j.trace)...)
	}
}

// warnOfSameOutput warns of a job that would render over the frames of another blend file. Two jobs of one
// file may well share the frames among them.
func (s *submission) warnOfSameOutput(j *jobRun) {
	output, _ := j.values["render_output_path"].(string)
	if output == "" || j.job.Blend == "" {
		return
	}
	s.mu.Lock()
	other, taken := s.outputs[output]
	if !taken {
		s.outputs[strings.Clone(output)] = j.job.Blend
	}
	s.mu.Unlock()
	if taken && other != j.job.Blend {
		s.run.env.Sink.Emit(report.Warning{Code: "same-output", Path: j.job.Blend, Job: j.job.Name,
			Message: fmt.Sprintf("it renders to %s, and so does %s: one may overwrite the frames of the other; give the jobs different names", output, other)})
	}
}

// warnOnce reports a warning, unless one of the same code and path was reported before.
func (s *submission) warnOnce(w report.Warning) (first bool) {
	if first = s.run.first(w.Code + "\x00" + w.Path); first {
		s.run.env.Sink.Emit(w)
	}
	return first
}

// evalFacts converts what deps knows of a blend file and a scene of it, "" for the active one, to the plain
// value that the evaluator of settings takes.
func evalFacts(b *deps.Blend, scene string) eval.Facts {
	facts := eval.Facts{BlendFile: filepath.ToSlash(b.Path), Scene: cmp.Or(scene, b.ActiveScene)}
	i := slices.IndexFunc(b.Scenes, func(s deps.Scene) bool { return s.Name == facts.Scene })
	if i < 0 {
		return facts
	}
	s := &b.Scenes[i]
	facts.Attributes = make(map[string]any)
	flatten(facts.Attributes, "", s.Properties)
	toPython(facts.Attributes, b.Version)
	maps.Copy(facts.Attributes, s.RNA())
	facts.Custom = custom(b.Version, s.Properties)
	if len(s.ViewLayers) == 1 {
		facts.ViewLayer = s.ViewLayers[0]
	}
	return facts
}

// toPython turns settings of render engines into what Python has for them, and drops those that it cannot
// know. Files of Blender before 5 hold yes and no, and the choices of a menu, as whole numbers, as they hold
// numbers.
func toPython(more map[string]any, version string) {
	for name, value := range more {
		n, whole := value.(int64)
		if !whole {
			continue
		}
		_, last, _ := strings.Cut(name, ".")
		switch {
		case name == "cycles.device" && (n == 0 || n == 1):
			more[name] = [...]string{"CPU", "GPU"}[n]
		case strings.HasPrefix(name, "cycles.use_"):
			more[name] = n != 0
		case strings.HasSuffix(last, "samples"), strings.HasSuffix(last, "bounces"), last == "seed", last == "tile_size":
		default:
			delete(more, name)
		}
	}
	// Blender stores what differs from the defaults. Those of device and seed are the same in all its versions,
	// the others from 3.4 to 5.2 at least.
	defaults := map[string]any{"cycles.device": "CPU", "cycles.seed": int64(0)}
	if number, _ := strconv.ParseFloat(version, 64); number >= 3.4 {
		defaults["cycles.samples"], defaults["cycles.use_denoising"] = int64(4096), true
	}
	for name, value := range defaults {
		if _, stored := more[name]; !stored {
			more[name] = value
		}
	}
}

// custom returns what scene.get() finds. From Blender 5 on what add-ons define is apart, and deps has both
// together: their values are then not known.
func custom(version string, properties map[string]any) map[string]any {
	known := make(map[string]any)
	major, _, _ := strings.Cut(version, ".")
	for name, value := range properties {
		if n, err := strconv.Atoi(major); err != nil || n >= 5 {
			value = struct{}{}
		}
		known[name] = value
	}
	return known
}

// flatten copies nested maps into one with dotted names. It leaves lists out: the evaluator has fields for
// those.
func flatten(into map[string]any, prefix string, nested map[string]any) {
	for name, value := range nested {
		switch v := value.(type) {
		case map[string]any:
			flatten(into, prefix+name+".", v)
		case nil, bool, int, int64, float64, string:
			into[prefix+name] = v
		}
	}
}
