package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
)

// addMore adds to a job's files those that the manifest names, or the whole project, and takes out what is excluded.
func (s *submission) addMore(ctx context.Context, j *jobRun) error {
	exclude := j.job.Excludes()
	isOut := func(f *file) bool { return f.checkoutPath != j.blendAt && exclude.MatchFile(f.checkoutPath) }
	needed := len(j.files)
	if j.files = slices.DeleteFunc(j.files, isOut); len(j.files) < needed {
		s.warnOnce(report.Warning{Code: "left-excluded", Path: j.job.Blend, Job: j.job.Name, Message: fmt.Sprintf("%d files that it needs are not sent, because they are excluded", needed-len(j.files))})
	}
	taken := make(map[string]bool, len(j.files))
	if s.opt.All || len(j.job.Files) > 0 {
		for _, f := range j.files {
			taken[f.checkoutPath] = true
		}
	}
	add := func(w walk.File) {
		f := &file{source: w.Path, checkoutPath: w.Rel}
		if taken[w.Rel] || isOut(f) {
			return
		}
		taken[w.Rel] = true
		var err error
		if j.job.Guessed { // in a project that somebody has named, the walk has seen to what may leave
			_, err = s.projects[j.job.Project].Decide(w.Path)
		}
		if held, ok := errors.AsType[*gate.HeldError](err); ok {
			s.reportHeld(report.Warning{Path: w.Path, Job: j.job.Name, Message: "not sent: " + held.Reason})
			s.reportLacks(j, check.New(check.HeldBack, w.Path, "%s is not sent: %s", w.Path, held.Reason))
			return
		}
		j.files = append(j.files, f)
	}
	if s.opt.All {
		tree, err := s.tree(ctx, j.job.Project)
		if err != nil {
			return err
		}
		for _, f := range tree {
			add(f)
		}
	}
	if err := s.addNamed(ctx, j, add); err != nil {
		return err
	}
	slices.SortFunc(j.files, func(a, b *file) int { return cmp.Compare(a.checkoutPath, b.checkoutPath) })
	return nil
}

// tree returns a project's files. A run walks each project once.
func (s *submission) tree(ctx context.Context, project string) ([]walk.File, error) {
	s.mu.Lock()
	tree, walked := s.trees[project]
	if !walked {
		tree = sync.OnceValues(func() ([]walk.File, error) { return s.list(ctx, walk.Options{Root: project}) })
		s.trees[project] = tree
	}
	s.mu.Unlock() // no lock is held during the walk
	return tree()
}

func (s *submission) list(ctx context.Context, opt walk.Options) (files []walk.File, err error) {
	opt.Warn = func(w walk.Warning) { s.warnOnce(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message}) }
	err = walk.Walk(ctx, opt, func(f walk.File) error {
		f.Info = nil // a third of its memory, and nobody needs it
		files = append(files, f)
		return nil
	})
	return files, s.run.incomplete(err)
}

// addNamed adds what the patterns under files: in the manifest mean. They are a filter over the walked project, so
// what a walk leaves out is left out here, too.
func (s *submission) addNamed(ctx context.Context, j *jobRun, add func(walk.File)) error {
	if len(j.job.Files) == 0 {
		return nil
	}
	patterns, err := gate.ParsePatterns(j.job.Files, j.job.Project)
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	files, err := s.list(ctx, walk.Options{Root: j.job.Project, Only: patterns.Literal()})
	if err != nil {
		return err
	}
	for _, f := range files {
		if patterns.MatchFile(f.Rel) {
			add(f)
		}
	}
	patterns.Used(func(text string, used bool) {
		if !used && err == nil {
			err = fmt.Errorf("files: nothing in %s matches %q, or it is left out: links out of the project, folders of version control systems, backups, what %s names",
				j.job.Project, text, gate.IgnoreFile)
		}
	})
	return err
}
