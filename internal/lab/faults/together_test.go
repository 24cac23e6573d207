package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/internal/lab/cleanenv"
	"github.com/flsync/flsync/internal/report"
)

// A home is a place for the state of programs that run as one user.
type home struct {
	t       *testing.T
	dir     string
	program string
	env     []string
}

func newHome(t *testing.T) *home {
	dir := t.TempDir()
	return &home{t: t, dir: dir, program: buildProgram(t), env: cleanenv.Environ(dir)}
}

// ran is what a program had to say.
type ran struct {
	code     int
	out, err string
	summary  report.Summary
}

func (h *home) run(args ...string) ran {
	cmd := exec.CommandContext(h.t.Context(), h.program, args...)
	cmd.Env = h.env
	var out, remarks bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &remarks
	_ = cmd.Run() // the exit code tells
	r := ran{code: cmd.ProcessState.ExitCode(), out: out.String(), err: remarks.String()}
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	_ = json.Unmarshal([]byte(lines[len(lines)-1]), &r.summary)
	return r
}

// TestTwoOnOneProject starts two submissions of one manifest at the same moment: one does it, and the other
// says who holds the project, or finds all done. No job is there twice.
func TestTwoOnOneProject(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	h, url := newHome(t), embedded(t)
	project := filepath.Join(h.dir, "project")
	if err := os.CopyFS(project, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	results := make([]ran, 3)
	for i := range results {
		both.Go(func() {
			results[i] = h.run("submit", filepath.Join(project, "night.yaml"), "--json", "--manager", url)
		})
	}
	both.Wait()
	done := 0
	for _, r := range results {
		switch {
		case r.code == 0:
			done++
		case !strings.Contains(r.out+r.err, "another flsync "): // which has perhaps not written down yet who it is
			t.Errorf("exit code %d, and nothing says who holds the project:\n%s%s", r.code, tail(r.out), tail(r.err))
		}
	}
	if done == 0 {
		t.Errorf("none of them did it")
	}
	client, err := flamenco.New(flamenco.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	jobs, err := client.Jobs(t.Context())
	if err != nil || len(jobs) != 4 {
		t.Errorf("%d jobs, want 4: %v", len(jobs), err)
	}
}

// TestManyOnOneCache starts programs on one cache at once: none waits long, none fails, no digest is wrong.
func TestManyOnOneCache(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	h := newHome(t)
	tree := filepath.Join(h.dir, "tree")
	for i := range 200 {
		writeText(t, tree, fmt.Sprintf("%d.png", i), fmt.Sprint("picture ", i))
	}
	results := make([]ran, 4)
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { results[i] = h.run("hash", tree) })
	}
	all.Wait()
	for i := range results {
		lines := strings.SplitAfter(results[i].out, "\n")
		slices.Sort(lines)
		results[i].out = strings.Join(lines, "")
	}
	for i, r := range results {
		if r.code != 0 || strings.Count(r.out, "\n") != 200 || r.out != results[0].out {
			t.Errorf("run %d: exit code %d, %d lines, %s", i, r.code, strings.Count(r.out, "\n"), r.err)
		}
	}
	check := exec.CommandContext(t.Context(), "sha256sum", "-c", "--quiet")
	check.Stdin = strings.NewReader(results[0].out)
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("there is no sha256sum")
	}
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSecretsStay runs the program with secrets of every kind against Managers that refuse, repeat them or
// send the client elsewhere, and looks for them in all that it wrote.
func TestSecretsStay(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	const header, user, word = "s3cret-header", "s3cret-user", "s3cret-word"
	strangers := 0
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { strangers++ }))
	defer stranger.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"repeats": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"code":400,"message":"you sent %s and %s"}`, r.Header.Get("X-Token"), r.Header.Get("Authorization"))
		},
		"sends elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stranger.URL+r.URL.Path+"?token="+r.Header.Get("X-Token"), http.StatusTemporaryRedirect)
		},
		"works": nil,
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			target := ""
			if handler == nil {
				target = embedded(t)
			} else {
				server := httptest.NewServer(handler)
				defer server.Close()
				target = server.URL
			}
			target = strings.Replace(target, "http://", "http://"+user+":"+word+"@", 1)
			writeText(t, h.dir, "headers", "X-Token: "+header+"\n")
			project := filepath.Join(h.dir, "project")
			if err := os.CopyFS(project, os.DirFS(sample)); err != nil {
				t.Fatal(err)
			}
			common := []string{"--manager", target, "--header-file", filepath.Join(h.dir, "headers"), "--verbose"}
			var said strings.Builder
			for _, args := range [][]string{
				{"submit", filepath.Join(project, "night.yaml"), "--json"}, {"sync", project}, {"farm", "version"}, {"farm", "doctor"}, {"jobs", "list"}, {"report"},
			} {
				r := h.run(append(args, common...)...)
				fmt.Fprintf(&said, "%v: %d\n%s%s", args, r.code, r.out, r.err)
			}
			for _, secret := range []string{header, word, "czNjcmV0LX"} { // the last begins the user in base64
				if i := strings.Index(said.String(), secret); i >= 0 {
					t.Errorf("%s was printed: %q", secret, said.String()[max(0, i-200):min(said.Len(), i+80)])
				}
				for _, path := range filesWith(t, h.dir, secret) {
					if filepath.Base(path) != "headers" {
						t.Errorf("%s is in %s", secret, path)
					}
				}
			}
		})
	}
	if strangers > 0 {
		t.Errorf("another host was sent %d requests", strangers)
	}
}

// filesWith lists files that hold a text, and fails for state that others than the owner can read.
func filesWith(t *testing.T, dir, text string) (found []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			found = append(found, path)
		}
		info, ierr := d.Info()
		if ierr == nil && strings.Contains(path, string(filepath.Separator)+"flsync"+string(filepath.Separator)) && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v: others can read it", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestHostileManagers: what answers in a Manager's place may send what it likes; the program ends in time,
// and has written nothing elsewhere.
func TestHostileManagers(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"endless JSON": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"job_types":[`)
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte(`{"name":"x"},`), 5000)); err != nil {
					return
				}
			}
		},
		"deep JSON":         func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat("[", 5_000_000)) },
		"nothing but nulls": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "null") },
		"expressions without end": func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/jobs/types"):
				fmt.Fprint(w, `{"job_types":[{"name":"simple-blender-render","label":"x","etag":"1","settings":[`+
					`{"key":"frames","type":"string","eval":"[x for x in range(10**9) for y in range(10**9)]"},{"key":"format","type":"string","eval":"'a' * 10**10"}]}]}`)
			case strings.HasSuffix(r.URL.Path, "/tags"):
				fmt.Fprint(w, `{"tags":[]}`)
			case strings.HasSuffix(r.URL.Path, "/configuration"):
				fmt.Fprint(w, `{"storageLocation":"/","shamanEnabled":true}`)
			default:
				fmt.Fprint(w, `{}`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(answer))
			defer server.CloseClientConnections()
			h := newHome(t)
			project := filepath.Join(h.dir, "project")
			if err := os.CopyFS(project, os.DirFS(sample)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			r := h.run("submit", filepath.Join(project, "shots/sh010.blend"), "--json", "--manager", server.URL)
			if r.code < 1 || r.code > 4 {
				t.Errorf("exit code %d\n%s%s", r.code, tail(r.out), tail(r.err))
			}
			if strings.Contains(r.err, "goroutine ") {
				t.Errorf("it panicked:\n%s", tail(r.err))
			}
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it took %v", took)
			}
			t.Logf("%v, exit code %d: %s", time.Since(began), r.code, tail(r.out))
		})
	}
}

// TestFullDiskOfOurs submits with a full disk where the program keeps its state: without a journal nothing is
// submitted, and the next run, with room, does all.
func TestFullDiskOfOurs(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	h, url := newHome(t), embedded(t)
	project := filepath.Join(h.dir, "project")
	if err := os.CopyFS(project, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	client, err := flamenco.New(flamenco.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	full := *h
	full.env = append(full.env[:len(full.env):len(full.env)], "XDG_STATE_HOME="+filepath.Dir(fullDisk(t)))
	for _, step := range []struct {
		home *home
		code int
		jobs int
	}{{&full, 1, 0}, {h, 0, 4}} {
		r := step.home.run("submit", filepath.Join(project, "night.yaml"), "--json", "--manager", url)
		jobs, err := client.Jobs(t.Context())
		if r.code != step.code || err != nil || len(jobs) != step.jobs {
			t.Errorf("exit code %d, want %d; %d jobs, want %d; %v\n%s%s", r.code, step.code, len(jobs), step.jobs, err, tail(r.out), tail(r.err))
		}
	}
}
