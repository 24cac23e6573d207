package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLog: a run can be read while it goes on, after its end, and after it was killed in the middle of a
// line.
func TestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs")
	log, err := CreateLog(dir, "20260301-020000-a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CreateLog(dir, "20260301-020000-a"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second log of one run: %v", err)
	}
	types := func() (list []string) {
		t.Helper()
		if err := ReadLog(dir, "20260301-020000-a", func(typ string, _ json.RawMessage) error {
			list = append(list, typ)
			return nil
		}); err != nil {
			t.Error(err)
		}
		return list
	}
	log.Emit(Start{Run: "r"})
	log.Emit(Note{Message: "n"})
	if diff := cmp.Diff([]string{"start", "note"}, types()); diff != "" {
		t.Errorf("while it goes on: %s", diff)
	}
	log.Emit(Progress{Stage: StageHash}) // is kept back
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "20260301-020000-a"+logSuffix), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(file, "[1]\n{\"type\":\"summ")
	file.Close()
	if diff := cmp.Diff([]string{"start", "note", "progress"}, types()); diff != "" {
		t.Errorf("after a kill: %s", diff)
	}
	stop := errors.New("enough")
	if err := ReadLog(dir, "20260301-020000-a", func(string, json.RawMessage) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of the reader: %v", err)
	}
	if err := ReadLog(dir, "../none", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such run: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "20260301-020000-a"+logSuffix)); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("mode %v, %v: others can read it", info.Mode(), err)
	}
}

// TestRunsStayBounded: the oldest logs go, and what is no log is left alone.
func TestRunsStayBounded(t *testing.T) {
	dir := t.TempDir()
	if names, err := Runs(filepath.Join(dir, "none")); err != nil || names != nil {
		t.Errorf("without a folder: %v, %v", names, err)
	}
	for i := range keepRuns + 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("2026%04d%s", i, logSuffix)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := CreateLog(dir, "2027")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	names, err := Runs(dir)
	if err != nil || len(names) != keepRuns || names[0] != "2027" || names[len(names)-1] != "20260004" {
		t.Errorf("%d runs from %v to %v, %v", len(names), names[0], names[len(names)-1], err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Error(err)
	}
}

// failing takes some writes and then none.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errors.New("no room")
	}
	return len(p), nil
}

func TestJSONLinesKeepTheFirstFailure(t *testing.T) {
	s := NewJSONLines(&failing{left: 1})
	s.Emit(Note{Message: "fits"})
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	s.Emit(Note{Message: "does not"})
	if s.Err() == nil || !strings.Contains(s.Err().Error(), "no room") {
		t.Errorf("error %v", s.Err())
	}
	s = NewJSONLines(new(bytes.Buffer))
	s.Emit(Progress{Elapsed: 1 / zero()}) // JSON has no infinity
	if s.Err() == nil {
		t.Error("an event that cannot be rendered was lost in silence")
	}
}

func zero() float64 { return 0 }

func TestRemarksAndTee(t *testing.T) {
	var out, errs bytes.Buffer
	text := NewText(&out, &errs, Normal)
	Tee(Remarks(text), Discard).Emit(Checkout{Path: "p"})
	Tee(Remarks(text), Discard).Emit(Warning{Message: "w"})
	if out.Len() != 0 || errs.String() != "warning: w\n" {
		t.Errorf("out %q, remarks %q", &out, &errs)
	}
}

func TestTexts(t *testing.T) {
	for _, test := range []struct {
		event Event
		want  string
	}{
		{Warning{Job: "j", Path: "/a", Message: "odd", Chain: []string{"x", "y"}}, "warning: job j: /a: odd\n         wanted by x > y"},
		{Warning{Path: "/a", Message: "/a is odd"}, "warning: /a is odd"},
		{Checkout{Path: "c", Files: 2, Folder: "/f"}, "checkout c  2 files\n         in /f"},
		{Job{Name: "n", Skipped: true, Reason: "same"}, "job      n                        skipped: same"},
		{Job{Name: "n", DryRun: true, JobType: "t"}, "job      n                        would be submitted as t"},
		{Job{Name: "n", Status: "queued", ID: "1"}, "job      n                        queued  1"},
		{Listening{URL: "u", Storage: "s"}, "Manager at u, storage in s"},
		{Summary{OK: true, DryRun: true, Run: "r", Jobs: JobCounts{Total: 1, Submitted: 1}}, "files    0 (0 B): 0 hashed (0 B), 0 from the cache\n" +
			"store    0 blobs: 0 stored already, 0 (0 B) would be sent\njobs     1: 1 would be submitted, 0 skipped, 0 failed\ndry run, nothing was sent, after 0s, run r"},
		{Summary{ExitCode: 130, Run: "r"}, "interrupted (exit 130) after 0s, run r"},
		{Summary{ExitCode: 1, Run: "r"}, "failed (exit 1) after 0s, run r"},
	} {
		if diff := cmp.Diff(test.want, test.event.Text()); diff != "" {
			t.Errorf("%T: %s", test.event, diff)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "in future", 12 * time.Second: "12s", 5 * time.Minute: "5m", 3*time.Hour + 59*time.Minute: "3h", 47 * time.Hour: "47h", 12 * 24 * time.Hour: "12d",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got, want := Printable("a\x1b[31m\tb\nc\u202ed\u2028\xff"), "a [31m\tb\nc d \ufffd"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSplit(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	sentence := fmt.Errorf("%w and %w", a, b)
	got := Split(errors.Join(a, errors.Join(b, sentence), c))
	if diff := cmp.Diff([]error{a, b, sentence, c}, got, cmp.Comparer(func(x, y error) bool { return x.Error() == y.Error() })); diff != "" {
		t.Error(diff)
	}
}

// TestBars follow the stage furthest on, count where there are no bytes, and go at the end.
func TestBars(t *testing.T) {
	var screen bytes.Buffer
	bars := NewBars(&screen, Discard)
	bars.Emit(Progress{Stage: StageCheck, Done: 1, Total: 4})
	if !strings.Contains(screen.String(), "1 item of 4 items") {
		t.Errorf("a line of counts: %q", &screen)
	}
	bars.Emit(Progress{Stage: StageUpload, Done: 1, Total: 4, BytesDone: 1, BytesTotal: 4})
	screen.Reset()
	bars.Emit(Progress{Stage: StageHash, Done: 1, Total: 4, BytesTotal: 4})
	if screen.Len() > 0 {
		t.Errorf("an earlier stage took the line: %q", &screen)
	}
	bars.Close()
	bars.Close()
	if screen.String() != clearLine {
		t.Errorf("at the end: %q", &screen)
	}
}
