package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/lab/long"
)

const sample = "../../../testdata/project"

// TestMain writes what the tests add up to into the document that FLSYNC_FIGURES names, see `make chaos`.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	if path := os.Getenv("FLSYNC_FIGURES"); path != "" {
		fmt.Print(figures.text())
		if err := figures.writeInto(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// figures add up over the tests of this package.
var figures = newFigures(time.Now())

// setting reads a number from the environment, or gives what else holds.
func setting(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// TestMatrix runs the fault matrix: all kinds of faults, a few seeds. FLSYNC_FAULT_SEEDS asks for more of
// them, FLSYNC_FAULT_SEED for one, with -v for all that happened to it.
func TestMatrix(t *testing.T) {
	first, seeds := uint64(4), uint64(1) // of the first ones that meet every fault, it waits least
	if long.Wanted() {
		first, seeds = 1, 20
	}
	if n := setting("FLSYNC_FAULT_SEEDS", 0); n != 0 {
		first, seeds = 1, n
	}
	if one := setting("FLSYNC_FAULT_SEED", 0); one != 0 {
		first, seeds = one, 1
	}
	before := Now()
	limit := make(chan struct{}, 4) // they mostly wait; more of them on two cores are slow enough to look silent
	var all sync.WaitGroup
	for seed := first; seed < first+seeds; seed++ {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			matrixSeed(t, seed, seeds == 1)
		})
	}
	all.Wait()
	if err := Left(before); err != nil {
		t.Error(err)
	}
}

func matrixSeed(t *testing.T, seed uint64, verbose bool) {
	dir, err := os.MkdirTemp("", "flsync-chaos") // t.TempDir would keep a thousand of them until the end
	if err != nil {
		t.Error(err)
		return
	}
	defer os.RemoveAll(dir)
	result := Run(t.Context(), Config{Seed: seed, Dir: dir, Project: sample})
	figures.add(result)
	for _, broken := range result.Broken {
		t.Errorf("seed %d: %s\n%s\nfaults %v", seed, broken, result.Plan, result.Faults)
	}
	if result.Requests == 0 {
		t.Errorf("seed %d: the Manager was asked nothing", seed)
	}
	t.Logf("seed %d, %v, %d runs: %s %v %q", seed, result.Took, result.Runs, result.Plan, result.Faults, result.Said)
	if verbose {
		for _, e := range result.Events {
			t.Log(e)
		}
	}
}

// TestKillCopies is TestKill for a farm without Shaman.
func TestKillCopies(t *testing.T) {
	long.Test(t)
	t.Parallel()
	kills := int(setting("FLSYNC_KILLS", 50))
	seed := setting("FLSYNC_KILL_SEED", uint64(3))
	result, err := Kill(t.Context(), KillConfig{Seed: seed, Dir: t.TempDir(), Project: sample, Program: buildProgram(t), Kills: kills, Copies: true})
	if err != nil || result.Kills != kills {
		t.Fatalf("seed %d: %d kills, want %d: %v", seed, result.Kills, kills, err)
	}
	for _, broken := range result.Broken {
		t.Errorf("seed %d: %s", seed, broken)
	}
	t.Logf("%d kills, %d in sync; the Manager %d times", result.Kills, result.Syncs, result.ManagerKills)
}

// TestKill kills the program a few times, FLSYNC_KILLS says how often; FLSYNC_KILL_SEED repeats what a run
// printed.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and kills the program")
	}
	t.Parallel()
	testKill(t, false)
}

// TestKillDirect does the same while the program writes into the Manager's store itself.
func TestKillDirect(t *testing.T) {
	long.Test(t)
	testKill(t, true)
}

func testKill(t *testing.T, direct bool) {
	t.Helper()
	kills := 2
	if long.Wanted() {
		kills = 5
	}
	kills = int(setting("FLSYNC_KILLS", uint64(kills)))
	if kills == 0 {
		t.Skip("no kills are wanted")
	}
	seed := setting("FLSYNC_KILL_SEED", uint64(3))
	result, err := Kill(t.Context(), KillConfig{Seed: seed, Dir: t.TempDir(), Project: sample, Program: buildProgram(t), Kills: kills, Direct: direct})
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	figures.addKills(result)
	for _, broken := range result.Broken {
		t.Errorf("seed %d: %s", seed, broken)
	}
	if result.Kills != kills {
		t.Errorf("%d kills, want %d", result.Kills, kills)
	}
	t.Logf("seed %d: %+v", seed, result)
}

// built is where flsync lies, once a test has needed it.
var built struct {
	sync.Once
	dir string
	err error
}

// buildProgram builds flsync, once for all tests.
func buildProgram(t *testing.T) string {
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "flsync-faults"); built.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", built.dir+string(filepath.Separator), "../../../cmd/flsync").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "flsync") // on Windows, too, the .exe is found
}
