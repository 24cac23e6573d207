package faults

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/uploader"
)

// Config says what to run.
type Config struct {
	Seed    uint64
	Dir     string // empty folder for everything
	Project string // the sample project that is submitted
	Kinds   []netsim.Kind
}

// Result is what came of a seed.
type Result struct {
	Seed     uint64              `json:"seed"`
	Plan     string              `json:"plan"`
	Faults   map[netsim.Kind]int `json:"faults"`
	Requests int                 `json:"requests"`
	Jobs     int                 `json:"jobs"`
	Runs     int                 `json:"runs"` // of the program; more than one a step when one ended early, and said so
	Took     time.Duration       `json:"took"`
	Peak     uint64              `json:"peak"` // bytes of heap, Manager and proxy included
	Broken   []string            `json:"broken,omitempty"`
	Said     []string            `json:"said,omitempty"` // by runs that ended early
	Events   []string            `json:"events,omitempty"`
}

// tries is how often a step is run: a run that gives up says so, and is started again, by cron or by hand.
const tries = 6

// steps of a night, one after the other through the same faults.
var steps = []struct {
	name string
	run  func(*scenario, context.Context, pipeline.Env) (report.Summary, error)
}{
	{"first sync", (*scenario).sync},
	{"warm sync", (*scenario).sync},
	{"bulk submit", (*scenario).submit},
	{"the same again", (*scenario).submit},
	{"submit after edits", (*scenario).submitEdited},
}

// scenario is a seed that is being run.
type scenario struct {
	Config
	judge
	random *rand.Rand
	farm   *farm
	proxy  *netsim.FaultyProxy
	runs   int
	edited bool
	result Result
}

// Run runs one seed. What goes wrong with the promises is in Result.Broken.
func Run(ctx context.Context, c Config) Result {
	began := time.Now()
	s := &scenario{Config: c, random: rand.New(rand.NewPCG(c.Seed, 1)), judge: judge{project: filepath.Join(c.Dir, "project")}}
	s.result.Seed = c.Seed
	peak := watchHeap()
	if err := s.night(ctx); err != nil {
		s.broken("%v", err)
	}
	s.result.Peak = peak()
	if s.result.Peak > heapBudget {
		s.broken("%d bytes of heap, more than the budget of %d", s.result.Peak, heapBudget)
	}
	s.result.Took, s.result.Broken = time.Since(began), s.found
	return s.result
}

// night runs the steps, and looks at the farm after each.
func (s *scenario) night(ctx context.Context) (err error) {
	if err := writeProject(s.project, s.Project, s.random); err != nil {
		return err
	}
	if s.farm, err = openFarm(filepath.Join(s.Dir, "farm")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.farm.Close()) }()
	s.url, s.checkouts = s.farm.URL, s.farm.checkouts
	kinds := s.Kinds
	if len(kinds) == 0 {
		kinds = netsim.AllKinds()
	}
	plan := netsim.NewPlan(s.Seed, kinds...)
	plan.StallFor = silence + silence/2
	s.result.Plan = plan.String()
	if s.proxy, err = netsim.ListenFaulty(ctx, netsim.FaultConfig{
		Target: s.farm.URL, Plan: plan, RestartManager: s.farm.Restart, FillDisk: s.farm.FillDisk,
	}); err != nil {
		return err
	}
	defer s.proxy.Close()
	if err := s.bystander(ctx); err != nil {
		return fmt.Errorf("bystander: %w", err)
	}
	for _, step := range steps {
		if err := s.step(ctx, step.name, step.run); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	s.checkUploads()
	stats := s.proxy.Stats()
	s.result.Faults, s.result.Requests, s.result.Runs = stats.Faults, stats.Requests, s.runs
	for _, e := range s.proxy.Events() {
		s.result.Events = append(s.result.Events, e.String())
	}
	if err := errors.Join(stats.HookErrors...); err != nil {
		s.broken("hooks of the proxy failed, and this run tells little: %v", err)
	}
	return nil
}

