package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/settings"
)

// ErrLacks reports that a job is not submitted because its frames would be wrong.
var ErrLacks = errors.New("its frames would be wrong")

// LackEvent returns the event of a job's lack; job is "" for a blend file without one.
func LackEvent(l *deps.Lack, job string) report.Lack {
	event := report.Lack{
		Code: l.Code, Severity: string(l.Severity), Path: l.Path, UsedBy: l.UsedBy, ID: l.ID, Field: l.Field,
		Job: job, Scene: l.Scene, Frames: l.Frames, Message: l.Message, Remedy: l.Remedy,
	}
	for _, link := range l.Chain {
		event.Chain = append(event.Chain, report.Link(link))
	}
	return event
}

// reportLacks reports lacks of a job, each once.
func (s *submission) reportLacks(j *jobRun, lacks ...deps.Lack) {
	for i := range lacks {
		l := &lacks[i]
		key := l.Code + "\x00" + l.Path + "\x00" + l.Message
		broken := "broken\x00" + l.Path
		if j.lacks[key] || l.Code == check.HeldBack && j.lacks[broken] { // a broken file's first bytes are why it is held back
			continue
		}
		if j.lacks == nil {
			j.lacks = make(map[string]bool)
		}
		j.lacks[key] = true
		if l.Code == deps.LackContent || l.Code == deps.LackLibrary {
			j.lacks[broken] = true
		}
		event := LackEvent(l, j.job.Name)
		event.Again = !s.run.first("lack\x00" + key)
		s.mu.Lock()
		s.run.meter.lacks.Count(event)
		s.mu.Unlock()
		if l.Spoils() {
			j.spoils = append(j.spoils, l.Message)
		}
		if s.checking {
			for _, text := range []*string{&event.Path, &event.UsedBy, &event.ID, &event.Field, &event.Scene, &event.Frames} {
				*text = strings.Clone(*text) // which may be a part of all that the cache keeps of the shot
			}
			for i, link := range event.Chain {
				event.Chain[i] = report.Link{Blend: strings.Clone(link.Blend), ID: strings.Clone(link.ID)}
			}
			j.found = append(j.found, event) // reported job by job
			continue
		}
		s.run.env.Sink.Emit(event)
	}
}

// allowLacks returns an error that wraps [ErrLacks] if a job has lacks that make frames wrong and must have
// none.
func (s *submission) allowLacks(j *jobRun) error {
	if len(j.spoils) > 0 && cmp.Or(s.opt.Missing, j.job.Missing) == "fail" {
		return fmt.Errorf("%w: %d lacks, %s", ErrLacks, len(j.spoils), j.spoils[0])
	}
	return nil
}

// checkOutput reports a job whose frames go where the Manager knows of no storage.
func (s *submission) checkOutput(j *jobRun) {
	output, _ := j.values["render_output_path"].(string)
	if output != "" && len(s.storage.outputs) > 0 && !settings.InStorage(output, s.storage.outputs) {
		l := check.New(check.OutputOutside, output, "frames go to %s, which is in no storage that the Manager knows", output)
		if name, _, ok := strings.Cut(output, "}"); ok && eval.HasVariable(output) {
			l.Message = fmt.Sprintf("frames go to %s, and %s} is no folder that the Manager knows", output, name)
		}
		if i := slices.IndexFunc(s.storage.outputs, func(known string) bool { return known != "{jobs}" && eval.HasVariable(known+"/") }); i >= 0 {
			l.Remedy += ", such as " + s.storage.outputs[i] + "/renders"
		} else if len(s.storage.shared) > 0 {
			l.Remedy += ", such as " + path.Join(s.storage.shared[0], "renders")
		}
		s.reportLacks(j, l)
	}
}

// planLacks returns the lacks of a plan: files that are held back, and paths that workers do not see.
func (s *submission) planLacks(plan *pack.Plan) (lacks []deps.Lack) {
	for _, h := range plan.Held {
		l := check.New(check.HeldBack, h.Path, "%s is not sent: %s", h.Path, h.Reason)
		l.UsedBy, l.ID, l.Field = h.UsedBy, h.ID, h.Field
		lacks = append(lacks, l)
	}
	for _, left := range plan.Left {
		if left.Reason == pack.LeftShared {
			continue
		}
		l := check.New(check.LeftAbsolute, left.Value, "%s stays as it is: absolute paths are left alone", left.Value)
		l.UsedBy, l.ID, l.Field = left.UsedBy, left.ID, left.Field
		lacks = append(lacks, l)
	}
	return lacks
}
