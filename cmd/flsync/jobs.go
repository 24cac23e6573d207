package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
)

func (a *app) jobsCommand() *cobra.Command {
	jobs := &cobra.Command{
		Use:   "jobs",
		Short: "Look at jobs and change them",
		Long: `Jobs are named by id, by an id shortened to what is unique, or by name. Commands that
take several also take globs on names, and "-" for a list on standard input.`,
		Example: `  flsync jobs list --status failed --age 1d
  flsync jobs list --name 'sq020*' --quiet | flsync jobs requeue - --reason "new rig"
  flsync jobs watch sh010`,
	}
	jobs.AddCommand(
		a.one(&cobra.Command{
			Use: "show JOB", Short: "Show all that is known of a job",
		}, jobKind.chooser, func(ctx context.Context, m *link, chosen named) error {
			return show(ctx, a, m, func(j api.Job) []field { return jobFields(m, j) }, "jobs", chosen.id)
		}),
		typeKind.listCommand(a, &cobra.Command{Use: "types", Short: "List the job types that the Manager has"}),
		a.jobsListCommand(), a.jobsTasksCommand(), a.jobsBlocklistCommand(), a.jobsTypeCommand(), a.jobsWatchCommand(), a.jobsLastRenderedCommand(),
		a.jobsPriorityCommand(), a.jobsTagCommand(), a.jobsDeleteCommand(),
	)
	jobs.AddCommand(a.jobActions()...)
	return jobs
}

// jobKind is the kind of jobs.
var jobKind = kind[api.Job]{
	noun: "job", fetch: fetchJobs,
	name: func(j api.Job) named { return named{j.ID, j.Name} },
	columns: []column[api.Job]{
		{title: "id", cell: func(j api.Job) string { return short(j.ID) }},
		{title: "name", cell: func(j api.Job) string { return j.Name }, gives: true},
		{title: "status", cell: func(j api.Job) string { return string(j.Status) }},
		{title: "done", cell: func(j api.Job) string { return percent(j.StepsCompleted, j.StepsTotal) }, right: true},
		{title: "prio", cell: func(j api.Job) string { return fmt.Sprint(j.Priority) }, right: true},
		{title: "type", cell: func(j api.Job) string { return j.Type }, gives: true, early: true},
		{title: "updated", cell: func(j api.Job) string { return ago(j.Updated) }, right: true},
		{title: "activity", cell: func(j api.Job) string { return j.Activity }, gives: true, early: true},
	},
}

func jobLabel(j api.Job) string { return label(jobKind.name(j)) }

// fetchJobs gets all jobs; the Manager has neither filters nor pages.
func fetchJobs(ctx context.Context, m *link) (jobs []object[api.Job], err error) {
	err = eachJob(ctx, m, func(job object[api.Job]) error {
		jobs = append(jobs, job)
		return nil
	})
	return jobs, err
}

// eachJob calls take with each job, while the list is received.
func eachJob(ctx context.Context, m *link, take func(object[api.Job]) error) error {
	return m.EachJob(ctx, func(raw json.RawMessage) error {
		job := object[api.Job]{raw: raw}
		if err := json.Unmarshal(raw, &job.v); err != nil {
			return err
		}
		return take(job)
	})
}

// jobFilter is what `jobs list` can be asked for.
type jobFilter struct {
	statuses, types, metadata []string
	name, tag                 string
	age, olderThan            string
	sortBy                    string
	reverse                   bool
	limit                     int
	print                     func(object[api.Job]) error // prints a job while others come; nil to list them
}

func (a *app) jobsListCommand() *cobra.Command {
	var f jobFilter
	cmd := a.managed(&cobra.Command{
		Use:   "list",
		Short: "List jobs",
		Example: `  flsync jobs list --status active,queued --sort priority
  flsync jobs list --metadata project=sprite --age 12h --limit 20`,
		Args: cobra.NoArgs,
	}, func(ctx context.Context, m *link, _ []string) error {
		if f.tag != "" {
			tag, err := a.chooseOne(f.tag, tagKind.chooser(ctx, m))
			if err != nil {
				return err
			}
			f.tag = tag.id
		}
		if f.sortBy == "none" && (a.json || a.quiet) { // a table has to know all widths
			f.print = func(job object[api.Job]) error { return jobKind.print(a, []object[api.Job]{job}) }
		}
		jobs, err := f.list(ctx, m, a.json)
		if err != nil || f.print != nil {
			return err
		}
		return jobKind.print(a, jobs)
	})
	flags := cmd.Flags()
	flags.StringSliceVar(&f.statuses, "status", nil, "only jobs of these statuses")
	flags.StringSliceVar(&f.types, "type", nil, "only jobs of these types")
	flags.StringVar(&f.name, "name", "", "only jobs whose name matches this `GLOB`")
	flags.StringVar(&f.tag, "tag", "", "only jobs of this worker `TAG`")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "only jobs with this `KEY=VALUE`, or with this key; may be repeated")
	flags.StringVar(&f.age, "age", "", "only jobs made within this `TIME`, such as 90m, 12h or 30d")
	flags.StringVar(&f.olderThan, "older-than", "", "only jobs not updated for this `TIME`")
	flags.StringVar(&f.sortBy, "sort", "created", "by `FIELD`: created, updated, name, status, priority, type; none prints with --json and --quiet while jobs come")
	flags.BoolVar(&f.reverse, "reverse", false, "the other way round")
	flags.IntVar(&f.limit, "limit", 0, "at most `N` jobs")
	return cmd
}

