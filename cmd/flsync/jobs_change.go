package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/report"
)

// changeJobs does something to each of the jobs that words mean, and shows what became of them.
func (a *app) changeJobs(ctx context.Context, m *link, words []string, do func(context.Context, named) error) error {
	chosen, err := a.choose(words, jobKind.chooser(ctx, m))
	if err != nil {
		return err
	}
	return a.each(ctx, chosen, func(ctx context.Context, n named) error {
		if err := do(ctx, n); err != nil {
			return err
		}
		return a.showJob(ctx, m, n.id)
	})
}

// showJob prints a job after a change: the Manager's object, or one line.
func (a *app) showJob(ctx context.Context, m *link, id string) error {
	job, err := fetch[api.Job](ctx, m, "jobs", id)
	if err != nil {
		return err
	}
	return a.result(job.raw, "%s  %-16s %s", short(job.v.ID), job.v.Status, job.v.Name)
}

func (a *app) jobsPriorityCommand() *cobra.Command {
	return a.managed(&cobra.Command{
		Use: "priority JOB… N", Short: "Set the priority of jobs: 0 to 100, more is sooner", Args: cobra.MinimumNArgs(2),
		Example: "  flsync jobs priority 'sq020*' 80",
	}, func(ctx context.Context, m *link, args []string) error {
		last := len(args) - 1
		priority, err := strconv.Atoi(args[last])
		if err != nil || priority < 0 || priority > 100 {
			return usagef("priority %q: a number from 0 to 100 is wanted", args[last])
		}
		return a.changeJobs(ctx, m, args[:last], func(ctx context.Context, n named) error {
			return m.SetJobPriority(ctx, n.id, priority)
		})
	})
}

func (a *app) jobsTagCommand() *cobra.Command {
	var none bool
	cmd := a.managed(&cobra.Command{
		Use: "tag JOB… TAG", Short: "Let only workers of a tag run jobs, or all with --none", Args: cobra.MinimumNArgs(1),
		Example: "  flsync jobs tag sh010 sh020 GPU\n  flsync jobs tag sh010 --none",
	}, func(ctx context.Context, m *link, args []string) error {
		var change api.JobTagChange
		if !none {
			if len(args) < 2 {
				return usagef("name a tag after the jobs, or give --none")
			}
			last := len(args) - 1
			tag, err := a.chooseOne(args[last], tagKind.chooser(ctx, m))
			if err != nil {
				return err
			}
			args, change.ID = args[:last], tag.id
		}
		return a.changeJobs(ctx, m, args, func(ctx context.Context, n named) error {
			return m.SetJobTag(ctx, n.id, change)
		})
	})
	cmd.Flags().BoolVar(&none, "none", false, "take the tag away")
	return cmd
}

func (a *app) jobsBlocklistCommand() *cobra.Command {
	var remove []string
	cmd := a.one(&cobra.Command{
		Use: "blocklist JOB", Short: "Show which workers may not run which tasks of a job, or allow them again",
		Example: "  flsync jobs blocklist sh010\n  flsync jobs blocklist sh010 --remove node07:blender",
	}, jobKind.chooser, func(ctx context.Context, m *link, chosen named) error {
		if err := a.unblock(ctx, m, chosen.id, remove); err != nil {
			return err
		}
		list, err := listAt[api.JobBlocklistEntry]("", "jobs", chosen.id, "blocklist")(ctx, m)
		if err == nil && len(list) == 0 {
			err = jobExists(ctx, m, chosen.id)
		}
		if err != nil {
			return err
		}
		return printList(a, list, func(e api.JobBlocklistEntry) string { return e.WorkerID + ":" + e.TaskType }, []column[api.JobBlocklistEntry]{
			{title: "worker", cell: func(e api.JobBlocklistEntry) string { return e.WorkerName }, gives: true},
			{title: "id", cell: func(e api.JobBlocklistEntry) string { return e.WorkerID }},
			{title: "task type", cell: func(e api.JobBlocklistEntry) string { return e.TaskType }},
		})
	})
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "allow this `WORKER:TASKTYPE` again; may be repeated")
	return cmd
}

func (a *app) unblock(ctx context.Context, m *link, job string, pairs []string) error {
	if len(pairs) == 0 {
		return nil
	}
	blocked, err := m.JobBlocklist(ctx, job)
	if err != nil {
		return err
	}
	var entries []api.JobBlocklistEntry
	for _, pair := range pairs {
		i := strings.LastIndexByte(pair, ':')
		if i <= 0 || i == len(pair)-1 {
			return usagef("--remove %q is not of the form WORKER:TASKTYPE", pair)
		}
		worker, err := a.chooseOne(pair[:i], workerKind.chooser(ctx, m))
		if err != nil {
			return err
		}
		entry := api.JobBlocklistEntry{WorkerID: worker.id, TaskType: pair[i+1:]}
		if !slices.ContainsFunc(blocked, func(b api.JobBlocklistEntry) bool {
			return b.WorkerID == entry.WorkerID && b.TaskType == entry.TaskType
		}) {
			a.sink().Emit(report.Warning{Code: "not-blocked", Message: fmt.Sprintf("%s is not on the blocklist of job %s: nothing to remove", pair, short(job))})
		}
		entries = append(entries, entry)
	}
	return m.RemoveFromJobBlocklist(ctx, job, entries)
}

