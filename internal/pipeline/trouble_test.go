package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/lab/netsim"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
	"github.com/flsync/flsync/submit/manifest"
	"github.com/flsync/flsync/submit/once"
	"github.com/flsync/flsync/submit/settings"
	"github.com/flsync/flsync/uploader"
)

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&uploader.PathError{}, "name"},
		{&fs.PathError{Err: fs.ErrPermission}, "unreadable"},
		{&fs.PathError{Err: fs.ErrNotExist}, "vanished"},
		{hashcache.ErrChanging, "changing"},
		{uploader.ErrChanged, "changing"},
		{&walk.Error{Code: "name-unsafe"}, "name-unsafe"},
		{&once.RefusedError{Err: errors.New("no")}, "refused"},
		{&blend.FormatError{}, "not-blend"},
		{&settings.EvalError{}, "setting"},
		{&pack.TooLongError{}, "path-too-long"},
		{errors.New("anything"), "job"},
	} {
		if got := jobCode(fmt.Errorf("wrapped: %w", tt.err)); got != tt.want {
			t.Errorf("%T: code %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestAbortsRun(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		want bool
	}{
		{"one job's own", t.Context(), errors.New("no"), false},
		{"the run has ended", ended, errors.New("no"), true},
		{"the uploader gave up", t.Context(), &uploader.GaveUpError{}, true},
		{"the Manager is away", t.Context(), &flamenco.UnreachableError{}, true},
		{"it is there for others", t.Context(), &jobOnlyError{&flamenco.UnreachableError{}}, false},
	} {
		if got := abortsRun(tt.ctx, tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestIsPath(t *testing.T) {
	for value, want := range map[string]bool{
		"/mnt/farm": true, `\\nas\farm`: true, `F:\farm`: true, "F:/farm": true,
		"blender": false, "-b -y": false, "": false,
	} {
		if got := isPath(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// Mistakes that the Manager reveals come together with those that a manifest has by itself.
func TestValidateWithManager(t *testing.T) {
	n := newNight(t)
	jobs := n.load("jobs:\n- {name: a, type: echo-sleep-test, settings: {no_such: 1}}\n")
	found := manifest.Errors{{Pos: manifest.Pos{File: "night.yaml"}, Message: "of its own"}}
	err := ValidateWithManager(t.Context(), n.env(&jobSink{}), "", jobs, found)
	var mistakes manifest.Errors
	if !errors.As(err, &mistakes) || len(mistakes) < 2 || !strings.Contains(err.Error(), "no_such") {
		t.Errorf("mistakes %v", err)
	}
	jobs[0].WorkerTag = "GPU" // tags are asked for only if one is named
	for _, question := range []string{"GET /api/v3/jobs/types", "GET /api/v3/worker-mgt/tags"} {
		n.proxy.SetRules(netsim.Rule{Request: question, Fault: netsim.Answer(403, "")})
		err = ValidateWithManager(t.Context(), n.env(&jobSink{}), "", jobs, found)
		if diff := cmp.Diff(found.Err().Error(), err.Error()); diff != "" {
			t.Errorf("%s does not answer: (-want +got)\n%s", question, diff)
		}
	}
}

// Each question that is asked at the begin of a run may fail for good, or at first.
func TestQuestionsFail(t *testing.T) {
	for _, question := range []string{
		"GET /api/v3/jobs/types", "GET /api/v3/configuration", "GET /api/v3/configuration/variables/*/*",
	} {
		t.Run(question, func(t *testing.T) {
			n := newNight(t)
			jobs := n.load(twoTests)
			n.proxy.SetRules(netsim.Rule{Request: question, Times: 2, Fault: netsim.Answer(503, "")})
			if _, err := n.submit(t.Context(), jobs, nil); err != nil {
				t.Errorf("at first: %v", err)
			}
			n.proxy.SetRules(netsim.Rule{Request: question, Fault: netsim.Answer(403, "")})
			if _, err := n.submit(t.Context(), jobs, nil); !flamenco.HasStatus(err, 403) {
				t.Errorf("for good: error %v, want status 403", err)
			}
		})
	}
}

// An internal error, and a page in place of an answer, may pass; but not for long.
func TestStrangeAnswers(t *testing.T) {
	synctest.Test(t, strangeAnswersEnd)
}

func strangeAnswersEnd(t *testing.T) {
	env := Env{Sink: report.Discard, Upload: uploader.Config{Patience: time.Hour}}
	for _, err := range []error{&flamenco.Error{Status: 500}, &flamenco.Error{Status: 200, Err: flamenco.ErrNotAManager}} {
		asked := 0
		_, got := ask(t.Context(), env, func(context.Context) (int, error) { asked++; return 0, err })
		if asked != strangeAnswers || !errors.Is(got, err) {
			t.Errorf("%v: asked %d times, want %d; error %v", err, asked, strangeAnswers, got)
		}
	}
}

// TestWaitsAreTold: a Manager that does not answer is waited for in silence only for some seconds, and people
// are told once a minute.
func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for wait, want := range map[time.Duration]int{2 * time.Second: 0, 30 * time.Second: 1, 150 * time.Second: 3} {
			var told events
			env := Env{Sink: &told, Upload: uploader.Config{Patience: time.Hour}}
			began := time.Now()
			_, err := ask(t.Context(), env, func(context.Context) (int, error) {
				if time.Since(began) < wait {
					return 0, &flamenco.Error{Status: 503}
				}
				return 1, nil
			})
			if err != nil || len(told.list) != want {
				t.Errorf("after a wait of %v: %d lines, want %d: %v; %v", wait, len(told.list), want, told.list, err)
			}
		}
	})
}

type events struct{ list []report.Event }

func (e *events) Emit(event report.Event) { e.list = append(e.list, event) }

func TestFolders(t *testing.T) {
	root := filepath.FromSlash("/work")
	in := func(p string) string { return filepath.Join(root, filepath.FromSlash(p)) }
	for _, tt := range []struct{ folder, path, want string }{
		{in("a"), in("a"), ""}, {in("a"), in("a/b/c"), "b/c"}, {in("a"), in("ab"), ""}, {in("a/b"), in("a"), ""}, {in("a"), in("a/..b"), "..b"},
	} {
		if got := below(tt.folder, tt.path); got != tt.want {
			t.Errorf("%s below %s: %q, want %q", tt.path, tt.folder, got, tt.want)
		}
	}
	if got := commonFolder([]string{in("a/b/c"), in("a/d"), in("a/b/e")}); got != in("a") {
		t.Errorf("common folder %s, want %s", got, in("a"))
	}
}

func TestShares(t *testing.T) {
	var s shares
	for i := range mostShares + 3 {
		s.add(fmt.Sprintf("folder/file.%02d", i), int64(100-i))
	}
	s.add("folder/README", 1000)
	got := s.largest(&s.types)
	if len(got) != mostShares+1 || got[0].Name != "(none)" || got[mostShares].Name != "(others)" || got[mostShares].Files != 4 {
		t.Errorf("shares %+v", got)
	}
}