// jobOrder sorts by each field as people expect: newest and most urgent first, words from a to z.
var jobOrder = map[string]func(a, b api.Job) int{
	"none":     func(a, b api.Job) int { return 0 },
	"created":  func(a, b api.Job) int { return b.Created.Compare(a.Created) },
	"updated":  func(a, b api.Job) int { return b.Updated.Compare(a.Updated) },
	"name":     func(a, b api.Job) int { return cmp.Compare(a.Name, b.Name) },
	"status":   func(a, b api.Job) int { return cmp.Compare(a.Status, b.Status) },
	"priority": func(a, b api.Job) int { return cmp.Compare(b.Priority, a.Priority) },
	"type":     func(a, b api.Job) int { return cmp.Compare(a.Type, b.Type) },
}

// checkTypes refuses a job type that neither the Manager nor one of its jobs has.
func (f jobFilter) checkTypes(ctx context.Context, m *link, used map[string]bool) error {
	unused := slices.DeleteFunc(slices.Clone(f.types), func(name string) bool { return used[name] })
	if len(unused) == 0 {
		return nil
	}
	types, err := m.JobTypes(ctx)
	for _, name := range unused {
		if err == nil && !slices.ContainsFunc(types, func(t api.AvailableJobType) bool { return t.Name == name }) {
			return usagef("--type %q: the Manager has no such job type; see flsync jobs types", name)
		}
	}
	return err
}

// list returns the jobs that are asked for, in order, or prints them while they come. It keeps of each what a
// list shows, and its JSON if raw is set.
func (f jobFilter) list(ctx context.Context, m *link, raw bool) (jobs []object[api.Job], err error) {
	order, ok := jobOrder[f.sortBy]
	if !ok {
		return nil, usagef("--sort %q: sort by created, updated, name, status, priority, type or none", f.sortBy)
	}
	if f.limit < 0 {
		return nil, usagef("--limit %d: 0 is no limit, and less there is not", f.limit)
	}
	wanted, err := f.chooser(time.Now())
	if err != nil {
		return nil, err
	}
	sorted := func() {
		slices.SortStableFunc(jobs, func(a, b object[api.Job]) int {
			if f.reverse {
				a, b = b, a
			}
			return order(a.v, b.v)
		})
		if f.limit > 0 && len(jobs) > f.limit {
			jobs = slices.Delete(jobs, f.limit, len(jobs))
		}
	}
	statuses, types, printed := make(map[api.JobStatus]bool), make(map[string]bool), 0
	err = eachJob(ctx, m, func(job object[api.Job]) error {
		statuses[job.v.Status], types[job.v.Type] = true, true
		switch {
		case !wanted(job.v) || f.limit > 0 && printed == f.limit:
			return nil
		case f.print != nil:
			printed++
			return f.print(job)
		}
		job.v.Settings, job.v.Metadata = nil, nil
		if !raw {
			job.raw = nil
		}
		if jobs = append(jobs, job); f.limit > 0 && len(jobs) >= 2*f.limit+100 {
			sorted()
		}
		return nil
	})
	if err == nil {
		err = checkStatuses(f.statuses, slices.Collect(maps.Keys(statuses)))
	}
	if err != nil {
		return nil, err
	}
	sorted()
	return jobs, f.checkTypes(ctx, m, types)
}

// chooser returns what reports whether a job is asked for.
func (f jobFilter) chooser(now time.Time) (func(api.Job) bool, error) {
	if _, err := matchName(f.name, ""); err != nil {
		return nil, usagef("--name %q: %w", f.name, err)
	}
	young, err := parseAge(f.age)
	if err != nil {
		return nil, err
	}
	old, err := parseAge(f.olderThan)
	if err != nil {
		return nil, err
	}
	return func(j api.Job) bool {
		byName, _ := matchName(f.name, j.Name)
		switch {
		case len(f.statuses) > 0 && !slices.Contains(f.statuses, string(j.Status)),
			len(f.types) > 0 && !slices.Contains(f.types, j.Type),
			f.name != "" && !byName,
			f.tag != "" && j.WorkerTag != f.tag,
			young > 0 && now.Sub(j.Created) > young,
			old > 0 && now.Sub(j.Updated) < old:
			return false
		}
		return !slices.ContainsFunc(f.metadata, func(want string) bool {
			key, value, hasValue := strings.Cut(want, "=")
			got, ok := j.Metadata[key]
			return !ok || hasValue && got != value
		})
	}, nil
}