func (a *app) jobsDeleteCommand() *cobra.Command {
	var yes, force bool
	var olderThan string
	cmd := a.managed(&cobra.Command{
		Use: "delete [JOB…]", Short: "Delete jobs, with their tasks, logs and checkouts",
		Long: `Says first what would go, and what each job's status is; with --yes it goes. A job that renders
is deleted only with --force. The Manager deletes in the background.
--older-than deletes all jobs that were last updated longer ago, in one request.`,
		Example: "  flsync jobs delete 'test *' --yes\n  flsync jobs delete --older-than 30d --yes",
	}, func(ctx context.Context, m *link, args []string) error {
		if olderThan != "" {
			if len(args) > 0 {
				return usagef("name jobs or give --older-than, not both")
			}
			return a.deleteOld(ctx, m, olderThan, yes, force)
		}
		chosen, err := a.choose(args, jobKind.chooser(ctx, m))
		if err != nil {
			return err
		}
		var mu sync.Mutex
		var going []named
		asked := a.each(ctx, chosen, func(ctx context.Context, n named) error {
			job, err := m.Job(ctx, n.id)
			if err != nil {
				return err
			}
			if renders(job.Status) && !force {
				return errRenders(job)
			}
			info, err := m.JobDeletionInfo(ctx, n.id)
			if err != nil {
				return err
			}
			checkout := "; no checkout"
			if info.ShamanCheckout {
				checkout = ", and its checkout"
			}
			mu.Lock()
			defer mu.Unlock()
			going = append(going, named{job.ID, job.Name})
			a.remark("would delete %s, which is %s: its tasks and logs%s", jobLabel(job), job.Status, checkout)
			return nil
		})
		if len(going) == 0 {
			return asked
		}
		if err := a.confirm(yes, "delete "+report.Count(len(going), "job")); err != nil {
			return err
		}
		err = a.each(ctx, going, func(ctx context.Context, n named) error {
			if err := m.DeleteJob(ctx, n.id); err != nil {
				return err
			}
			if a.json {
				switch job, err := fetch[api.Job](ctx, m, "jobs", n.id); {
				case err == nil:
					return a.printJSON(job.raw)
				case !flamenco.IsNotFound(err): // the Manager may be done with it already
					return err
				}
			}
			return a.result(map[string]string{"id": n.id}, "%s  deletion requested  %s", short(n.id), n.name)
		})
		if asked != nil {
			a.tell(err)
			return asked
		}
		return err
	})
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "delete jobs that render, too")
	cmd.Flags().StringVar(&olderThan, "older-than", "", "delete all jobs not updated for this `TIME`, such as 30d")
	return cmd
}

// errRenders refuses the deletion of a job under whose Blender its files would go.
func errRenders(job api.Job) error {
	return fmt.Errorf("it is %s, and its files would go while they are used: cancel it first (flsync jobs cancel %s), or add --force", job.Status, short(job.ID))
}

func (a *app) deleteOld(ctx context.Context, m *link, olderThan string, yes, force bool) error {
	age, err := parseAge(olderThan)
	if err != nil {
		return err
	}
	if age <= 0 {
		return usagef("--older-than %q would delete everything", olderThan)
	}
	// What a job's times mean is known by the Manager's clock alone: ours may be wrong, and would have all
	// deleted.
	ahead, err := m.ClockDifference(ctx)
	if err != nil {
		return fmt.Errorf("the age of jobs cannot be told, nothing is deleted: %w", err)
	}
	limit := time.Now().Add(ahead.Truncate(time.Second) - age).Truncate(time.Second)
	jobs, err := fetchJobs(ctx, m)
	if err != nil {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(j object[api.Job]) bool { return j.v.Updated.After(limit) })
	if err := jobKind.print(a, jobs); err != nil || len(jobs) == 0 {
		return err
	}
	for _, j := range jobs {
		if renders(j.v.Status) && !force {
			return fmt.Errorf("%s: %w", jobLabel(j.v), errRenders(j.v))
		}
	}
	if err := a.confirm(yes, "delete "+report.Count(len(jobs), "job")+" last updated before "+limit.Format(time.DateTime)); err != nil {
		return err
	}
	err = m.DeleteJobs(ctx, limit)
	if flamenco.HasStatus(err, http.StatusRequestedRangeNotSatisfiable) { // somebody else was faster
		return nil
	}
	if err == nil {
		a.did("deletion of %s requested", report.Count(len(jobs), "job"))
	}
	return err
}

// outcome is nil when every job was completed; its errors name the others.
func outcome(jobs []api.Job) error {
	var bad []error
	for _, j := range jobs {
		switch j.Status {
		case api.JobStatusCompleted:
		case api.JobStatusPaused:
			bad = append(bad, fmt.Errorf("job %s (%s) is paused, and is not waited for: flsync jobs resume %s lets it run", j.Name, short(j.ID), short(j.ID)))
		default:
			bad = append(bad, fmt.Errorf("job %s (%s) ended as %s: %s", j.Name, short(j.ID), j.Status, j.Activity))
		}
	}
	if len(bad) > 0 && len(bad) < len(jobs) {
		bad = append(bad, fmt.Errorf("%w: %d of %d jobs were not completed", pipeline.ErrPartial, len(bad), len(jobs)))
	}
	return errors.Join(bad...)
}
