package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/ranges"
)

func (a *app) tasksCommand() *cobra.Command {
	tasks := &cobra.Command{
		Use:   "tasks",
		Short: "Look at the tasks of jobs and change them",
		Long: `Tasks are named by id. A shortened id is looked for among the tasks of all jobs that have
not ended, or of the job given with --job.`,
	}
	tasks.AddCommand(a.tasksShowCommand(), a.tasksLogCommand(), a.tasksSetStatusCommand(), a.tasksRetryCommand(),
		a.tasksActionCommand("requeue", "Run tasks of a job again, chosen by status, number and name", api.TaskStatusQueued),
		a.tasksActionCommand("cancel", "Cancel tasks of a job, chosen by status, number and name", api.TaskStatusCanceled))
	return tasks
}

// taskChooser looks through the tasks of the job that a flag names, or of all that have not ended.
func (a *app) taskChooser(job *string) func(context.Context, *link) chooser {
	return func(ctx context.Context, m *link) chooser {
		hint := ""
		if *job == "" {
			hint = " in a job that has not ended; of another one, give its whole id, or the job with --job"
		}
		return chooser{kind: "task", hint: hint, all: func() ([]named, error) {
			of, err := a.jobsToSearch(ctx, m, *job)
			var all []named
			for _, j := range of {
				tasks, err := fetchTasks(ctx, m, j.id)
				if err != nil {
					return nil, err
				}
				all = append(all, each(tasks, taskName)...)
			}
			return all, err
		}}
	}
}

func (a *app) jobsToSearch(ctx context.Context, m *link, job string) ([]named, error) {
	if job != "" {
		return a.choose([]string{job}, jobKind.chooser(ctx, m))
	}
	jobs, err := fetchJobs(ctx, m)
	jobs = slices.DeleteFunc(jobs, func(j object[api.Job]) bool { return ended(j.v.Status) && j.v.Status != api.JobStatusFailed })
	return each(jobs, jobKind.name), err
}

func (a *app) tasksShowCommand() *cobra.Command {
	var job string
	cmd := a.one(&cobra.Command{
		Use: "show TASK", Short: "Show all that is known of a task",
	}, a.taskChooser(&job), func(ctx context.Context, m *link, chosen named) error {
		return show(ctx, a, m, taskFields, "tasks", chosen.id)
	})
	cmd.Flags().StringVar(&job, "job", "", "the `JOB` that the task belongs to")
	return cmd
}

func taskFields(t api.Task) []field {
	fields := []field{
		{"id", t.ID}, {"name", t.Name}, {"job", t.JobID}, {"type", t.TaskType}, {"status", string(t.Status)}, {"activity", t.Activity},
		{"progress", fmt.Sprintf("%d of %d steps", t.StepsCompleted, t.StepsTotal)}, {"priority", fmt.Sprint(t.Priority)},
		{"created", stamp(t.Created)}, {"updated", stamp(t.Updated)},
	}
	if t.Worker != nil {
		fields = append(fields, field{"worker", t.Worker.Name + " (" + t.Worker.ID + ")"})
	}
	for _, w := range t.FailedByWorkers {
		fields = append(fields, field{"failed by", w.Name + " (" + w.ID + ")"})
	}
	for _, c := range t.Commands {
		var params []string
		for _, k := range sortedKeys(c.Parameters) {
			params = append(params, k+"="+compact(c.Parameters[k]))
		}
		fields = append(fields, field{"command", c.Name + " " + strings.Join(params, " ")})
	}
	return fields
}

func (a *app) tasksLogCommand() *cobra.Command {
	var full, follow bool
	var job string
	cmd := a.one(&cobra.Command{
		Use: "log TASK", Short: "Print a task's log: its last lines, all of it, or as it grows",
		Example: "  flsync tasks log 3f2a91c0 --follow",
	}, a.taskChooser(&job), func(ctx context.Context, m *link, chosen named) error {
		switch {
		case a.json:
			info, err := fetch[api.TaskLogInfo](ctx, m, "tasks", chosen.id, "log")
			if err != nil {
				return err
			}
			if info.raw == nil {
				return errNoLog
			}
			return a.printJSON(info.raw)
		case follow:
			return a.followLog(ctx, m, chosen.id)
		case full:
			_, err := copyLog(ctx, m, chosen.id, 0, a.stdout)
			return err
		}
		tail, err := m.TaskLogTail(ctx, chosen.id)
		if err != nil {
			return err
		}
		if tail == "" {
			return errNoLog
		}
		_, err = io.WriteString(a.stdout, strings.TrimSuffix(tail, "\n")+"\n")
		return err
	})
	cmd.Flags().BoolVar(&full, "full", false, "all of the log")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "all of the log, and what comes until the task ends")
	cmd.Flags().StringVar(&job, "job", "", "the `JOB` that the task belongs to")
	return cmd
}

