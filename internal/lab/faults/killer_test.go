package faults

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/report"
)

// KillConfig says what to kill.
type KillConfig struct {
	Seed    uint64
	Dir     string // empty folder for everything
	Project string // the sample project
	Program string // a built flsync
	Direct  bool   // it writes into the Manager's store itself
	Kills   int
	Copies  bool // the Manager's Shaman is off, and jobs get copies on its storage
}

// KillResult is what came of killing the program.
type KillResult struct {
	Kills, Syncs, Submits int // of the program, and in which command
	ManagerKills          int
	Rounds                int // days of edits, each run to its end after the kills
	Broken                []string
}

// killer ends flsync and its Manager at random moments.
type killer struct {
	KillConfig
	judge
	random  *rand.Rand
	address string // of the Manager, the same after each of its deaths
	manager *exec.Cmd
	life    time.Duration // the longest for a run that is to be killed
	result  KillResult
}

// Kill ends the program with SIGKILL at random moments of sync and submit, the Manager beside it now and
// then, and runs both to their end after some of these: nothing may be lost, twice, or half there.
func Kill(ctx context.Context, c KillConfig) (result KillResult, err error) {
	k := &killer{KillConfig: c, random: rand.New(rand.NewPCG(c.Seed, 2)), address: "127.0.0.1:0", life: firstLife}
	k.judge = judge{
		project: filepath.Join(c.Dir, "project"), url: func() string { return "http://" + k.address },
		checkouts: func() string { return filepath.Join(c.Dir, "farm", "storage", "jobs") },
	}
	if c.Copies {
		k.checkouts = func() string { return filepath.Join(c.Dir, "farm", "storage") }
	}
	if err := writeProject(k.project, c.Project, k.random); err != nil {
		return k.result, err
	}
	if err := k.startManager(ctx); err != nil {
		return k.result, err
	}
	defer func() { err = errors.Join(err, k.stopManager()) }()
	for k.result.Kills < c.Kills && ctx.Err() == nil {
		if err := k.round(ctx); err != nil {
			return k.result, err
		}
	}
	if c.Copies {
		if err := k.prune(ctx); err != nil {
			return k.result, err
		}
	} else {
		k.checkStore(filepath.Join(c.Dir, "farm", "storage", "file-store", "stored"))
	}
	k.result.Broken = k.found
	return k.result, ctx.Err()
}

// round is a day: files are edited, the program is killed some times, and gets to its end at last.
func (k *killer) round(ctx context.Context) error {
	k.result.Rounds++
	if err := k.newDay(); err != nil {
		return err
	}
	command := k.submit()
	if k.result.Rounds%3 == 2 {
		command = []string{"sync", k.project, "--checkout", "film/whole"}
	}
	for range min(1+k.random.IntN(6), k.Kills-k.result.Kills) {
		killed, err := k.runAndKill(ctx, command)
		if err != nil {
			return err
		}
		if !killed {
			break // all is done, and what comes now has no stages to be killed in
		}
		k.checkFarm(ctx, fmt.Sprintf("round %d, after a kill", k.result.Rounds))
	}
	return k.finish(ctx, command)
}

func (k *killer) submit() []string {
	return []string{"submit", filepath.Join(k.project, "chaos.yaml"), "--replace"}
}

// newDay edits a part of the project.
func (k *killer) newDay() error {
	for i := range 40 {
		name := fmt.Sprintf("extra/job %02d/day %d.bin", k.random.IntN(night), i)
		if err := writeFile(k.project, name, noise(k.random, 1+k.random.IntN(100_000))); err != nil {
			return err
		}
	}
	return nil
}

// firstLife is the longest life of a run that is to be killed, until it is known what a whole run takes here.
const firstLife = 1500 * time.Millisecond

// runAndKill starts the program and kills it, unless it is faster. Lives go up to what a whole run takes, so
// that no stage is spared; short ones are likelier, since much happens at the beginning.
func (k *killer) runAndKill(ctx context.Context, command []string) (killed bool, err error) {
	cmd := k.program(ctx, command)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return false, err
	}
	share := k.random.Float64()
	life := time.Duration(share * share * float64(k.life))
	managerToo := k.random.IntN(4) == 0
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(life)
	defer timer.Stop()
	select {
	case <-ended: // it was faster
		k.life = time.Since(began)
	case <-timer.C:
		k.life += k.life / 20                    // if this machine has become slower
		if managerToo && k.random.IntN(2) == 0 { // the Manager first
			if err := k.restartManager(ctx); err != nil {
				return false, err
			}
			managerToo = false
		}
		if err := cmd.Process.Kill(); err == nil {
			killed = true
			k.result.Kills++
			if command[0] == "sync" {
				k.result.Syncs++
			} else {
				k.result.Submits++
			}
		}
		<-ended
		if k.random.IntN(2) == 0 { // a program that cleans caches comes by: that must not make a job double
			if err := os.RemoveAll(filepath.Join(k.Dir, "cache")); err != nil {
				return false, err
			}
		}
	}
	if managerToo {
		err = k.restartManager(ctx)
	}
	return killed, err
}

