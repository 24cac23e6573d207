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
	"sync"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/flsync/flsync/internal/walk"
)

// addMore adds to a job's files those that the manifest names, or the whole project, and takes out what is excluded.
func (s *submission) addMore(ctx context.Context, j *jobRun) error {
	taken := make(map[string]bool, len(j.files))
	if s.opt.All || len(j.job.Files) > 0 {
		for _, f := range j.files {
			taken[f.checkoutPath] = true
		}
	}
	add := func(place string) {
		if !taken[place] {
			taken[place] = true
			j.files = append(j.files, &file{source: filepath.Join(j.job.Project, filepath.FromSlash(place)), checkoutPath: place})
		}
	}
	if s.opt.All {
		tree, err := s.tree(ctx, j.job.Project)
		if err != nil {
			return err
		}
		for _, place := range tree {
			add(place)
		}
	}
	for _, pattern := range j.job.Files {
		matches, err := s.matches(ctx, j.job.Project, pattern)
		if err != nil {
			return err
		}
		for _, place := range matches {
			add(place)
		}
	}
	j.files = slices.DeleteFunc(j.files, func(f *file) bool {
		return f.checkoutPath != j.blendAt && excluded(f.checkoutPath, j.job.Exclude)
	})
	slices.SortFunc(j.files, func(a, b *file) int { return cmp.Compare(a.checkoutPath, b.checkoutPath) })
	return nil
}

// tree returns the paths of a project's files, with slashes and below the project. A run walks each project once.
func (s *submission) tree(ctx context.Context, project string) ([]string, error) {
	s.mu.Lock()
	tree, walked := s.trees[project]
	if !walked {
		tree = sync.OnceValues(func() (paths []string, err error) {
			err = walk.Walk(ctx, walk.Options{Root: project, Warn: s.run.walkWarning}, func(f walk.File) error {
				paths = append(paths, f.Rel)
				return nil
			})
			return paths, s.run.incomplete(err)
		})
		s.trees[project] = tree
	}
	s.mu.Unlock() // no lock is held during the walk
	return tree()
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
