package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Lab runs scenarios.
type Lab struct {
	Flsync   string        // the program that is measured
	Revision string        // of its source, if the program itself does not tell
	Self     string        // this program, which also is the baselines' and the line's
	Dir      string        // where trees and stores are made
	Disk     string        // likewise, on a disk, for scenarios that want one
	InMemory bool          // Dir is in a file system in memory: room is scarce there, and removing files does no harm
	Manager  ManagerSource // where Managers come from
	Addon    string        // folder with the package flamenco of Flamenco's add-on; "": none
	Reps     int           // samples of each contender, where the time allows
	Until    time.Time     // when the run is to be over; zero: never
	Only     *regexp.Regexp
	Quick    bool // figures do not matter: nothing is done for their sake
	Log      func(format string, args ...any)
	Save     func(*Results) error // is called after each scenario
}

// validate reports what the lab lacks.
func (l *Lab) validate() error {
	switch {
	case l.Flsync == "" || l.Self == "" || l.Dir == "":
		return errors.New("bench: the lab lacks flsync, itself or a folder")
	case l.Reps < 1:
		return errors.New("bench: the lab takes no samples")
	case l.Log == nil || l.Save == nil:
		return errors.New("bench: the lab has no log or keeps no results")
	}
	_, err := exec.LookPath(l.Flsync)
	return err
}

// errNoTime: a scenario had less time than a sample of each contender takes.
var errNoTime = errors.New("there was no time left")

// Run measures the scenarios one after the other, the most important first, and saves the results after each.
// The result of a scenario that fails has its error, and the others go on. Each gets so much time that one
// sample of all that follow fits in before Until. When the context ends, Run returns the results so far with
// its cause.
func (l *Lab) Run(ctx context.Context, scenarios []Scenario) (*Results, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	results := &Results{Environment: environment(l)}
	var chosen []Scenario
	var rest time.Duration // one sample of all that is still to be measured
	for _, s := range scenarios {
		if l.Only == nil || l.Only.MatchString(s.Name) {
			chosen = append(chosen, s)
			results.Scenarios = append(results.Scenarios, s.result("not reached"))
			rest += s.Cost
		}
	}
	began := time.Now()
	var known, took time.Duration // what scenarios so far were to cost, and did
	for i, s := range chosen {
		rest -= s.Cost
		result := &results.Scenarios[i]
		if result.Error = l.lacks(s); result.Error == "" {
			l.Log("%s: %s", s.Name, s.Title)
			started := time.Now()
			// A scenario is ended only where those that follow could not even be begun.
			until, end := l.Until.Add(-time.Duration(float64(rest)*pace(known, took))), l.Until.Add(-rest/2)
			ended, err := l.scenario(ctx, s, result, until, later(end, started.Add(2*s.Cost)))
			if err != nil {
				l.Log("%s failed: %v", s.Name, err)
				result.Error = err.Error()
			}
			known, took = known+s.Cost, took+ended.Sub(started)
			result.Seconds = time.Since(started).Seconds()
		}
		result.judge(s.Goals)
		results.Environment.Manager = cmp.Or(results.Environment.Manager, result.Manager)
		results.Environment.Minutes = time.Since(began).Minutes()
		if err := l.Save(results); err != nil {
			return results, err
		}
		if ctx.Err() != nil {
			return results, context.Cause(ctx)
		}
	}
	return results, nil
}

// pace returns by what scenarios' costs are to be multiplied here, with some to spare.
func pace(known, took time.Duration) float64 {
	const spare = 1.15
	if known == 0 {
		return spare
	}
	return spare * max(1, took.Seconds()/known.Seconds())
}

// lacks returns why a scenario cannot be measured here, "" if it can.
func (l *Lab) lacks(s Scenario) string {
	if s.Manager == "plain" && l.Manager.URL != "" {
		return "it needs a Manager whose Shaman is off"
	}
	if s.Apart {
		return cannotPart()
	}
	return ""
}

// Site is where one scenario happens.
type Site struct {
	*Lab
	Scenario Scenario
	Dir      string // of this scenario, with room for whatever contenders need
	Tree     string // the tree that is measured
	URL      string // the Manager, at the near end of the line if there is one

	files         int // of the tree
	seed          uint64
	farm, out     string // the newest folder of a Manager and of a tool's copy
	name          string // of the Manager
	manager, line *service
}

// Seed returns a number that it never returned before, in this run or another: contents made from it are in
// no Manager's store.
func (s *Site) Seed() uint64 {
	s.seed++
	return s.seed
}

// Path is a place in the scenario's folder. The scenario's hash cache is cache, its files and digests for
// baselines list.
func (s *Site) Path(name string) string { return filepath.Join(s.Dir, name) }
func (s *Site) cache() string           { return s.Path("hashes.db") }
func (s *Site) list() string            { return s.Path("list.json") }

// fill replaces names of places in braces.
func (s *Site) fill(args ...string) (filled []string) {
	places := strings.NewReplacer("{flsync}", s.Flsync, "{tree}", s.Tree, "{dir}", s.Dir, "{out}", s.out,
		"{cache}", s.cache(), "{manager}", s.URL, "{addon}", s.Addon)
	for _, arg := range args {
		filled = append(filled, places.Replace(arg))
	}
	return filled
}

// newPlace makes a folder, new for each sample: names in folders that were emptied, and inodes that were
// freed in the last minutes, make file systems slow. What held few files is removed, because it holds large
// ones.
func (s *Site) newPlace(place *string, name string) error {
	if (s.Scenario.Few || s.InMemory && !s.Scenario.Disk) && *place != "" {
		if err := os.RemoveAll(*place); err != nil {
			return err
		}
	}
	*place = s.Path(fmt.Sprintf("%s-%d", name, s.Seed()))
	return os.Mkdir(*place, 0o777)
}

