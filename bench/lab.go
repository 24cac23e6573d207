package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/flsync/flsync/internal/lab/netsim"
)

// Lab runs scenarios.
type Lab struct {
	Flsync  string        // the program that is measured
	Self    string        // this program, which also is the baselines' and the line's
	Dir     string        // where trees and stores are made; removed afterwards
	Manager ManagerSource // where Managers come from
	Addon   string        // folder with the package flamenco of Flamenco's add-on; "": none
	Reps    int           // samples of each contender
	Budget  float64       // megabytes that flsync may have in memory in any scenario
	Only    *regexp.Regexp
	Quick   bool // figures do not matter: nothing is done for their sake
	Log     func(format string, args ...any)
}

// validate reports what the lab lacks.
func (l *Lab) validate() error {
	switch {
	case l.Flsync == "" || l.Self == "" || l.Dir == "":
		return errors.New("bench: the lab lacks flsync, itself or a folder")
	case l.Reps < 1:
		return errors.New("bench: the lab takes no samples")
	case l.Log == nil:
		return errors.New("bench: the lab has no log")
	}
	_, err := exec.LookPath(l.Flsync)
	return err
}

// Run measures the scenarios one after the other. The result of a scenario that fails has its error, and the others go
// on. When the context ends, Run returns the results so far with its cause.
func (l *Lab) Run(ctx context.Context, scenarios []Scenario) (*Results, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	results := &Results{Environment: environment(l)}
	began := time.Now()
	for _, s := range scenarios {
		if l.Only != nil && !l.Only.MatchString(s.Name) {
			continue
		}
		if why := cannotPart(); s.Apart && why != "" {
			l.Log("%s is left out: %s", s.Name, why)
			continue
		}
		if s.Plain && l.Manager.URL != "" {
			l.Log("%s is left out: it needs a Manager whose Shaman is off", s.Name)
			continue
		}
		l.Log("%s: %s", s.Name, s.Title)
		result, err := l.scenario(ctx, s, results)
		if err != nil {
			if ctx.Err() != nil {
				return results, context.Cause(ctx)
			}
			l.Log("%s failed: %v", s.Name, err)
			result.Error = err.Error()
		}
		results.Scenarios = append(results.Scenarios, result)
	}
	results.Scenarios = append(results.Scenarios, results.memory(l.Budget))
	results.Environment.Minutes = time.Since(began).Minutes()
	return results, nil
}

// Site is where one scenario happens.
type Site struct {
	*Lab
	Scenario Scenario
	Dir      string // of this scenario, with room for whatever contenders need
	Tree     string // the tree that is measured
	URL      string // the Manager, at the near end of the line if there is one

	seed          uint64
	manager, line *service
}

// Seed returns a number that it never returned before, in this run or another: contents made from it are in no Manager's
// store.
func (s *Site) Seed() uint64 {
	s.seed++
	return s.seed
}

// Path is a place in the scenario's folder.
func (s *Site) Path(name string) string { return filepath.Join(s.Dir, name) }

func (l *Lab) scenario(ctx context.Context, s Scenario, results *Results) (Result, error) {
	result := Result{Name: s.Name, Title: s.Title, Curve: s.Curve, AllRead: s.AllRead}
	result.Files, result.Bytes = s.Tree.Totals()
	dir, err := os.MkdirTemp(l.Dir, "flsync-bench-"+s.Name+"-")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	site := &Site{Lab: l, Scenario: s, Dir: dir, Tree: filepath.Join(dir, "tree"), seed: uint64(time.Now().UnixNano())}
	defer func() { site.line.stop(); site.manager.stop() }()
	if err := site.open(ctx, results); err != nil {
		return result, err
	}
	err = site.sample(ctx, &result)
	for _, goal := range s.Goals {
		result.Goals = append(result.Goals, goal.judge(&result))
	}
	return result, err
}

// open makes the tree, starts the Manager and the line, and sets up.
func (s *Site) open(ctx context.Context, results *Results) (err error) {
	if len(s.Scenario.Tree.Groups) > 0 {
		if err := s.Scenario.Tree.Create(ctx, s.Tree, s.Seed()); err != nil {
			return err
		}
	}
	if s.Scenario.Manager {
		if err := s.startManager(ctx); err != nil {
			return err
		}
		if results.Environment.Manager, err = managerVersion(ctx, s.URL); err != nil {
			return err
		}
		if s.Scenario.Link != (netsim.Link{}) {
			if s.line, s.URL, err = s.startLine(ctx, s.URL, s.Scenario.Link); err != nil {
				return err
			}
		}
	}
	return s.take(ctx, s.Scenario.Setup)
}

// take takes steps in order.
func (s *Site) take(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if err := step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (s *Site) startManager(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.Path("farm"), 0o777); err != nil {
		return err
	}
	s.manager, s.URL, err = s.Manager.start(ctx, s.Flsync, s.Path("farm"), s.managersCores(), !s.Scenario.Plain)
	return err
}

// emptyManager replaces the Manager by one without files, where Scenario.Renews asks for it.
func (s *Site) emptyManager(ctx context.Context) error {
	if !s.Scenario.Renews || s.Manager.URL != "" {
		return nil
	}
	s.manager.stop()
	s.manager = nil
	if err := os.RemoveAll(s.Path("farm")); err != nil {
		return err
	}
	return s.startManager(ctx)
}

// sample takes the samples in turn, so that whatever changes on the machine meanwhile meets all contenders alike.
func (s *Site) sample(ctx context.Context, result *Result) error {
	reps := s.Reps
	if s.Scenario.Reps > 0 {
		reps = min(reps, s.Scenario.Reps)
	}
	for _, c := range s.Scenario.Contenders {
		m := Measured{Name: c.Name, Group: c.Group}
		if c.Needs != "" {
			if _, err := exec.LookPath(c.Needs); err != nil {
				m.Skipped = c.Needs + " is not installed"
				s.Log("  %s is left out: %s", c.Name, m.Skipped)
			}
		}
		if c.Addon && s.Addon == "" {
			m.Skipped = "needs Flamenco's add-on, see --addon"
		}
		result.Contenders = append(result.Contenders, m)
	}
	for rep := range reps {
		for i, c := range s.Scenario.Contenders {
			m := &result.Contenders[i]
			if m.Skipped != "" || c.Once && rep > 0 {
				continue
			}
			if err := s.take(ctx, c.Prepare); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			if !s.Quick {
				// What earlier samples left behind is written out, so that the next one does not pay for it.
				_ = exec.CommandContext(ctx, "sync").Run()
			}
			sample, err := c.Run(ctx, s)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			s.Log("  %d/%d  %9.3f s  %s", rep+1, reps, sample.Wall, c.Name)
			m.Samples = append(m.Samples, sample)
			m.Median = median(m.Samples)
		}
	}
	return nil
}
