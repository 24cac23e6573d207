package bench

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
)

// apart is a scenario with the Manager on cores of its own, as it is on a farm: then a client's work can be hidden behind
// the Manager's, which it cannot where both want the same cores and these are never idle.
func apart(s Scenario) Scenario {
	s.Name += "-apart"
	s.Title += "; the Manager has one half of the cores, the client the other"
	s.Apart = true
	s.Goals = slices.Clone(s.Goals)
	for i := range s.Goals {
		s.Goals[i].Text += ", each on cores of its own"
	}
	return s
}

// cannotPart says why programs cannot be kept to some of the cores here, "" if they can.
func cannotPart() string {
	if runtime.NumCPU() < 2 {
		return "there is one core only"
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return "taskset is not installed"
	}
	return ""
}

// managersCores are the first half of the cores, or all.
func (s *Site) managersCores() string {
	if !s.Scenario.Apart {
		return ""
	}
	return fmt.Sprintf("0-%d", runtime.NumCPU()/2-1)
}

// measure measures a program, on the other half where there are halves.
func (s *Site) measure(ctx context.Context, c command) (Sample, error) {
	if s.Scenario.Apart {
		n := runtime.NumCPU()
		c.path, c.args = keptTo(fmt.Sprintf("%d-%d", n/2, n-1), c.path, c.args)
	}
	return s.Lab.measure(ctx, c)
}

// keptTo changes a command line to one that is kept to some cores, as taskset names them; "" stands for all.
func keptTo(cores, path string, args []string) (string, []string) {
	if cores == "" {
		return path, args
	}
	return "taskset", append([]string{"-c", cores, path}, args...)
}
