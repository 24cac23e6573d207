package simworker

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"net/http"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// perform pretends to do a task: a log line for each command, time for each step, a picture when it renders.
// It ends early, without an error, when the Manager forbids the worker to go on.
func (w *Worker) perform(ctx context.Context, task api.AssignedTask) error {
	if err := w.session.UpdateTask(ctx, task.UUID, api.TaskUpdate{
		TaskStatus: new(api.TaskStatusActive), Activity: new("Simulating"), Log: new("simulated worker takes task " + task.Name + "\n"),
	}); err != nil {
		return err
	}
	step := 0
	for _, command := range task.Commands {
		text := fmt.Sprintf("would run %s %v\n", command.Name, command.Parameters)
		if err := w.session.UpdateTask(ctx, task.UUID, api.TaskUpdate{Activity: new("Simulating " + command.Name), Log: &text}); err != nil {
			return err
		}
		for range max(1, command.TotalStepCount) {
			allowed, err := w.step(ctx, task, &step)
			if err != nil || !allowed {
				return err
			}
		}
	}
	if message := w.cfg.Fail(task); message != "" {
		return w.session.UpdateTask(ctx, task.UUID, api.TaskUpdate{TaskStatus: new(api.TaskStatusFailed), Activity: &message, Log: new(message + "\n")})
	}
	if task.TaskType == "blender" {
		if err := w.sendPicture(ctx, task); err != nil {
			return err
		}
	}
	return w.session.UpdateTask(ctx, task.UUID, api.TaskUpdate{TaskStatus: new(api.TaskStatusCompleted), Activity: new("Simulated"), Log: new("done\n")})
}

// step takes one step, and reports whether the worker may go on after it.
func (w *Worker) step(ctx context.Context, task api.AssignedTask, done *int) (allowed bool, err error) {
	if w.cfg.StepTime > 0 {
		wait(ctx, w.cfg.StepTime)
	}
	answer, err := w.session.MayRun(ctx, task.UUID)
	if err != nil || !answer.MayKeepRunning {
		return false, err
	}
	*done++
	return true, w.session.UpdateTask(ctx, task.UUID, api.TaskUpdate{StepsCompleted: done})
}

// sendPicture sends what was rendered. The Manager takes few pictures at a time; those beyond are not worth
// waiting for.
func (w *Worker) sendPicture(ctx context.Context, task api.AssignedTask) error {
	data, err := Picture(task.Name)
	if err != nil {
		return err
	}
	err = w.session.OutputProduced(ctx, task.UUID, "image/png", data)
	if flamenco.HasStatus(err, http.StatusTooManyRequests) {
		return nil
	}
	return err
}

// Picture makes a small PNG whose colours depend on a name.
func Picture(name string) ([]byte, error) {
	const width, height = 320, 180
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(name)) // never fails
	seed := sum.Sum32()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.SetRGBA(x, y, color.RGBA{
				R: uint8(uint32(x*255/width) ^ seed), G: uint8(uint32(y*255/height) ^ seed>>8), B: uint8(seed >> 16), A: 255,
			})
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		return nil, err
	}
	return encoded.Bytes(), nil
}
