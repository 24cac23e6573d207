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
)

func (a *app) tasksCommand() *cobra.Command {
	tasks := &cobra.Command{
		Use:   "tasks",
		Short: "Look at the tasks of jobs and change them",
		Long: `Tasks are named by id. A shortened id is looked for among the tasks of all jobs that have
not ended, or of the job given with --job.`,
	}
	tasks.AddCommand(a.tasksShowCommand(), a.tasksLogCommand(), a.tasksSetStatusCommand(), a.tasksRetryCommand())
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
				tasks, err := m.JobTasks(ctx, j.id)
				if err != nil {
					return nil, err
				}
				for _, t := range tasks {
					all = append(all, named{t.ID, t.Name})
				}
			}
			return all, err
		}}
	}
}

func (a *app) jobsToSearch(ctx context.Context, m *link, job string) ([]named, error) {
	if job != "" {
		return a.choose([]string{job}, jobChooser(ctx, m))
	}
	jobs, err := fetchJobs(ctx, m)
	jobs = slices.DeleteFunc(jobs, func(j object[api.Job]) bool { return ended(j.v.Status) && j.v.Status != api.JobStatusFailed })
	return names(jobs, func(j api.Job) named { return named{j.ID, j.Name} }), err
}

func (a *app) tasksShowCommand() *cobra.Command {
	var job string
	cmd := &cobra.Command{
		Use: "show TASK", Short: "Show all that is known of a task", Args: cobra.ExactArgs(1),
		RunE: a.withOne(a.taskChooser(&job), func(ctx context.Context, m *link, chosen named) error {
			task, err := fetch[api.Task](ctx, m, "tasks", chosen.id)
			if err != nil {
				return err
			}
			if a.json {
				return a.printRaw(task.raw)
			}
			return a.printFields(taskFields(task.v))
		}),
	}
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
	cmd := &cobra.Command{
		Use: "log TASK", Short: "Print a task's log: its last lines, all of it, or as it grows", Args: cobra.ExactArgs(1),
		Example: "  flsync tasks log 3f2a91c0 --follow",
		RunE: a.withOne(a.taskChooser(&job), func(ctx context.Context, m *link, chosen named) error {
			switch {
			case a.json:
				info, err := fetch[api.TaskLogInfo](ctx, m, "tasks", chosen.id, "log")
				if err != nil {
					return err
				}
				if info.raw == nil {
					return errNoLog
				}
				return a.printRaw(info.raw)
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
		}),
	}
	cmd.Flags().BoolVar(&full, "full", false, "all of the log")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "all of the log, and what comes until the task ends")
	cmd.Flags().StringVar(&job, "job", "", "the `JOB` that the task belongs to")
	return cmd
}

var errNoLog = errors.New("the task has no log yet")

// copyLog writes a task's log from byte skip on, and returns how long the log is now. A log that is shorter is another
// one, begun when the task was given out again, and is written from its beginning.
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
	const look = time.Second
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	patience := patience{app: a}
	var at int64
	for {
		t, err := m.Task(ctx, task) // before the log, so that nothing is written after the last look
		if err == nil {
			if at, err = copyLog(ctx, m, task, at, a.stdout); errors.Is(err, errNoLog) {
				err = nil
			}
		}
		if !patience.bears(err) {
			return err
		}
		switch {
		case err != nil:
		case t.Status == api.TaskStatusCompleted, t.Status == api.TaskStatusFailed, t.Status == api.TaskStatusCanceled:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

func (a *app) tasksSetStatusCommand() *cobra.Command {
	var reason, job string
	cmd := &cobra.Command{
		Use: "setstatus TASK… STATUS", Short: "Set the status of tasks", Args: cobra.MinimumNArgs(2),
		Long:    "Statuses are those of the Manager: queued, canceled, completed, failed, paused, soft-failed, active.",
		Example: "  flsync tasks setstatus 3f2a91c0 queued --reason 'texture was fixed'",
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			last := len(args) - 1
			status := api.TaskStatus(args[last])
			chosen, err := a.choose(args[:last], a.taskChooser(&job)(ctx, m))
			if err != nil {
				return err
			}
			return a.setTasks(ctx, m, chosen, status, reason)
		}),
	}
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
		if a.json {
			return a.printRaw(task.raw)
		}
		a.did("%s  %-12s %s", short(task.v.ID), task.v.Status, task.v.Name)
		return nil
	})
}

func (a *app) tasksRetryCommand() *cobra.Command {
	var failed, reason string
	cmd := &cobra.Command{
		Use: "retry --failed JOB", Short: "Queue all failed tasks of a job again", Args: cobra.NoArgs,
		Example: "  flsync tasks retry --failed sh010",
		RunE: a.withManager(func(ctx context.Context, m *link, _ []string) error {
			if failed == "" {
				return usagef("name the job: --failed JOB")
			}
			chosen, err := a.chooseOne(failed, jobChooser(ctx, m))
			if err != nil {
				return err
			}
			tasks, err := m.JobTasks(ctx, chosen.id)
			if err != nil {
				return err
			}
			var again []named
			for _, t := range tasks {
				if t.Status == api.TaskStatusFailed || t.Status == api.TaskStatusSoftFailed {
					again = append(again, named{t.ID, t.Name})
				}
			}
			if len(again) == 0 {
				if err := jobExists(ctx, m, chosen.id); err != nil {
					return err
				}
				a.remark("no task has failed")
				return nil
			}
			return a.setTasks(ctx, m, again, api.TaskStatusQueued, reason)
		}),
	}
	cmd.Flags().StringVar(&failed, "failed", "", "the `JOB` whose failed tasks are to run again")
	cmd.Flags().StringVar(&reason, "reason", "retried with flsync", "`TEXT` that the Manager keeps as the tasks' activity")
	return cmd
}
