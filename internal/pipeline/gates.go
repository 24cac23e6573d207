package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/report"
)

// gates are those of a run, one for each project or tree. Whatever reads a file to send it asks them first.
type gates struct {
	sink report.Sink

	mu   sync.RWMutex
	list []*gate.Gate
	own  sync.Map // paths that a person named, and flsync's own copies: sent without being asked about
}

func (g *gates) open(cfg gate.Config) (*gate.Gate, error) {
	one, err := gate.New(cfg)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.list = append(g.list, one)
	return one, nil
}

func (g *gates) close() error {
	var errs []error
	for _, one := range g.list {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// vouch lets a path through.
func (g *gates) vouch(path string) { g.own.Store(path, nil) }

// look returns the file that was decided on at path. The error is a [*gate.HeldError] if it may not leave.
func (g *gates) look(path string) (fs.FileInfo, error) { return g.ask(path, (*gate.Gate).Look) }

// renew decides anew, about a file that has changed.
func (g *gates) renew(path string) (fs.FileInfo, error) { return g.ask(path, (*gate.Gate).Renew) }

// lookAgain decides anew after another file was found at path, and reports that.
func (g *gates) lookAgain(path string) (fs.FileInfo, error) {
	g.sink.Emit(report.Warning{Code: "replaced", Path: path, Message: "another file has taken its place since it was found; that one was looked at"})
	return g.renew(path)
}

func (g *gates) ask(path string, decide func(*gate.Gate, string) (gate.File, error)) (fs.FileInfo, error) {
	if _, own := g.own.Load(path); own {
		return os.Stat(path)
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	err := fmt.Errorf("%s: nothing has decided about it", path)
	for _, mine := range []bool{true, false} { // the gate of the project that the path lies in knows best
		for _, one := range g.list {
			if one.Holds(path) == mine {
				var f gate.File
				if f, err = decide(one, path); err == nil {
					return f.Info, nil
				}
			}
		}
	}
	return nil, err
}

// mayTouch reports whether a path may be looked at for one of the projects.
func (g *gates) mayTouch(path string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return slices.ContainsFunc(g.list, func(one *gate.Gate) bool { return one.MayTouch(path) })
}

// openGates makes a gate for each project, and for those with blend files a planner. A project is guessed if
// nobody has named it for any of its jobs.
func (s *submission) openGates() error {
	s.planners, s.projects = make(map[string]*pack.Planner), make(map[string]*gate.Gate)
	home, _ := os.UserHomeDir() // "" if there is none
	named := make(map[string]bool)
	for _, j := range s.opt.Jobs {
		named[j.Project] = named[j.Project] || !j.Guessed
	}
	for _, j := range s.opt.Jobs {
		if j.Blend != "" {
			s.run.gates.vouch(j.Blend)
		}
		if s.projects[j.Project] != nil {
			continue
		}
		g, err := s.run.gates.open(gate.Config{Project: j.Project, Guessed: !named[j.Project], Policy: s.opt.Outside})
		if err != nil {
			return err
		}
		s.projects[j.Project] = g
		if why := g.UnlikelyProject(home); why != "" {
			s.run.env.Sink.Emit(report.Warning{Code: "project-guess", Path: j.Project, Message: "taken for the project, since it holds the blend file, but it is " + why + "; name the project with --project"})
		}
		if s.planners[j.Project], err = pack.NewPlanner(pack.Config{Gate: g, Shared: s.storage.shared, RelativeOnly: s.opt.RelativeOnly}); err != nil {
			return err
		}
	}
	return nil
}

// reportUnused warns of patterns that have matched nothing. Several jobs may have the same one.
func (r *run) reportUnused(lists ...*gate.Patterns) {
	matched := make(map[string]bool)
	for _, p := range lists {
		p.Used(func(text string, used bool) { matched[text] = matched[text] || used })
	}
	for _, text := range slices.Sorted(maps.Keys(matched)) {
		if !matched[text] {
			r.env.Sink.Emit(report.Warning{Code: "pattern-unused", Message: fmt.Sprintf("the pattern %q matches no file of this run", text)})
		}
	}
}