// newManager replaces the Manager, if there is one, by one without files, and puts the line before it.
func (s *Site) newManager(ctx context.Context) (err error) {
	if s.Manager.URL != "" && s.URL != "" {
		return nil // it cannot be replaced
	}
	s.stop()
	if err := s.newPlace(&s.farm, "farm"); err != nil {
		return err
	}
	if s.manager, s.URL, err = s.startManager(ctx); err != nil {
		return err
	}
	if s.name, err = managerVersion(ctx, s.URL); err != nil || s.Scenario.Link == (netsim.Link{}) {
		return err
	}
	s.line, s.URL, err = s.startLine(ctx, s.URL, s.Scenario.Link)
	return err
}

func (s *Site) stop() {
	s.line.stop()
	s.manager.stop()
	s.line, s.manager = nil, nil
}

// scenario measures s, begins no second sample that would end after until, and is over at the end at the
// latest. It returns when all contenders had one sample.
func (l *Lab) scenario(ctx context.Context, s Scenario, result *Result, until, end time.Time) (first time.Time, err error) {
	if !l.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, end, errNoTime)
		defer cancel()
	}
	if s.Clear {
		left, err := filepath.Glob(filepath.Join(l.Dir, "site-*"))
		for _, site := range left {
			err = errors.Join(err, os.RemoveAll(site))
		}
		if err != nil {
			return time.Now(), err
		}
	}
	base := l.Dir
	if s.Disk {
		base = cmp.Or(l.Disk, base)
	}
	dir, err := os.MkdirTemp(base, "site-"+s.Name+"-")
	if err != nil {
		return time.Now(), err
	}
	site := &Site{Lab: l, Scenario: s, Dir: dir, Tree: filepath.Join(dir, "tree"), files: result.Files, seed: uint64(time.Now().UnixNano())}
	defer func() {
		site.stop()
		if s.Few || l.InMemory && !s.Disk {
			_ = os.RemoveAll(dir)
		}
	}()
	err = site.open(ctx)
	result.Manager = site.name
	if err != nil {
		return time.Now(), err
	}
	return site.sample(ctx, result, until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// batch is the shots of a scenario that has some.
func (s *Site) batch() workload.Batch { return workload.Batch{Shots: s.Scenario.Shots} }

// open makes the tree and what steps need, starts the Manager and the line, and sets up.
func (s *Site) open(ctx context.Context) error {
	manifest := fmt.Sprintf("version: 1\nproject: %q\njobs: [{name: all, type: echo-sleep-test, settings: {message: all}}]\n", s.Tree)
	for name, contents := range map[string]string{"all.yaml": manifest, "addon.py": string(addonScript), "linked.py": string(linkedScript)} {
		if err := os.WriteFile(s.Path(name), []byte(contents), 0o600); err != nil {
			return err
		}
	}
	if s.Scenario.Tree.Kind != "" {
		if err := s.Scenario.Tree.spec().Create(ctx, s.Tree, s.Seed()); err != nil {
			return err
		}
	}
	if s.Scenario.Shots > 0 {
		if err := s.batch().Create(ctx, s.Tree, s.Seed()); err != nil {
			return err
		}
	}
	if s.Scenario.Manager != "" {
		if err := s.newManager(ctx); err != nil {
			return err
		}
	}
	return s.take(ctx, s.Scenario.Setup)
}

// missing returns which of the space-separated programs of Contender.Needs is not here, "" if none.
func (l *Lab) missing(needs string) string {
	for _, program := range strings.Fields(needs) {
		if program == "add-on" && l.Addon == "" {
			return "needs Flamenco's add-on, see --addon"
		} else if _, err := exec.LookPath(program); program != "add-on" && err != nil {
			return program + " is not installed"
		}
	}
	return ""
}

// sample takes the samples in turn, so that whatever changes on the machine meanwhile meets all contenders
// alike. It begins no round that would be over after until, and returns when the first round was.
func (s *Site) sample(ctx context.Context, result *Result, until time.Time) (first time.Time, err error) {
	reps := s.Reps
	if s.Scenario.Reps > 0 {
		reps = min(reps, s.Scenario.Reps)
	}
	var round time.Duration // how long the last one took, without what is sampled once
	for rep := range reps {
		if rep > 0 && !s.Until.IsZero() && time.Now().Add(round).After(until) {
			s.Log("  %d of %d samples, for want of time", rep, reps)
			break
		}
		round = 0
		for i, c := range s.Scenario.Contenders {
			m := &result.Contenders[i]
			if m.Skipped = s.missing(c.Needs); m.Skipped != "" || c.Once && rep > 0 {
				continue
			}
			started := time.Now()
			sample, err := s.one(ctx, c)
			if err != nil {
				return time.Now(), fmt.Errorf("%s: %w", c.Name, err)
			}
			if !c.Once {
				round += time.Since(started)
			}
			s.Log("  %d/%d  %9.3f s  %s", rep+1, reps, sample.Wall, c.Name)
			m.Samples = append(m.Samples, sample)
			m.Median = median(m.Samples)
		}
		if rep == 0 {
			first = time.Now()
		}
	}
	return first, nil
}

func (s *Site) one(ctx context.Context, c Contender) (Sample, error) {
	if err := s.take(ctx, c.Prepare); err != nil {
		return Sample{}, err
	}
	if !s.Quick {
		// What earlier samples left behind is written out, so that the next one does not pay for it.
		_ = exec.CommandContext(ctx, "sync").Run()
	}
	sample, err := c.run(ctx, s)
	if c.Times > 0 {
		sample.Wall, sample.User, sample.System = sample.Wall/c.Times, sample.User/c.Times, sample.System/c.Times
	}
	return sample, err
}