var errNoLog = errors.New("the task has no log yet")

// copyLog writes a task's log from byte skip on, and returns how long the log is now. A log that is shorter
// is another one, begun when the task was given out again, and is written from its beginning.
func copyLog(ctx context.Context, m *link, task string, skip int64, w io.Writer) (int64, error) {
	info, ok, err := m.TaskLogInfo(ctx, task)
	switch {
	case err != nil:
		return skip, err
	case !ok:
		return skip, errNoLog
	case info.Size == skip:
		return skip, nil
	case info.Size < skip:
		skip = 0
	}
	body, _, err := m.DownloadFrom(ctx, info.URL, skip)
	if err != nil {
		return skip, err
	}
	defer body.Close()
	n, err := io.Copy(w, body)
	return skip + n, err
}

func (a *app) followLog(ctx context.Context, m *link, task string) error {
	var at int64
	return a.poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
		t, err := m.Task(ctx, task) // before the log, so that nothing is written after the last look
		if err != nil {
			return false, err
		}
		if at, err = copyLog(ctx, m, task, at, a.stdout); err != nil && !errors.Is(err, errNoLog) {
			return false, err
		}
		return t.Status == api.TaskStatusCompleted || t.Status == api.TaskStatusFailed || t.Status == api.TaskStatusCanceled, nil
	})
}

func (a *app) tasksSetStatusCommand() *cobra.Command {
	var reason, job string
	cmd := a.managed(&cobra.Command{
		Use: "setstatus TASK… STATUS", Short: "Set the status of tasks", Args: cobra.MinimumNArgs(2),
		Long: `Statuses are those of the Manager: queued, canceled, completed, failed, paused, soft-failed, active.
The Manager gives out no task of a failed or canceled job: to queue one requeues the job.`,
		Example: "  flsync tasks setstatus 3f2a91c0 queued --reason 'texture was fixed'",
	}, func(ctx context.Context, m *link, args []string) error {
		last := len(args) - 1
		status := api.TaskStatus(args[last])
		if !status.Valid() {
			return usagef("%q is no status of a task; see --help", args[last])
		}
		chosen, err := a.choose(args[:last], a.taskChooser(&job)(ctx, m))
		if err != nil {
			return err
		}
		if status != api.TaskStatusQueued {
			return a.setTasks(ctx, m, chosen, status, reason)
		}
		return a.requeueByJob(ctx, m, chosen, reason)
	})
	cmd.Flags().StringVar(&reason, "reason", "set with flsync", "`TEXT` that the Manager keeps as the task's activity")
	cmd.Flags().StringVar(&job, "job", "", "the `JOB` that the tasks belong to")
	return cmd
}

func (a *app) setTasks(ctx context.Context, m *link, tasks []named, status api.TaskStatus, reason string) error {
	return a.each(ctx, tasks, func(ctx context.Context, n named) error {
		if err := m.SetTaskStatus(ctx, n.id, status, reason); err != nil {
			return err
		}
		task, err := fetch[api.Task](ctx, m, "tasks", n.id)
		if err != nil {
			return err
		}
		return a.result(task.raw, "%s  %-12s %s", short(task.v.ID), task.v.Status, task.v.Name)
	})
}

