package manager_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/internal/manager"
)

// TestMain serves a Manager when this test binary is started as one, for TestKill.
func TestMain(m *testing.M) {
	dir := os.Getenv("MANAGER_TEST_SERVE")
	if dir == "" {
		os.Exit(m.Run())
	}
	opened, err := manager.New(context.Background(), manager.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("http://" + listener.Addr().String())
	fmt.Println(opened.Serve(context.Background(), listener))
	os.Exit(1)
}

// TestKill kills a Manager at random moments while jobs are sent, worked on and deleted, and files and
// checkouts made. Whatever was answered is there afterwards, and whole.
func TestKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	rounds := 2
	if long.Wanted() {
		rounds = 4
	}
	dir := t.TempDir()
	done := &promises{blobs: make(map[string]blob), jobs: make(map[string]int), checkouts: make(map[string]blob)}
	for round := range rounds {
		s, kill := startProcess(t, dir)
		done.check(s)
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() { done.make(s, round*10+i) })
		}
		enough, before := 1+rand.IntN(30), done.count()
		for deadline := time.Now().Add(time.Minute); done.count() < before+enough && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		kill()
		group.Wait()
	}
	if len(done.blobs) == 0 || len(done.jobs) == 0 || len(done.checkouts) == 0 {
		t.Errorf("no progress in a minute: %d files, %d jobs, %d checkouts", len(done.blobs), len(done.jobs), len(done.checkouts))
	}
	s, kill := startProcess(t, dir)
	done.check(s)
	kill()
}

// startProcess starts this test binary as a Manager.
func startProcess(t *testing.T, dir string) (s *server, kill func()) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "MANAGER_TEST_SERVE="+dir)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	url := strings.TrimSpace(line)
	if err != nil || !strings.HasPrefix(url, "http") {
		t.Fatalf("starting: %q, %v", line, err)
	}
	return &server{t: t, url: url, dir: dir}, kill
}

// promises is what a Manager said that it has.
type promises struct {
	mu        sync.Mutex
	blobs     map[string]blob
	jobs      map[string]int // tasks by job
	checkouts map[string]blob
}

// make makes things until the Manager is gone.
func (p *promises) make(s *server, seed int) {
	for i := 0; ; i++ {
		b := newBlob(fmt.Sprint("content", seed, i, strings.Repeat("x", i%5000)))
		if reply, err := s.tryUpload(b); err != nil || reply.status != http.StatusOK {
			return
		}
		p.note(func() { p.blobs[b.sha] = b })
		body, _ := json.Marshal(api.ShamanCheckout{CheckoutPath: fmt.Sprintf("shot-%d-%d", seed, i), Files: []api.ShamanFileSpec{b.spec("dir/f")}})
		reply, err := s.send(http.MethodPost, "/api/v3/shaman/checkout/create", strings.NewReader(string(body)), "Content-Type: application/json")
		if err != nil || reply.status != http.StatusOK {
			return
		}
		var result api.ShamanCheckoutResult
		_ = json.Unmarshal([]byte(reply.body), &result)
		p.note(func() { p.checkouts[result.CheckoutPath] = b })

		job := echoJob(fmt.Sprint(seed, i))
		job.Settings["sleep_repeats"] = i % 20
		body, _ = json.Marshal(job)
		reply, err = s.send(http.MethodPost, "/api/v3/jobs", strings.NewReader(string(body)), "Content-Type: application/json")
		if err != nil || reply.status != http.StatusOK {
			return
		}
		var stored api.Job
		_ = json.Unmarshal([]byte(reply.body), &stored)
		p.note(func() { p.jobs[stored.ID] = 1 + i%20 })
		if i%3 == 0 {
			p.note(func() { delete(p.jobs, stored.ID) }) // from here on nothing is promised of it
			if _, err := s.send(http.MethodDelete, "/api/v3/jobs/"+stored.ID, nil); err != nil {
				return
			}
		}
	}
}

func (p *promises) note(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// count returns how many jobs are promised.
func (p *promises) count() (n int) {
	p.note(func() { n = len(p.jobs) })
	return n
}

func (p *promises) check(s *server) {
	s.t.Helper()
	for sha, b := range p.blobs {
		if reply, err := s.send(http.MethodGet, b.path(), nil); err != nil || !strings.Contains(reply.body, `"stored"`) {
			s.t.Errorf("file %s: %s, %v", sha, reply.body, err)
		}
	}
	for used, b := range p.checkouts {
		data, err := os.ReadFile(filepath.Join(s.dir, "storage", "jobs", used, "dir", "f"))
		if err != nil || string(data) != string(b.data) {
			s.t.Errorf("checkout %s: %d bytes, %v", used, len(data), err)
		}
	}
	known := make(map[string]bool)
	for _, job := range s.jobs() {
		known[job.ID] = true
		var tasks api.JobTasksSummary
		s.decode(s.call(http.MethodGet, "/jobs/"+job.ID+"/tasks", nil), &tasks)
		if promised, ok := p.jobs[job.ID]; ok && len(tasks.Tasks) != promised || len(tasks.Tasks) == 0 {
			s.t.Errorf("job %s has %d tasks, want %d", job.ID, len(tasks.Tasks), promised)
		}
	}
	for id := range p.jobs {
		if !known[id] {
			s.t.Errorf("job %s is lost", id)
		}
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "storage", "file-store", "uploading"))
	if err != nil || len(left) > 0 {
		s.t.Errorf("left in uploading: %d, %v", len(left), err)
	}
}
