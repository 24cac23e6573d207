package bench

import (
	"bufio"
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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flsync/flsync/internal/lab/netsim"
)

// service is a server that runs beside the measurements.
type service struct {
	cmd *exec.Cmd

	// Of a server that another program started for us; cmd is nil then.
	pid  int
	addr string
}

// startWait bounds how long a server may take until it answers.
const startWait = 20 * time.Second

// start starts a server and gives the first line that it prints.
func start(ctx context.Context, path string, args, env []string) (*service, string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return stopProcess(cmd.Process) }
	cmd.WaitDelay = 5 * time.Second
	var stderr tail
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	s := &service{cmd: cmd}
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
	return nil, "", fmt.Errorf("%s %s did not start%s", path, strings.Join(args, " "), stderr.quote())
}

// stop ends the server, and returns when it is gone.
func (s *service) stop() {
	if s == nil {
		return
	}
	if s.cmd != nil {
		_ = stopProcess(s.cmd.Process)
		timer := time.AfterFunc(startWait, func() { _ = s.cmd.Process.Kill() })
		defer timer.Stop()
		_ = s.cmd.Wait()
		return
	}
	process, err := os.FindProcess(s.pid)
	if err != nil {
		return
	}
	_ = stopProcess(process)
	// It is no child of ours, so that we cannot wait for it.
	for deadline := time.Now().Add(startWait); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			return
		}
		c.Close()
	}
}

// stopProcess asks for a clean end where the system knows such a thing.
func stopProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.Kill()
	}
	return nil
}

// ManagerSource says where Managers come from. The zero value is the embedded
// Manager, which flsync serves.
type ManagerSource struct {
	// URL is a Manager that runs already. Everything sent to it stays there.
	URL string
	// Command is a program that starts a Manager: it is called with a new
	// folder, prints "url=… pid=…" and ends. The Manager is stopped by SIGTERM.
	Command string
}

var urlAndPID = regexp.MustCompile(`url=(\S+) pid=(\d+)`)

// start starts a Manager with its data in dir, on those cores, see keptTo.
func (m ManagerSource) start(ctx context.Context, flsync, dir, cores string) (*service, string, error) {
	switch {
	case m.URL != "":
		return nil, strings.TrimSuffix(m.URL, "/"), nil
	case m.Command != "":
		ctx, cancel := context.WithTimeout(ctx, startWait)
		defer cancel()
		// Its output goes to a file: the server may keep the handle open.
		log, err := os.Create(filepath.Join(dir, "start.log"))
		if err != nil {
			return nil, "", err
		}
		defer log.Close()
		path, args := keptTo(cores, m.Command, []string{filepath.Join(dir, "manager")})
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return nil, "", fmt.Errorf("%s: %w", m.Command, err)
		}
		said, err := os.ReadFile(log.Name())
		if err != nil {
			return nil, "", err
		}
		match := urlAndPID.FindSubmatch(said)
		if match == nil {
			return nil, "", fmt.Errorf("%s said no url=… pid=…: %.200s", m.Command, said)
		}
		pid, err := strconv.Atoi(string(match[2]))
		if err != nil {
			return nil, "", err
		}
		u, err := url.Parse(string(match[1]))
		if err != nil {
			return nil, "", err
		}
		return &service{pid: pid, addr: u.Host}, u.String(), nil
	default:
		path, args := keptTo(cores, flsync, []string{"serve", "--json", "--listen", "127.0.0.1:0", "--storage", filepath.Join(dir, "manager")})
		s, line, err := start(ctx, path, args, isolated(dir))
		if err != nil {
			return nil, "", err
		}
		var listening struct{ URL string }
		if err := json.Unmarshal([]byte(line), &listening); err != nil || listening.URL == "" {
			s.stop()
			return nil, "", fmt.Errorf("%s serve said %q", flsync, line)
		}
		return s, strings.TrimSuffix(listening.URL, "/"), nil
	}
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

// startLine puts a line of some length before a Manager and gives its URL at
// the near end. It is a process of its own, so that its buffers are not ours.
func (l *Lab) startLine(ctx context.Context, manager string, link netsim.Link) (*service, string, error) {
	u, err := url.Parse(manager)
	if err != nil {
		return nil, "", err
	}
	s, addr, err := start(ctx, l.Self, []string{"line", "--target", u.Host,
		"--rtt", link.RTT.String(), "--rate", strconv.FormatFloat(link.BitsPerSecond, 'f', 0, 64)}, nil)
	if err != nil {
		return nil, "", err
	}
	u.Host = addr
	return s, u.String(), nil
}

// startRsync starts an rsync daemon with one module "in" that writes to dir.
func startRsync(ctx context.Context, conf, dir string) (*service, string, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, "", err
	}
	owner := ""
	if os.Getuid() == 0 {
		owner = "uid = 0\ngid = 0\n" // else it would become nobody, who may not write there
	}
	text := fmt.Sprintf("address = 127.0.0.1\nport = %d\nuse chroot = no\n%s[in]\npath = %s\nread only = no\n", port, owner, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, "", err
	}
	cmd := exec.CommandContext(ctx, "rsync", "--daemon", "--no-detach", "--config", conf)
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	s := &service{cmd: cmd}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(startWait); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return s, fmt.Sprintf("rsync://%s/in/", addr), nil
		}
	}
	s.stop()
	return nil, "", errors.New("the rsync daemon did not start")
}

// freePort finds a port that is free now, for servers that cannot tell which
// one they took.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