func (a *app) tasksRetryCommand() *cobra.Command {
	var failed, reason string
	cmd := a.managed(&cobra.Command{
		Use: "retry --failed JOB", Short: "Queue all failed tasks of a job again", Args: cobra.NoArgs,
		Long: `Queues the tasks that have failed. A job that has failed or was canceled is requeued as a whole,
with the tasks that the Manager canceled: of such a job it gives out none.`,
		Example: "  flsync tasks retry --failed sh010",
	}, func(ctx context.Context, m *link, _ []string) error {
		if failed == "" {
			return usagef("name the job: --failed JOB")
		}
		chosen, err := a.chooseOne(failed, jobKind.chooser(ctx, m))
		if err != nil {
			return err
		}
		return a.changeTasks(ctx, m, chosen.id, api.TaskStatusQueued, reason, "has failed", func(t api.TaskSummary) bool {
			return t.Status == api.TaskStatusFailed || t.Status == api.TaskStatusSoftFailed
		})
	})
	cmd.Flags().StringVar(&failed, "failed", "", "the `JOB` whose failed tasks are to run again")
	cmd.Flags().StringVar(&reason, "reason", "retried with flsync", "`TEXT` that the Manager keeps as the tasks' activity")
	return cmd
}

// changeTasks gives those tasks of a job a status that fit. fits is what people read of a job without any.
func (a *app) changeTasks(ctx context.Context, m *link, id string, status api.TaskStatus, reason, fits string, fit func(api.TaskSummary) bool) error {
	job, err := m.Job(ctx, id)
	if err != nil {
		return err
	}
	tasks, err := fetchTasks(ctx, m, id)
	if err != nil {
		return err
	}
	taken := each(slices.DeleteFunc(tasks, func(t object[api.TaskSummary]) bool { return !fit(t.v) }), taskName)
	switch {
	case len(taken) == 0:
		a.remark("no task of %s %s; it is %s", jobLabel(job), fits, job.Status)
		return nil
	case status == api.TaskStatusQueued:
		return a.requeueTasks(ctx, m, job, taken, reason)
	}
	return a.setTasks(ctx, m, taken, status, reason)
}

// requeueByJob has tasks run again, those of each job together.
func (a *app) requeueByJob(ctx context.Context, m *link, tasks []named, reason string) error {
	byJob := make(map[string][]named)
	for _, n := range tasks {
		t, err := m.Task(ctx, n.id)
		if err != nil {
			return fmt.Errorf("%s: %w", label(n), err)
		}
		byJob[t.JobID] = append(byJob[t.JobID], n)
	}
	var errs []error
	for _, id := range sortedKeys(byJob) {
		job, err := m.Job(ctx, id)
		if err == nil {
			err = a.requeueTasks(ctx, m, job, byJob[id], reason)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// tasksActionCommand gives those tasks of a job a status that its flags choose.
func (a *app) tasksActionCommand(verb, short string, status api.TaskStatus) *cobra.Command {
	var reason, numbers, name string
	var statuses []string
	cmd := a.one(&cobra.Command{
		Use: verb + " JOB", Short: short,
		Long: `Takes the tasks that fit all of --status, --numbers and --name; give one at least. Numbers and names
are those of flsync jobs tasks JOB.`,
		Example: fmt.Sprintf("  flsync tasks %s sh010 --status failed,canceled\n  flsync tasks %s sh010 --numbers 3-7,12 --name 'render-*'", verb, verb),
	}, jobKind.chooser, func(ctx context.Context, m *link, chosen named) error {
		if len(statuses) == 0 && numbers == "" && name == "" {
			return usagef("choose tasks with --status, --numbers or --name")
		}
		if err := checkStatuses[api.TaskStatus](statuses, nil); err != nil {
			return err
		}
		var chosenNumbers []int
		if numbers != "" {
			var err error
			if chosenNumbers, err = ranges.Parse(numbers); err != nil {
				return usagef("--numbers %q is no list of numbers such as 3-7,12", numbers)
			}
		}
		if _, err := matchName(name, ""); err != nil {
			return usagef("--name %q: %w", name, err)
		}
		return a.changeTasks(ctx, m, chosen.id, status, reason, "fits: nothing to do", func(t api.TaskSummary) bool {
			fits, _ := matchName(name, t.Name)
			return (name == "" || fits) && (len(statuses) == 0 || slices.Contains(statuses, string(t.Status))) &&
				(numbers == "" || slices.Contains(chosenNumbers, t.IndexInJob))
		})
	})
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only tasks of these statuses")
	cmd.Flags().StringVar(&numbers, "numbers", "", "only tasks with these numbers in the job: a `LIST` such as 3-7,12")
	cmd.Flags().StringVar(&name, "name", "", "only tasks whose name matches this `GLOB`")
	cmd.Flags().StringVar(&reason, "reason", verb+" with flsync", "`TEXT` that the Manager keeps as the tasks' activity")
	return cmd
}
