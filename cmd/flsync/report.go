package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/config"
	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/report/page"
	"github.com/flsync/flsync/submit/journal"
)

func (a *app) reportCommand() *cobra.Command {
	var html string
	var offline, withFrames bool
	var maps []string
	cmd := &cobra.Command{
		Use: "report [RUN]", Short: "Show a past run: what was done, what failed and why, and how its jobs are now",
		Long: `Without RUN, the last one is shown. With --html FILE, it becomes one page that needs nothing else and can be
mailed or printed. The Manager is asked how the jobs are now, and for their last pictures. With --frames,
their frames are looked at, as flsync frames does, and a map of them is part of the report.`,
		Example: "  flsync report\n  flsync report --html morning.html --frames",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, paths, err := a.loadPaths()
			if err != nil {
				return err
			}
			run, err := loadRun(paths.Runs, args)
			if err != nil {
				return err
			}
			if offline && withFrames {
				return usagef("--frames needs the Manager, which --offline does not ask")
			}
			if !offline {
				if err := a.askNow(cmd.Context(), c, run, withFrames, maps); err != nil {
					a.sink().Emit(report.Warning{Code: "manager", Message: "how the jobs are now is not known: " + err.Error()})
				}
			}
			switch {
			case a.json:
				return a.printJSON(run)
			case html != "":
				return writeFile(html, ownerOnly, run.HTML)
			}
			return run.Text(a.stdout)
		},
	}
	cmd.Flags().StringVar(&html, "html", "", "write one HTML page to `FILE`")
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask the Manager")
	cmd.Flags().BoolVar(&withFrames, "frames", false, "look at the frames of the jobs")
	cmd.Flags().StringArrayVar(&maps, "storage-map", nil, storageMapHelp)
	return cmd
}

// loadRun finds the run that is meant: the last one, or one by the beginning of its name.
func loadRun(dir string, args []string) (*page.Run, error) {
	runs, err := report.Runs(dir)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, errors.New("there is no run yet")
	}
	journal.NewestFirst(runs, time.Now())
	if len(args) == 0 {
		return lastRun(dir, runs)
	}
	for _, r := range runs {
		if strings.HasPrefix(r, args[0]) {
			return page.Load(dir, r)
		}
	}
	return nil, usagef("there is no run %q in %s", args[0], dir)
}

// lastRun loads the newest of runs. After one that did nothing, because it was called wrongly, the one that
// people may be looking for is named.
func lastRun(dir string, runs []string) (*page.Run, error) {
	wrong := func(r *page.Run) bool { return r.Summary != nil && r.Summary.ExitCode == exitUsage }
	last, err := page.Load(dir, runs[0])
	if err != nil || !wrong(last) {
		return last, err
	}
	for _, name := range runs[1:] {
		before, err := page.Load(dir, name)
		if err != nil {
			return nil, err
		}
		if !wrong(before) {
			last.Before = name
			break
		}
	}
	return last, nil
}

// askTime is how long the Manager may take to say how the jobs are.
const askTime = 20 * time.Second

// askNow asks the Manager of the run how its jobs are. Without a Manager in the configuration, the address in
// the run's log is taken. withFrames looks at the frames of the jobs, too.
func (a *app) askNow(ctx context.Context, c *config.Config, run *page.Run, withFrames bool, maps []string) error {
	if len(run.Jobs) == 0 {
		return nil
	}
	c.Manager = cmp.Or(c.Manager, run.Start.Manager)
	m, err := a.connect(ctx, c)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := jobsNow(ctx, m, run); err != nil || !withFrames {
		return err
	}
	places, err := findPlaces(ctx, m, maps)
	if err != nil {
		return err
	}
	for _, j := range run.Jobs {
		if j.Now == nil {
			continue
		}
		switch found, err := places.look(ctx, m, j.ID, false); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			run.Frames = append(run.Frames, found.frameMap())
		case !errors.Is(err, frames.ErrNoOutput):
			a.sink().Emit(report.Warning{Code: "frames", Job: j.Name, Message: "its frames could not be looked at: " + err.Error()})
		}
	}
	return nil
}

// jobsNow asks how the jobs of a run are.
func jobsNow(ctx context.Context, m *link, run *page.Run) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	all, err := m.Jobs(ctx)
	if err != nil {
		return err
	}
	run.Asked = true
	byID := make(map[string]api.Job, len(all))
	for _, j := range all {
		byID[j.ID] = j
	}
	var mine []api.Job
	for _, j := range run.Jobs {
		if job, there := byID[j.ID]; there {
			mine = append(mine, job)
		}
	}
	var soon forecasts
	soon.look(ctx, m, mine, 500)
	run.Night = soon.byJob[""]
	nows, err := parallel(ctx, run.Jobs, func(ctx context.Context, j page.Job) (*page.Now, error) {
		job, there := byID[j.ID]
		if !there {
			return nil, nil
		}
		picture, err := lastPicture(ctx, m, job.ID)
		return &page.Now{
			Status: string(job.Status), Done: job.StepsCompleted, Total: job.StepsTotal, Activity: job.Activity,
			Forecast: soon.byJob[job.ID], Picture: picture,
		}, err
	})
	for i, now := range nows {
		run.Jobs[i].Now = now
	}
	return err
}

