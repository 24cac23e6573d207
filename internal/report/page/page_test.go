package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/report"
)

// night is the log of a run in which several things went wrong.
func night(t *testing.T) *Run {
	t.Helper()
	dir := t.TempDir()
	log, err := report.CreateLog(dir, "20260301-020000-abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []report.Event{
		report.Start{Run: "20260301-020000-abc", Command: "submit", Version: "1", Manager: "http://farm:8080", Time: time.Unix(1772330400, 0)},
		report.Progress{Stage: report.StageUpload, Done: 1, Total: 4, BytesDone: 1 << 20, BytesTotal: 4 << 20, InFlight: 2, Elapsed: 1},
		report.Progress{Stage: report.StageUpload, Done: 4, Total: 4, BytesDone: 4 << 20, BytesTotal: 4 << 20, InFlight: 4, Retried: 1, Elapsed: 2},
		report.Warning{Code: "missing-file", Path: "/p/tex/<wood>.png", Message: "does not exist", Chain: []string{"IMwood of /p/a.blend"}},
		report.Warning{Code: "held-back", Path: "/etc/passwd", Message: "not sent"},
		report.Warning{Code: "name-clash", Path: "/p/A", Message: "differs by case only"},
		report.Error{Code: "not-blend", Job: "sh020", Path: "/p/b.blend", Message: "no Blender file"},
		report.Job{Name: "sh010", ID: "id-1", Status: "queued", Checkout: "sh010-1", URL: "http://farm:8080/app/jobs/id-1", JobType: "simple-blender-render"},
		report.Job{Name: "sh030", ID: "id-0", Skipped: true, Reason: "it is the same"},
		report.Summary{
			ExitCode: 3, Run: "20260301-020000-abc", Duration: 2, Files: report.FileCounts{Total: 9, Bytes: 9 << 20, Missing: 1, HeldBack: 1},
			Store: report.StoreCounts{Unique: 9, AlreadyStored: 5, Uploaded: 4, UploadedBytes: 4 << 20},
			Jobs:  report.JobCounts{Total: 3, Submitted: 1, Skipped: 1, Failed: 1}, Checkouts: []report.Checkout{},
			Stages:     []report.StageTimes{{Stage: report.StageUpload, Begin: 0.5, End: 2}},
			SentByType: []report.Share{{Name: ".png", Files: 4, Bytes: 4 << 20}}, SentByFolder: []report.Share{{Name: "/p/tex", Files: 4, Bytes: 4 << 20}},
		},
	} {
		log.Emit(e)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := Load(dir, "20260301-020000-abc")
	if err != nil {
		t.Fatal(err)
	}
	run.Jobs[0].Now = &Now{Status: "failed", Done: 1, Total: 4, Picture: "data:image/png;base64,AAAA"}
	return run
}

func TestHTML(t *testing.T) {
	var out bytes.Buffer
	if err := night(t).HTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, part := range []string{
		`<html lang="en">`, "Done in part.", "1 errors below", "1 files are missing", "held back", "1 jobs have failed on the farm",
		"/p/tex/&lt;wood&gt;.png", "IMwood of /p/a.blend", "no Blender file", "skipped: it is the same",
		`src="data:image/png;base64,AAAA" alt="last picture rendered of sh010"`, `href="http://farm:8080/app/jobs/id-1"`,
		"<polyline points=", "Sent a second: up to 3.0 MiB/s", "Tried again, so far: up to 1", "left:25%;width:75%", ".png", "differs by case only",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, bad := range []string{"ZgotmplZ", "<script", "http-equiv", "@import", "src=\"http", "href=\"//"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q: something was filtered out, or it loads from elsewhere", bad)
		}
	}
	wellFormed(t, page)
}

// wellFormed checks that every element is closed where it should be.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict = false
	dec.AutoClose = []string{"meta", "img"}
	dec.Entity = xml.HTMLEntity
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := night(t).Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Done in part.", "1. Look at the 1 errors", "Missing files", "now failed (1 of 4)", "upload   |"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, out.String())
		}
	}
}

func TestVerdicts(t *testing.T) {
	for code, want := range map[int]string{0: "All done.", 1: "Failed.", 4: "The Manager could not be reached, or kept failing.", 130: "Interrupted."} {
		run := Run{Summary: &report.Summary{ExitCode: code}}
		if got, _ := run.Verdict(); got != want {
			t.Errorf("exit code %d: %q, want %q", code, got, want)
		}
	}
	killed := Run{}
	if got, mood := killed.Verdict(); mood != "bad" || !strings.Contains(got, "killed") || len(killed.Next()) == 0 {
		t.Errorf("a run without an end: %q, %s, %v", got, mood, killed.Next())
	}
}
