package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/report"
)

// batchReady makes the batch, submits it once, so that everything is stored
// and known, and writes down what the upper bound has to know.
func batchReady(batch workload.Batch) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		if err := batch.Create(ctx, s.Tree, s.Seed()); err != nil {
			return err
		}
		settle(ctx)
		if _, err := s.submit(ctx, int64(batch.Shots), -1); err != nil {
			return err
		}
		shots, err := batch.Specs(ctx, s.Tree)
		if err != nil {
			return err
		}
		data, err := json.Marshal(shots)
		if err != nil {
			return err
		}
		return os.WriteFile(s.list(), data, 0o666)
	}
}

// submit submits the batch's manifest. uploads of -1 is any number.
func (s *Site) submit(ctx context.Context, jobs, uploads int64) (Sample, error) {
	return s.flsync(ctx, func(r report.Summary) error {
		if r.Files.Total != jobs+workload.BatchTextures {
			return fmt.Errorf("it found %d files in %d shots", r.Files.Total, jobs)
		}
		if int64(r.Jobs.Submitted) != jobs || uploads >= 0 && r.Store.Uploaded != uploads {
			return fmt.Errorf("it submitted %d of %d jobs and uploaded %d files", r.Jobs.Submitted, jobs, r.Store.Uploaded)
		}
		return nil
	}, "submit", filepath.Join(s.Tree, workload.BatchManifest))
}

// flsyncBatch submits the shots again, under new names.
func flsyncBatch(batch workload.Batch) []Contender {
	return []Contender{{Name: "flsync", Prepare: func(ctx context.Context, s *Site) error {
		return batch.WriteManifest(s.Tree, s.Seed())
	}, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.submit(ctx, int64(batch.Shots), 0)
	}}}
}

// managersTime are clients that only ask the Manager for what has to be done.
func managersTime(connections ...int) (all []Contender) {
	for _, n := range connections {
		all = append(all, Contender{
			Name: managerAlone + ", " + connectionsText(n), Group: managerAlone,
			Run: func(ctx context.Context, s *Site) (Sample, error) {
				return s.baseline(ctx, nil, "batch", "--url", s.URL, "--list", s.list(),
					"--connections", strconv.Itoa(n), "--name", fmt.Sprintf("upper%d", s.Seed()))
			},
		})
	}
	return all
}

const managerAlone = "the Manager alone"
