package simworker_test

import (
	"bytes"
	"context"
	"image/png"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/internal/lab/simworker"
)

func newClient(t *testing.T) *flamenco.Client {
	t.Helper()
	url, _ := managertest.Embedded(t, t.TempDir())
	client, err := flamenco.New(flamenco.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// TestRun: several workers finish a job, sleep and wake when told, and are gone at the end.
func TestRun(t *testing.T) {
	client := newClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- simworker.Run(ctx, 3, simworker.Config{Client: client, Name: "demo", Poll: 5 * time.Millisecond, CanRestart: true})
	}()
	job, err := client.SubmitJob(ctx, api.SubmittedJob{
		Name: "demo", Type: "simple-blender-render", Priority: 50, SubmitterPlatform: "linux",
		Settings: api.JobSettings{
			"blendfile": "{jobs}/a.blend", "frames": "1-20", "chunk_size": 2, "render_output_path": "/r/######", "format": "PNG",
			"image_file_extension": ".png", "fps": 24, "scene": "Scene", "render_output_root": "/r",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the job is completed", func() bool {
		job, err = client.Job(ctx, job.ID)
		return err == nil && job.Status == api.JobStatusCompleted
	})
	if job.StepsCompleted != job.StepsTotal || job.StepsTotal != 21 {
		t.Errorf("%d of %d steps", job.StepsCompleted, job.StepsTotal)
	}
	workers, err := client.Workers(ctx)
	if err != nil || len(workers) != 3 {
		t.Fatalf("%d workers, %v", len(workers), err)
	}
	for _, wanted := range []api.WorkerStatus{api.WorkerStatusAsleep, api.WorkerStatusAwake, api.WorkerStatusRestart} {
		if err := client.RequestWorkerStatus(ctx, workers[0].ID, wanted, false); err != nil {
			t.Fatal(err)
		}
		await(t, "the worker does as it is told", func() bool {
			w, err := client.Worker(ctx, workers[0].ID)
			return err == nil && w.StatusChange == nil && (w.Status == wanted || wanted == api.WorkerStatusRestart && w.Status == api.WorkerStatusAwake)
		})
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if workers, err := client.Workers(t.Context()); err != nil || len(workers) > 0 {
		t.Errorf("%d workers left, %v", len(workers), err)
	}
}

func TestRunFailsWithoutAManager(t *testing.T) {
	client, err := flamenco.New(flamenco.Config{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := simworker.Run(t.Context(), 2, simworker.Config{Client: client}); err == nil {
		t.Error("no error")
	}
}

func TestPicture(t *testing.T) {
	first, err := simworker.Picture("a")
	if err != nil {
		t.Fatal(err)
	}
	second, err := simworker.Picture("b")
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("all pictures are alike, %v", err)
	}
	if _, err := png.Decode(bytes.NewReader(first)); err != nil {
		t.Error(err)
	}
}
