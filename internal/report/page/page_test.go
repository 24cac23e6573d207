package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
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
		report.Progress{Stage: report.StageUpload, Done: 4, Total: 4, BytesDone: 4 << 20, BytesTotal: 4 << 20, InFlight: 4, Deferred: 3, Retried: 1, Elapsed: 2},
		report.Warning{Code: "missing-file", Path: "/p/tex/<wood>.png", Message: "does not exist", Chain: []string{"IMwood of /p/a.blend"}},
		report.Warning{Code: "held-back", Path: "/etc/passwd", Message: "not sent"},
		report.Warning{Code: "name-clash", Path: "/p/A", Message: "differs by case only"},
		report.Error{Code: "not-blend", Job: "sh020", Path: "/p/b.blend", Message: "no Blender file", From: &report.Origin{Edit: "cut.edl", Event: "7"}},
		report.Error{Code: "partial", Message: "done in part: 1 of 3 jobs failed"},
		report.Job{Name: "sh010", ID: "id-1", Status: "queued", Checkout: "sh010-1", Storage: "copy", URL: "http://farm:8080/app/jobs/id-1", JobType: "simple-blender-render", From: &report.Origin{Edit: "cut.edl", Event: "3", RecordIn: "01:00:12:05"}},
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
	run.Night = &report.Forecast{At: run.Start.Time, Done: run.Start.Time, Early: run.Start.Time, Late: run.Start.Time}
	run.Frames = []FrameMap{{
		Frames: report.Frames{Name: "sh010", Expected: 2, OK: 1, Missing: "2"}, Wrong: []report.Frame{{Path: "/r/2.png", State: "missing"}},
		Cells: []Cell{{1, "ok"}, {2, "missing"}}, Pictures: []Picture{{1, "data:image/jpeg;base64,AAAA"}},
	}}
	return run
}

func TestHTML(t *testing.T) {
	var out bytes.Buffer
	if err := night(t).HTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, part := range []string{
		`<html lang="en">`, "Done in part: 1 job of 3 could not be submitted.", "Jobs now: 1 failed.",
		"Repair sh020 (1 error below).", "Put back &lt;wood&gt;.png: frames will lack", "1 file outside of the project stayed behind",
		"See why sh010 failed or was canceled on the farm", "<code>flsync tasks retry --failed id-1</code>", "<br>does not exist</td>",
		"/p/tex/&lt;wood&gt;.png", "IMwood of /p/a.blend", "no Blender file", "from cut.edl, event 7<", "from cut.edl, event 3, at 01:00:12:05<", "The jobs of this run: all done about",
		`class="missing" title="2 missing"`, `alt="frame 1"`, "flsync frames --retry --run 20260301-020000-abc", "skipped: it is the same",
		`src="data:image/png;base64,AAAA" alt="last picture rendered of sh010"`, `href="http://farm:8080/app/jobs/id-1"`,
		"<polyline points=", "Stored a second, also by others: up to 3.0 MiB/s", "Connections in use: up to 4", "Put off so far: 3 in all", "Tried again so far: 1 in all", "left:25%;width:75%", ".png", "differs by case only",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, bad := range []string{"ZgotmplZ", "<script", "done in part: 1 of 3", "http-equiv", "@import", "src=\"http", "href=\"//"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q: something was filtered out, or it loads from elsewhere", bad)
		}
	}
	wellFormed(t, page)
}

// What people who do not see well, or at all, rely on.
func TestAccessibility(t *testing.T) {
	var out bytes.Buffer
	if err := night(t).HTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for tag, wants := range map[string]string{"img": ` alt="[^"]`, "svg": ` role="img" aria-label="[^"]`, "th": ` scope="`, "section": ` aria-label="[^"]`} {
		tags := regexp.MustCompile("<"+tag+`\b[^>]*>`).FindAllString(page, -1)
		for _, found := range tags {
			if !regexp.MustCompile(wants).MatchString(found) {
				t.Errorf("%s has no %s", found, wants)
			}
		}
		if len(tags) == 0 {
			t.Errorf("no %s in the page", tag)
		}
	}
	if n := strings.Count(page, "<h1"); n != 1 || strings.Contains(page, "<h3") || strings.Index(page, "<h1") > strings.Index(page, "<h2") {
		t.Errorf("headings do not go down by one from a single h1 (%d of them)", n)
	}

	// Contrast as WCAG 2 has it: 4.5 for text.
	schemes := regexp.MustCompile(`:root \{[^}]*\}`).FindAllString(page, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d colour schemes, want light and dark", len(schemes))
	}
	for _, scheme := range schemes {
		colour := make(map[string]string)
		for _, m := range regexp.MustCompile(`--(\w+):#([0-9a-f]+);`).FindAllStringSubmatch(scheme, -1) {
			colour[m[1]] = m[2]
		}
		for _, ink := range []string{"ink", "soft", "good", "odd", "bad", "bar"} {
			for _, paper := range []string{"page", "card"} {
				if c := contrast(t, colour[ink], colour[paper]); c < 4.5 {
					t.Errorf("%s (%s) on %s (%s): contrast %.2f, want 4.5", ink, colour[ink], paper, colour[paper], c)
				}
			}
		}
	}
}

// contrast is the ratio of relative luminances of two colours, each of 3 or 6 hexadecimal digits.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(hex string) (l float64) {
		if len(hex) == 3 {
			hex = fmt.Sprintf("%[1]c%[1]c%[2]c%[2]c%[3]c%[3]c", hex[0], hex[1], hex[2])
		}
		n, err := strconv.ParseUint(hex, 16, 24)
		if err != nil || len(hex) != 6 {
			t.Fatalf("%q is no colour", hex)
		}
		for shift, weight := range map[int]float64{16: 0.2126, 8: 0.7152, 0: 0.0722} {
			c := float64(n>>shift&0xff) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			l += weight * c
		}
		return l
	}
	light, dark := luminance(a), luminance(b)
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
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
	for _, part := range []string{"Done in part: 1 job of 3", "1. See why sh010 failed", "2. Repair sh020", "Jobs now: 1 failed.", "Missing files", "now failed (1 of 4)", "upload   |"} {
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
	onFarm := Run{Summary: &report.Summary{}, Jobs: []Job{{Job: report.Job{Name: "it's", ID: "0f973dee-4d27-4f71-8333-0b213617aab9"}, Now: &Now{Status: "failed"}}}}
	if got, mood := onFarm.Verdict(); mood != "bad" || !strings.Contains(got, "on the farm 1 job failed") {
		t.Errorf("a job that failed on the farm: %q, %s", got, mood)
	}
	if steps := onFarm.Next(); len(steps) != 1 || !slices.Contains(steps[0].Commands, "flsync tasks retry --failed 0f973dee") {
		t.Errorf("a job is to be named by its id, for other nights' jobs may have its name: %q", steps)
	}
	killed := Run{}
	if got, mood := killed.Verdict(); mood != "bad" || !strings.Contains(got, "killed") || len(killed.Next()) == 0 {
		t.Errorf("a run without an end: %q, %s, %v", got, mood, killed.Next())
	}
}
