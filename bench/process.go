package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// command is a program that is run and measured.
type command struct {
	path   string
	args   []string
	env    []string  // nil: the lab's own
	stdout io.Writer // nil: the system throws it away
}

// measure runs a program by way of this one's measure command, on the contenders' half of the cores where
// there are halves.
//
// The detour is for MaxRSS: on Linux a process starts with the mark of the one that started it, and the lab
// may need more memory than what it measures. What needs less than the command's own 10 MB or so is shown
// with those.
func (s *Site) measure(ctx context.Context, c command) (Sample, error) {
	c.path, c.args = s.keptTo(runtime.NumCPU()/2, runtime.NumCPU()-1, c.path, c.args)
	result := s.Path("sample.json")
	cmd := exec.CommandContext(ctx, s.Self, append([]string{"measure", result, "--", c.path}, c.args...)...)
	cmd.Env, cmd.Stdout = c.env, c.stdout
	cmd.Cancel = func() error { return stopProcess(cmd.Process) } // and it kills what it measures
	cmd.WaitDelay = startWait
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return Sample{}, fmt.Errorf("%s %s: %w\n%s", c.path, strings.Join(c.args, " "), err, tail(stderr.Bytes()))
	}
	data, err := os.ReadFile(result)
	if err != nil {
		return Sample{}, err
	}
	var sample Sample
	return sample, errors.Join(json.Unmarshal(data, &sample), os.Remove(result))
}

// Measure runs a program to its end, with our own output and environment, and writes down what it took.
func Measure(ctx context.Context, result, path string, args ...string) error {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return err
	}
	return writeJSON(result, Sample{
		Wall: wall.Seconds(), User: cmd.ProcessState.UserTime().Seconds(), System: cmd.ProcessState.SystemTime().Seconds(),
		MaxRSS: maxRSS(cmd.ProcessState),
	})
}

// tail is the end of what a program wrote.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// cannotPart reports why programs cannot be kept to some of the cores here, "" if they can.
func cannotPart() string {
	if runtime.NumCPU() < 2 {
		return "there is one core only"
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return "taskset is not installed"
	}
	return ""
}

// keptTo changes a command line to one that is kept to some of the cores, where Manager and contenders have
// their own.
func (s *Site) keptTo(first, last int, path string, args []string) (string, []string) {
	if !s.Scenario.Apart {
		return path, args
	}
	return "taskset", append([]string{"-c", fmt.Sprintf("%d-%d", first, last), path}, args...)
}

// service is a server that runs beside the measurements.
type service struct{ cmd *exec.Cmd }

// startWait bounds how long a server may take until it answers.
const startWait = 20 * time.Second

// start starts a server in dir, and returns the first line that it prints.
func start(ctx context.Context, dir string, env []string, path string, args ...string) (*service, string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Cancel = func() error { return stopProcess(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	cmd.Stderr = cmd.Stdout // Flamenco's Manager prints there
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	s := &service{cmd}
	first := make(chan string, 1)
	go func() {
		reader := bufio.NewReader(out)
		line, _ := reader.ReadString('\n')
		first <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, reader)
	}()
	select {
	case line := <-first:
		if line != "" {
			return s, line, nil
		}
	case <-time.After(startWait):
	case <-ctx.Done():
	}
	s.stop()
	return nil, "", fmt.Errorf("%s %s did not start", path, strings.Join(args, " "))
}

// stop ends the server, and returns when it is gone.
func (s *service) stop() {
	if s == nil {
		return
	}
	_ = stopProcess(s.cmd.Process)
	timer := time.AfterFunc(startWait, func() { _ = s.cmd.Process.Kill() })
	defer timer.Stop()
	_ = s.cmd.Wait()
}

// stopProcess asks for a clean end where the system knows such a thing.
func stopProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.Kill()
	}
	return nil
}

// ManagerSource is where Managers come from. The zero value is the embedded Manager, which flsync serves.
type ManagerSource struct {
	URL     string // of a Manager that runs already; everything sent to it stays there
	Program string // a flamenco-manager, which is started with a configuration of its own
}

// startManager starts a Manager with its data in the newest farm folder, and returns its URL.
func (s *Site) startManager(ctx context.Context) (*service, string, error) {
	for _, storage := range []string{"storage", "manager/storage"} { // a Manager without Shaman does not make it
		if err := os.MkdirAll(filepath.Join(s.farm, storage), 0o777); err != nil {
			return nil, "", err
		}
	}
	switch {
	case s.Manager.URL != "":
		return nil, strings.TrimSuffix(s.Manager.URL, "/"), nil
	case s.Manager.Program != "":
		return s.startProgram(ctx)
	}
	path, args := s.keptTo(0, runtime.NumCPU()/2-1, s.Flsync, []string{"serve", "--json", "--listen", "127.0.0.1:0", "--storage", filepath.Join(s.farm, "manager")})
	if s.Scenario.Manager == "plain" {
		args = append(args, "--no-shaman")
	}
	running, line, err := start(ctx, s.farm, cleanenv.Environ(s.farm), path, args...)
	if err != nil {
		return nil, "", err
	}
	var listening struct{ URL string }
	if err := json.Unmarshal([]byte(line), &listening); err != nil || listening.URL == "" {
		running.stop()
		return nil, "", fmt.Errorf("%s serve said %q", s.Flsync, line)
	}
	return running, strings.TrimSuffix(listening.URL, "/"), nil
}

const managerConfig = `_meta: {version: 3}
manager_name: bench
database: flamenco.sqlite
listen: %s
autodiscoverable: false
local_manager_storage_path: local
shared_storage_path: %s
shaman: {enabled: %t}
`

func (s *Site) startProgram(ctx context.Context) (*service, string, error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := free.Addr().String()
	free.Close()
	config := fmt.Sprintf(managerConfig, address, filepath.Join(s.farm, "storage"), s.Scenario.Manager == "shaman")
	if err := os.WriteFile(filepath.Join(s.farm, "flamenco-manager.yaml"), []byte(config), 0o600); err != nil {
		return nil, "", err
	}
	path, args := s.keptTo(0, runtime.NumCPU()/2-1, s.Manager.Program, nil)
	running, _, err := start(ctx, s.farm, nil, path, args...)
	if err != nil {
		return nil, "", err
	}
	for deadline := time.Now().Add(startWait); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if _, err = managerVersion(ctx, "http://"+address); err == nil {
			return running, "http://" + address, nil
		}
	}
	running.stop()
	return nil, "", fmt.Errorf("%s does not answer: %w", s.Manager.Program, err)
}

// managerVersion asks a Manager for its name and version.
func managerVersion(ctx context.Context, base string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v3/version", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var v struct{ Name, Version string }
	err = json.NewDecoder(resp.Body).Decode(&v)
	return strings.TrimSpace(v.Name + " " + v.Version), err
}

// startLine puts a line of some length before a Manager and returns its URL at the near end. It is a process
// of its own, so that its buffers are not ours.
func (l *Lab) startLine(ctx context.Context, manager string, link netsim.Link) (*service, string, error) {
	u, err := url.Parse(manager)
	if err != nil {
		return nil, "", err
	}
	s, address, err := start(ctx, "", nil, l.Self, "line", "--target", u.Host,
		"--rtt", link.RTT.String(), "--rate", fmt.Sprintf("%.0f", link.BitsPerSecond),
		"--connection-rate", fmt.Sprintf("%.0f", link.BitsPerConnection), "--loss", fmt.Sprint(link.Loss))
	u.Host = address
	return s, u.String(), err
}