// parseAge reads a duration that may also count days or weeks: 90m, 12h, 30d, 2w. Empty is 0.
func parseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	last := len(text) - 1
	if hours := map[byte]float64{'d': 24, 'w': 7 * 24}[text[last]]; hours > 0 {
		var n float64
		if n, err = strconv.ParseFloat(text[:last], 64); err == nil {
			d, err = time.ParseDuration(fmt.Sprintf("%fh", n*hours))
		}
	}
	if err != nil || d < 0 {
		return 0, usagef("%q is no time such as 90m, 12h, 30d or 2w", text)
	}
	return d, nil
}

func jobFields(m *link, j api.Job) []field {
	fields := []field{
		{"id", j.ID}, {"name", j.Name}, {"type", j.Type}, {"status", string(j.Status)}, {"activity", j.Activity},
		{"progress", fmt.Sprintf("%d of %d steps  %s", j.StepsCompleted, j.StepsTotal, percent(j.StepsCompleted, j.StepsTotal))},
		{"priority", fmt.Sprint(j.Priority)}, {"worker tag", j.WorkerTag},
		{"created", stamp(j.Created)}, {"updated", stamp(j.Updated)}, {"page", m.WebURL("jobs", j.ID)},
	}
	if j.Storage != nil {
		fields = append(fields, field{"checkout", j.Storage.ShamanCheckoutID})
	}
	if j.DeleteRequestedAt != nil {
		fields = append(fields, field{"deletion", "requested " + stamp(*j.DeleteRequestedAt)})
	}
	for _, k := range sortedKeys(j.Settings) {
		fields = append(fields, field{"setting " + k, fmt.Sprint(j.Settings[k])})
	}
	for _, k := range sortedKeys(j.Metadata) {
		fields = append(fields, field{"metadata " + k, j.Metadata[k]})
	}
	return fields
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05") + "  " + ago(t) + " ago"
}

func sortedKeys[M ~map[string]V, V any](m M) []string {
	return slices.Sorted(maps.Keys(m))
}

func (a *app) jobsTasksCommand() *cobra.Command {
	var statuses []string
	cmd := a.one(&cobra.Command{
		Use: "tasks JOB", Short: "List the tasks of a job",
	}, jobKind.chooser, func(ctx context.Context, m *link, chosen named) error {
		tasks, err := fetchTasks(ctx, m, chosen.id)
		if err == nil && len(tasks) == 0 {
			err = jobExists(ctx, m, chosen.id)
		}
		if err == nil {
			tasks, err = ofStatus(tasks, statuses, func(t api.TaskSummary) api.TaskStatus { return t.Status })
		}
		if err != nil {
			return err
		}
		return printList(a, tasks, func(t api.TaskSummary) string { return t.ID }, taskColumns)
	})
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only tasks of these statuses")
	return cmd
}

func fetchTasks(ctx context.Context, m *link, job string) ([]object[api.TaskSummary], error) {
	return listAt[api.TaskSummary]("tasks", "jobs", job, "tasks")(ctx, m)
}

func taskName(t api.TaskSummary) named { return named{t.ID, t.Name} }

// jobExists is nil for a job that there is. Of one that does not exist, the Manager lists no tasks and no
// blocked workers instead of saying so.
func jobExists(ctx context.Context, m *link, id string) error {
	_, err := m.Job(ctx, id)
	return err
}

var taskColumns = []column[api.TaskSummary]{
	{title: "no", cell: func(t api.TaskSummary) string { return fmt.Sprint(t.IndexInJob) }, right: true},
	{title: "id", cell: func(t api.TaskSummary) string { return short(t.ID) }},
	{title: "name", cell: func(t api.TaskSummary) string { return t.Name }, gives: true},
	{title: "type", cell: func(t api.TaskSummary) string { return t.TaskType }},
	{title: "status", cell: func(t api.TaskSummary) string { return string(t.Status) }},
	{title: "done", cell: func(t api.TaskSummary) string { return percent(t.StepsCompleted, t.StepsTotal) }, right: true},
	{title: "worker", cell: func(t api.TaskSummary) string { return orZero(t.Worker).Name }, gives: true},
	{title: "updated", cell: func(t api.TaskSummary) string { return ago(t.Updated) }, right: true},
}