// maxPicture bounds a picture in the page; Flamenco's smallest ones have some 10 KB.
const maxPicture = 1 << 20

// lastPicture is a job's last picture in its smallest size, as a data URL; "" where there is none.
func lastPicture(ctx context.Context, m *link, job string) (template.URL, error) {
	info, ok, err := m.JobLastRendered(ctx, job)
	if err != nil || !ok || len(info.Suffixes) == 0 {
		return "", err
	}
	body, _, err := m.Download(ctx, strings.TrimSuffix(info.Base, "/")+"/"+info.Suffixes[len(info.Suffixes)-1])
	if err != nil {
		return "", fmt.Errorf("picture of job %s: %w", job, err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxPicture))
	if err != nil {
		return "", err
	}
	kind := http.DetectContentType(data)
	if !strings.HasPrefix(kind, "image/") {
		return "", nil
	}
	return dataURL(kind, data), nil
}

// dataURL returns a URL that holds a picture itself.
func dataURL(kind string, data []byte) template.URL {
	return template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
}

func (a *app) runsCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "runs [RUN]", Short: "List past submissions, their jobs and checkouts, and checkouts whose job never came",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, paths, err := a.loadPaths()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				limit = 0
			}
			runs, err := journal.List(paths.Journal, limit)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				runs = slices.DeleteFunc(runs, func(r journal.Past) bool { return !strings.HasPrefix(r.Run, args[0]) })
			}
			switch {
			case a.json:
				for _, r := range runs {
					if err := a.printJSON(runOf(r)); err != nil {
						return err
					}
				}
				return nil
			case len(args) == 0:
				return printTable(a, runs, runColumns())
			case len(runs) == 0:
				return usagef("there is no run %q; flsync runs lists them", args[0])
			}
			return printTable(a, runs[0].Jobs, runJobColumns())
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "the last `N` runs; 0 for all")
	return cmd
}

// pastRun is a run as programs get it.
type pastRun struct {
	Type string `json:"type"`
	journal.Head
	Began    time.Time     `json:"began"`
	Ended    *time.Time    `json:"ended"` // null: killed, or still going on
	ExitCode int           `json:"exit_code"`
	Jobs     []journal.Job `json:"jobs"`
	Orphans  []string      `json:"orphans"` // checkouts whose job never came
}

func runOf(p journal.Past) pastRun {
	r := pastRun{Type: "run", Head: p.Head, Began: p.Began, ExitCode: p.ExitCode, Jobs: p.Jobs, Orphans: []string{}}
	if !p.Ended.IsZero() {
		r.Ended = &p.Ended
	}
	for _, j := range p.Jobs {
		r.Orphans = append(r.Orphans, j.Orphans()...)
	}
	slices.Sort(r.Orphans) // jobs may share one
	r.Orphans = slices.Compact(r.Orphans)
	return r
}

func runColumns() []column[journal.Past] {
	count := func(p journal.Past, what func(journal.Job) bool) string {
		n := 0
		for _, j := range p.Jobs {
			if what(j) {
				n++
			}
		}
		return fmt.Sprint(n)
	}
	return []column[journal.Past]{
		{title: "run", cell: func(p journal.Past) string { return p.Run }},
		{title: "age", cell: func(p journal.Past) string { return ago(p.Began) }, right: true},
		{title: "took", cell: func(p journal.Past) string {
			if p.Ended.IsZero() {
				return "no end"
			}
			return p.Took.Round(100 * time.Millisecond).String()
		}, right: true},
		{title: "exit", cell: func(p journal.Past) string { return fmt.Sprint(p.ExitCode) }, right: true},
		{title: "posted", cell: func(p journal.Past) string { return count(p, journal.Job.Posted) }, right: true},
		{title: "skipped", cell: func(p journal.Past) string {
			return count(p, func(j journal.Job) bool { return j.Step == journal.Skipped })
		}, right: true},
		{title: "orphans", cell: func(p journal.Past) string { return fmt.Sprint(len(runOf(p).Orphans)) }, right: true},
		{title: "manager", cell: func(p journal.Past) string { return p.Manager }, gives: true},
		{title: "projects", cell: func(p journal.Past) string { return strings.Join(p.Projects, ", ") }, gives: true},
	}
}

func runJobColumns() []column[journal.Job] {
	return []column[journal.Job]{
		{title: "job", cell: func(j journal.Job) string { return j.Name }, gives: true},
		{title: "step", cell: func(j journal.Job) string {
			if len(j.Orphans()) > 0 {
				return string(j.Step) + " (orphan)"
			}
			return string(j.Step)
		}},
		{title: "id", cell: func(j journal.Job) string { return j.ID }},
		{title: "checkout", cell: func(j journal.Job) string { return j.Checkout }, gives: true},
		{title: "error", cell: func(j journal.Job) string { return j.Error }, gives: true},
	}
}