// step runs one step to its end, again when a run ends early, and looks at the farm after each run.
func (s *scenario) step(ctx context.Context, name string, run func(*scenario, context.Context, pipeline.Env) (report.Summary, error)) error {
	for try := 1; ; try++ {
		s.runs++
		sink := &events{}
		summary, err := s.program(ctx, sink, run)
		s.checkFarm(ctx, name)
		if err == nil {
			s.checkSummary(name, summary, sink)
			if strings.Contains(name, "sync") {
				s.checkSync(name, summary)
			} else {
				s.result.Jobs = len(s.checkJobs(ctx, name))
			}
			return nil
		}
		said := fmt.Sprintf("%s: %v; %s", name, err, strings.Join(sink.failures(), "; "))
		s.result.Said = append(s.result.Said, said)
		if try == tries || ctx.Err() != nil {
			return fmt.Errorf("%d runs did not get to the end: %s", try, said)
		}
	}
}

// How patient the program is here: as in earnest, but faster.
const (
	silence = 2 * time.Second
	settle  = 700 * time.Millisecond
)

// program is what one run of flsync is: it opens client and cache, and closes them.
func (s *scenario) program(ctx context.Context, sink report.Sink, run func(*scenario, context.Context, pipeline.Env) (report.Summary, error)) (report.Summary, error) {
	client, err := flamenco.New(flamenco.Config{
		URL: s.proxy.URL(), Version: "chaos", Silence: silence, CheckoutSilence: silence, DialTimeout: silence, ExpectTimeout: silence / 4,
	})
	if err != nil {
		return report.Summary{}, err
	}
	defer client.Close()
	cache, err := hashcache.Open(filepath.Join(s.Dir, "hashes.db"), hashcache.Config{})
	if err != nil {
		return report.Summary{}, err
	}
	defer cache.Close()
	return run(s, ctx, pipeline.Env{
		Manager: client, Cache: cache, Sink: sink,
		Upload: uploader.Config{Patience: time.Minute, LargeFile: 128 << 10},
	})
}

func (s *scenario) sync(ctx context.Context, env pipeline.Env) (report.Summary, error) {
	return pipeline.Sync(ctx, env, pipeline.SyncOptions{Paths: []string{s.project}, Checkout: "film/whole"})
}

func (s *scenario) submitEdited(ctx context.Context, env pipeline.Env) (report.Summary, error) {
	if !s.edited { // once, and not again for a second try
		s.edited = true
		if err := edit(s.project, s.random); err != nil {
			return report.Summary{}, err
		}
	}
	return s.submit(ctx, env)
}

func (s *scenario) submit(ctx context.Context, env pipeline.Env) (report.Summary, error) {
	jobs, mistakes := manifest.Load([]string{filepath.Join(s.project, "chaos.yaml")}, manifest.Options{})
	if mistakes != nil {
		return report.Summary{}, mistakes
	}
	return pipeline.Submit(ctx, env, pipeline.SubmitOptions{
		Jobs: jobs, Run: fmt.Sprintf("20260101-%06d-%d", s.runs, s.Seed),
		Replace: true,
		Hold:    s.Seed%3 == 0, Shared: s.Seed%5 == 0,
		Once:    once.Config{Patience: time.Minute, FirstWait: 20 * time.Millisecond, Settle: settle},
		Journal: filepath.Join(s.Dir, "journal"), Rewrites: filepath.Join(s.Dir, "rewrites"),
	})
}

// bystander is somebody else's checkout, which nothing may happen to.
func (s *scenario) bystander(ctx context.Context) error {
	client, err := s.client()
	if err != nil {
		return err
	}
	defer client.Close()
	data := noise(s.random, 5000)
	sum := sha256.Sum256(data)
	sha := hex.EncodeToString(sum[:])
	_, err = client.ShamanUpload(ctx, flamenco.Upload{SHA256: sha, Size: int64(len(data)), Name: "bystander", Body: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}})
	if err != nil {
		return err
	}
	for _, path := range []string{"film/whole", "night 0", "project"} { // names that the program will want, too
		if _, err := client.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: path, Files: []api.ShamanFileSpec{
			{Sha: sha, Size: int64(len(data)), Path: "shots/sh010.blend"},
		}}); err != nil {
			return err
		}
	}
	return s.checkKept()
}
