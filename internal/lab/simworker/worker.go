// Package simworker is a worker that pretends to render. It talks to any Manager as a Flamenco worker does:
// it registers, signs on, takes tasks, reports steps, asks whether it may go on, sends a picture, and signs
// off. It runs nothing: commands become lines in the task's log.
//
// It drives jobs to their end in the contract suite and in `flsync serve --simulate-workers`.
//
// # Basics
//
//	err := simworker.Run(ctx, 3, simworker.Config{Client: client})   // three workers until ctx ends
//
// [Start], [Worker.Work] and [Worker.Stop] are the steps of it, one task at a time.
package simworker

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// Config is what a worker needs. Only Client is required.
type Config struct {
	Client *flamenco.Client

	Name      string   // default "simulated"; Run adds a number
	TaskTypes []string // default those of a Flamenco worker

	// StepTime is how long a step of a task takes, such as a frame. Default none.
	StepTime time.Duration

	// Poll is how long to wait before asking for a task again when there was none. Default 1 s.
	Poll time.Duration

	// Fail returns the message with which a task fails; empty lets it succeed. Default: all succeed.
	Fail func(api.AssignedTask) string

	// CanRestart is sent when the worker signs on.
	CanRestart bool

	// Keep leaves the worker in the Manager's list when it stops. Default: it is deleted, because the next
	// one registers anew.
	Keep bool

	// Log gets what goes wrong while Run goes on. Default: nothing is logged.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Name = cmp.Or(c.Name, "simulated")
	c.Poll = cmp.Or(c.Poll, time.Second)
	if len(c.TaskTypes) == 0 {
		c.TaskTypes = []string{"blender", "ffmpeg", "file-management", "misc"}
	}
	if c.Fail == nil {
		c.Fail = func(api.AssignedTask) string { return "" }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Run lets n workers work until ctx ends, and signs them off. It fails when a worker cannot register or sign
// on.
func Run(ctx context.Context, n int, cfg Config) error {
	cfg = cfg.withDefaults()
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		one := cfg
		one.Name = fmt.Sprintf("%s-%d", cfg.Name, i+1)
		group.Go(func() error { return run(ctx, one) })
	}
	return group.Wait()
}

func run(ctx context.Context, cfg Config) error {
	w, err := Start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	for ctx.Err() == nil {
		worked, err := w.Work(ctx)
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.Warn("simulated worker", "name", cfg.Name, "error", err)
		}
		if w.Status() == api.WorkerStatusOffline {
			break
		}
		if !worked {
			wait(ctx, cfg.Poll)
		}
	}
	const signOff = 5 * time.Second
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signOff)
	defer cancel()
	return w.Stop(stopCtx)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Worker is one worker that is registered and signed on. It is not safe for concurrent use.
type Worker struct {
	cfg     Config
	id      string
	session *flamenco.WorkerSession
	status  api.WorkerStatus
}

// Start registers a worker and signs it on, in the status that the Manager wants: awake, if nobody asked
// otherwise.
func Start(ctx context.Context, cfg Config) (*Worker, error) {
	cfg = cfg.withDefaults()
	secret := rand.Text()
	registered, err := cfg.Client.RegisterWorker(ctx, api.WorkerRegistration{
		Name: cfg.Name, Platform: runtime.GOOS, Secret: secret, SupportedTaskTypes: cfg.TaskTypes,
	})
	if err != nil {
		return nil, fmt.Errorf("registering worker %s: %w", cfg.Name, err)
	}
	w := &Worker{cfg: cfg, id: registered.UUID, session: cfg.Client.AsWorker(registered.UUID, secret)}
	return w, w.SignOn(ctx)
}

// ID is the UUID that the Manager gave the worker.
func (w *Worker) ID() string { return w.id }

// Status is the worker's own idea of its status.
func (w *Worker) Status() api.WorkerStatus { return w.status }

// Session is the worker's way to the Manager, for calls that Work does not make.
func (w *Worker) Session() *flamenco.WorkerSession { return w.session }

// SignOn signs the worker on and takes the status that the Manager wants.
func (w *Worker) SignOn(ctx context.Context) error {
	wanted, err := w.session.SignOn(ctx, api.WorkerSignOn{
		Name: w.cfg.Name, SoftwareVersion: "flsync simulation", SupportedTaskTypes: w.cfg.TaskTypes, CanRestart: w.cfg.CanRestart,
	})
	if err != nil {
		return fmt.Errorf("signing on worker %s: %w", w.cfg.Name, err)
	}
	return w.become(ctx, wanted)
}

// Stop signs the worker off and, without Config.Keep, deletes it.
func (w *Worker) Stop(ctx context.Context) error {
	if w.status != api.WorkerStatusOffline {
		if err := w.session.SignOff(ctx); err != nil {
			return fmt.Errorf("signing off worker %s: %w", w.cfg.Name, err)
		}
		w.status = api.WorkerStatusOffline
	}
	if w.cfg.Keep {
		return nil
	}
	if err := w.cfg.Client.DeleteWorker(ctx, w.id); err != nil && !flamenco.IsNotFound(err) {
		return fmt.Errorf("deleting worker %s: %w", w.cfg.Name, err)
	}
	return nil
}

// Work does the next thing: a task, or the change of status that the Manager asks for. It reports whether
// there was one.
func (w *Worker) Work(ctx context.Context) (worked bool, err error) {
	if w.status != api.WorkerStatusAwake {
		wanted, asked, err := w.session.State(ctx)
		if err != nil || !asked {
			return false, err
		}
		return true, w.become(ctx, wanted)
	}
	task, found, err := w.session.ScheduleTask(ctx)
	var change *flamenco.StatusRequestedError
	switch {
	case errors.As(err, &change):
		return true, w.become(ctx, change.Status)
	case err != nil || !found:
		return false, err
	}
	return true, w.perform(ctx, task)
}

// become changes the worker's status and reports it to the Manager.
func (w *Worker) become(ctx context.Context, status api.WorkerStatus) error {
	switch status {
	case api.WorkerStatusOffline, api.WorkerStatusRestart:
		if err := w.session.SignOff(ctx); err != nil {
			return err
		}
		w.status = api.WorkerStatusOffline
		if status == api.WorkerStatusRestart {
			return w.SignOn(ctx)
		}
		return nil
	}
	if err := w.session.StateChanged(ctx, status); err != nil {
		return err
	}
	w.status = status
	return nil
}