// finish runs the program to its end and looks at everything.
func (k *killer) finish(ctx context.Context, command []string) error {
	step := fmt.Sprintf("round %d, %s", k.result.Rounds, command[0])
	cmd := k.program(ctx, command)
	var out, remarks bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &remarks
	if err := cmd.Run(); err != nil {
		k.broken("%s: the run after the kills failed: %v\n%s\n%s", step, err, last(out.Bytes()), remarks.String())
		return nil
	}
	var summary report.Summary
	if err := json.Unmarshal(last(out.Bytes()), &summary); err != nil {
		return fmt.Errorf("%s: no summary: %w", step, err)
	}
	k.checkFarm(ctx, step)
	if command[0] == "sync" {
		k.checkSync(step, summary)
		return nil
	}
	k.checkJobs(ctx, step)
	if n := summary.Jobs; n.Submitted+n.Skipped != n.Total || n.Total != night+2 {
		k.broken("%s: the summary counts %+v", step, n)
	}
	return nil
}

// checkStore compares every stored file with the digest and the size that it is named by.
func (k *killer) checkStore(dir string) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*", "*"))
	if err != nil || len(paths) == 0 {
		k.broken("nothing is stored in %s: %v", dir, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		sum := sha256.Sum256(data)
		name := hex.EncodeToString(sum[:])
		if want := filepath.Join(dir, name[:2], name[2:], fmt.Sprintf("%d.blob", len(data))); err != nil || path != want {
			k.broken("%s has the contents of %s, %v", path, want, err)
		}
	}
}

func (k *killer) program(ctx context.Context, command []string) *exec.Cmd {
	args := append(command[:len(command):len(command)], "--json", "--quiet", "--manager", k.url())
	if k.Direct {
		args = append(args, "--direct")
	}
	cmd := exec.CommandContext(ctx, k.Program, args...)
	cmd.Env = k.environ()
	return cmd
}

// prune removes what kills left, as if hours had passed, and looks for what is still there without being of
// use.
func (k *killer) prune(ctx context.Context) error {
	if err := k.finish(ctx, k.submit()); err != nil { // the last day may have ended with a sync
		return err
	}
	old := time.Now().Add(-2 * time.Hour)
	root := filepath.Join(k.checkouts(), "flsync")
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, old, old))
	})
	if err != nil {
		return err
	}
	if out, err := k.program(ctx, []string{"storage", "prune"}).CombinedOutput(); err != nil {
		return fmt.Errorf("prune: %w: %s", err, out)
	}
	k.checkJobs(ctx, "after the prune")
	jobs, err := k.jobs(ctx)
	if err != nil {
		return err
	}
	var used strings.Builder // names of folders and contents
	for _, j := range jobs {
		used.WriteString(j.Metadata["flsync.checkout"] + "\n")
	}
	lists, err := filepath.Glob(filepath.Join(root, "*", "*.flsync"))
	for _, list := range lists {
		text, rerr := os.ReadFile(list)
		used.Write(text)
		if _, serr := os.Stat(strings.TrimSuffix(list, ".flsync")); serr != nil {
			k.broken("a list without its folder is left: %v", serr)
		}
		err = errors.Join(err, rerr)
	}
	left, gerr := filepath.Glob(filepath.Join(root, "pool", "*", "*"))
	folders, ferr := filepath.Glob(filepath.Join(root, "jobs", "*"))
	for _, path := range append(left, folders...) {
		if name := strings.TrimSuffix(filepath.Base(path), ".flsync"); !strings.Contains(used.String(), name+"\n") {
			k.broken("left over: %s", path)
		}
	}
	return errors.Join(err, gerr, ferr)
}

// environ keeps the program's state in the killer's folder.
func (k *killer) environ() []string { return cleanenv.Environ(k.Dir) }

func last(lines []byte) []byte {
	lines = bytes.TrimSpace(lines)
	return lines[bytes.LastIndexByte(lines, '\n')+1:]
}

// startManager starts the Manager, on the port that it had before.
func (k *killer) startManager(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, k.Program, "serve", "--json", "--quiet", "--listen", k.address, "--storage", filepath.Join(k.Dir, "farm"), fmt.Sprintf("--no-shaman=%v", k.Copies))
	cmd.Env = k.environ()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var listening report.Listening
	if err == nil {
		err = json.Unmarshal(line, &listening)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the Manager did not start: %w", err), cmd.Process.Kill(), cmd.Wait())
	}
	k.manager, k.address = cmd, listening.URL[len("http://"):]
	return nil
}

func (k *killer) restartManager(ctx context.Context) error {
	k.result.ManagerKills++
	if err := k.stopManager(); err != nil {
		return err
	}
	return k.startManager(ctx)
}

// stopManager kills it: a clean end is for others to test.
func (k *killer) stopManager() error {
	if err := k.manager.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	var killed *exec.ExitError
	if err := k.manager.Wait(); err != nil && !errors.As(err, &killed) {
		return err
	}
	return nil
}
