package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
)

// makePlanners makes one for each project that has blend files.
func (s *submission) makePlanners() error {
	s.planners = make(map[string]*pack.Planner)
	for _, j := range s.opt.Jobs {
		if j.Blend == "" || s.planners[j.Project] != nil {
			continue
		}
		p, err := pack.NewPlanner(pack.Config{Project: j.Project, Policy: s.opt.Outside, Shared: s.shared, RelativeOnly: s.opt.RelativeOnly})
		if err != nil {
			return err
		}
		s.planners[j.Project] = p
	}
	return nil
}

// placeAlone finds the places of a shot's files if they do not depend on those of other shots, as is so for most: it then
// need not wait until the others are traced.
func (s *submission) placeAlone(ctx context.Context, shot *shot) (placed bool, err error) {
	if shot.trace == nil {
		return true, s.addMore(ctx, shot)
	}
	plan, ok := s.planners[shot.Project].Alone(shot.trace)
	if !ok {
		return false, nil
	}
	return true, s.assign(ctx, shot, plan)
}

// placeTogether finds the places of all files of shots. Those of a project are planned together, so that a file from outside
// has the same place for each and a rewritten library is sent once. Shots that fail are told and left out.
func (s *submission) placeTogether(ctx context.Context, shots []*shot) (placed []*shot) {
	done := func(shot *shot, err error) {
		if err != nil {
			s.failed(ctx, shot, err)
			return
		}
		placed = append(placed, shot)
	}
	byProject := make(map[string][]*shot)
	for _, shot := range shots {
		if shot.trace == nil {
			done(shot, s.addMore(ctx, shot))
		} else {
			byProject[shot.Project] = append(byProject[shot.Project], shot)
		}
	}
	for project, group := range byProject {
		traces := make([]*deps.Trace, len(group))
		for i, shot := range group {
			traces[i] = shot.trace
		}
		batch := s.planners[project].Together(traces...)
		for i, shot := range group {
			plan, err := batch.Plan(i)
			if err == nil {
				err = s.assign(ctx, shot, plan)
			}
			done(shot, err)
		}
	}
	return placed
}

// assign gives a shot its files as they were planned, and what the manifest adds to them.
func (s *submission) assign(ctx context.Context, shot *shot, plan *pack.Plan) error {
	s.tellPlan(shot, plan)
	shot.sends = make([]placed, 0, len(plan.Files)+len(plan.Changed))
	for _, f := range plan.Files {
		shot.sends = append(shot.sends, placed{source: f.Path, place: f.Place})
	}
	for _, c := range plan.Changed {
		shot.sends = append(shot.sends, placed{source: c.Path, place: c.Place, change: &c})
	}
	at, ok := plan.Place(shot.trace.Path)
	if !ok {
		return fmt.Errorf("%s has no place in its own checkout", shot.trace.Path) // cannot happen: it is sent always
	}
	shot.blendAt = at
	return s.addMore(ctx, shot)
}

// tellPlan tells what was held back, and what stays where it is.
func (s *submission) tellPlan(shot *shot, plan *pack.Plan) {
	for _, h := range plan.Held {
		w := report.Warning{Code: "held-back", Path: h.Path, Job: shot.Name, Message: fmt.Sprintf("not sent: %s (%s in %s)", h.Reason, h.ID, h.UsedBy)}
		if s.warnOnce(w) {
			s.meter.heldBack.Add(1)
		}
	}
	for _, l := range plan.Left {
		s.warnOnce(report.Warning{Code: "left-" + string(l.Reason), Path: l.Value, Job: shot.Name, Message: fmt.Sprintf("left alone (%s in %s)", l.ID, l.UsedBy)})
	}
}

// addMore adds the files that the manifest names beside the blend file's own, or the whole project, and
// takes out what is excluded.
func (s *submission) addMore(ctx context.Context, shot *shot) error {
	taken := make(map[string]bool, len(shot.sends))
	if s.opt.All || len(shot.Files) > 0 {
		for _, f := range shot.sends {
			taken[f.place] = true
		}
	}
	add := func(place string) {
		if !taken[place] {
			taken[place] = true
			shot.sends = append(shot.sends, placed{source: filepath.Join(shot.Project, filepath.FromSlash(place)), place: place})
		}
	}
	if s.opt.All {
		tree, err := s.tree(ctx, shot.Project)
		if err != nil {
			return err
		}
		for _, f := range tree {
			add(f.Rel)
		}
	}
	for _, pattern := range shot.Files {
		matches, err := s.matches(ctx, shot.Project, pattern)
		if err != nil {
			return err
		}
		for _, place := range matches {
			add(place)
		}
	}
	shot.sends = slices.DeleteFunc(shot.sends, func(f placed) bool {
		return f.place != shot.blendAt && excluded(f.place, shot.Exclude)
	})
	slices.SortFunc(shot.sends, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	return nil
}

// tree is the files of a project, walked once for a run.
func (s *submission) tree(ctx context.Context, project string) ([]walk.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if files, walked := s.trees[project]; walked {
		return files, nil
	}
	var files []walk.File
	err := walk.Walk(ctx, walk.Options{Root: project, Warn: s.walkWarning}, func(f walk.File) error {
		files = append(files, f)
		return nil
	})
	if err = s.incomplete(err); err != nil {
		return nil, err
	}
	s.trees[project] = files
	return files, nil
}

// matches are the files of a project that a pattern means: a file, a folder with all in it, or a glob.
func (s *submission) matches(ctx context.Context, project, pattern string) ([]string, error) {
	if filepath.IsAbs(pattern) {
		rel, err := filepath.Rel(project, pattern)
		if err != nil {
			return nil, fmt.Errorf("files: %s: %w", pattern, err)
		}
		pattern = rel
	}
	pattern = path.Clean(filepath.ToSlash(pattern))
	if !filepath.IsLocal(filepath.FromSlash(pattern)) {
		return nil, fmt.Errorf("files: %s lies outside of the project %s", pattern, project)
	}
	switch info, err := os.Stat(filepath.Join(project, filepath.FromSlash(pattern))); {
	case err == nil && info.Mode().IsRegular():
		return []string{pattern}, nil // whatever signs its name has
	case err == nil && info.IsDir():
		return s.filesBelow(ctx, project, pattern)
	}
	var found []string
	root := os.DirFS(project)
	err := doublestar.GlobWalk(root, pattern, func(p string, d fs.DirEntry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if info, err := fs.Stat(root, p); err == nil && info.Mode().IsRegular() {
			found = append(found, p)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("files: nothing in %s matches %q", project, pattern)
	}
	return found, err
}

// filesBelow are all files in a folder of a project.
func (s *submission) filesBelow(ctx context.Context, project, folder string) (found []string, err error) {
	root := os.DirFS(project)
	err = fs.WalkDir(root, folder, func(p string, d fs.DirEntry, err error) error {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if info, err := fs.Stat(root, p); err == nil && info.Mode().IsRegular() {
			found = append(found, p)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("files: the folder %s in %s is empty", folder, project)
	}
	return found, err
}

// excluded tells whether a pattern takes a place out: the whole path, its name, or a folder above it.
func excluded(place string, patterns []string) bool {
	for _, p := range patterns {
		for at := place; at != "."; at = path.Dir(at) {
			for _, subject := range []string{at, path.Base(at)} {
				if ok, err := doublestar.Match(p, subject); err == nil && ok {
					return true
				}
			}
		}
	}
	return false
}
