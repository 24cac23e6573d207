package faults_test

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/flsync/flsync/internal/lab/faults"
)

const sample = "../../../testdata/project"

// TestMatrix is the short form of the fault matrix: all kinds of faults, a few seeds. FLSYNC_FAULT_SEEDS asks
// for more of them, FLSYNC_FAULT_SEED for one.
func TestMatrix(t *testing.T) {
	first, seeds := uint64(1), uint64(20)
	if testing.Short() {
		seeds = 6
	}
	if n, err := strconv.ParseUint(os.Getenv("FLSYNC_FAULT_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	if n, err := strconv.ParseUint(os.Getenv("FLSYNC_FAULT_SEED"), 10, 64); err == nil {
		first, seeds = n, 1
	}
	before := faults.Now()
	limit := make(chan struct{}, 4) // they mostly wait; more of them on two cores are slow enough to look silent
	var all sync.WaitGroup
	for seed := first; seed < first+seeds; seed++ {
		dir := t.TempDir()
		all.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			result := faults.Run(t.Context(), faults.Config{Seed: seed, Dir: dir, Project: sample})
			for _, broken := range result.Broken {
				t.Errorf("seed %d: %s\n%s\nfaults %v", seed, broken, result.Plan, result.Faults)
			}
			if result.Requests == 0 {
				t.Errorf("seed %d: the Manager was asked nothing", seed)
			}
			t.Logf("%v, %d runs: %s %v %q", result.Took, result.Runs, result.Plan, result.Faults, result.Said)
		})
	}
	all.Wait()
	if err := faults.Left(before); err != nil {
		t.Error(err)
	}
}
