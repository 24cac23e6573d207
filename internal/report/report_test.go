package report

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJSONKeepsTheContract(t *testing.T) {
	tests := []struct {
		event  Event
		fields []string // in order, as the contract lists them
	}{
		{Start{}, []string{"type", "run", "command", "version"}},
		{Progress{}, []string{"type", "stage", "done", "total", "bytes_done", "bytes_total"}},
		{Warning{Path: "p"}, []string{"type", "code", "path", "message"}},
		{Lack{Job: "j", Scene: "s", Chain: []Link{{}}}, []string{"type", "code", "severity", "path", "job", "scene", "chain", "message", "remedy"}},
		{Error{Path: "p", Job: "j"}, []string{"type", "code", "path", "job", "message"}},
		{Checkout{}, []string{"type", "requested", "path", "files"}},
		{Job{}, []string{"type", "name", "key", "id", "status", "checkout", "blendfile", "skipped"}},
		{Hash{}, []string{"type", "path", "size", "sha256", "blake3", "cached"}},
		{Summary{}, []string{"type", "ok", "exit_code", "run", "duration_s", "files", "store", "checkouts", "jobs", "lacks"}},
	}
	for _, test := range tests {
		t.Run(test.event.Type(), func(t *testing.T) {
			line, err := JSON(test.event)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if got["type"] != test.event.Type() {
				t.Errorf("type = %v, want %s", got["type"], test.event.Type())
			}
			at := 0
			for _, f := range test.fields {
				i := strings.Index(string(line[at:]), `"`+f+`":`)
				if i < 0 {
					t.Errorf("no field %q after byte %d in %s", f, at, line)
				}
				at += max(i, 0)
			}
		})
	}
}

func TestJSONOfAnEmptyEventIsAnObject(t *testing.T) {
	line, err := JSON(empty{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(line), `{"type":"empty"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestJSONHasExactPaths: what JSON text cannot hold stands beside it, byte for byte.
func TestJSONHasExactPaths(t *testing.T) {
	type outer struct{ *Hash }
	for _, test := range []struct {
		event Event
		want  map[string]string // of fields that end in _hex
	}{
		{Warning{Path: "/a/\xff.png"}, map[string]string{"path_hex": "2f612fff2e706e67"}},
		{Error{Path: "/a/b", Message: "\xff"}, nil},
		{Hash{Path: "/\uFFFD"}, nil},
		{outer{&Hash{Path: "\xe9"}}, map[string]string{"path_hex": "e9"}},
		{uses{Path: "\xe9", UsedBy: "\xe8"}, map[string]string{"path_hex": "e9", "used_by_hex": "e8"}},
	} {
		line, err := JSON(test.event)
		var all map[string]any
		if err == nil {
			err = json.Unmarshal(line, &all)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var got map[string]string
		for name, value := range all {
			if strings.HasSuffix(name, "_hex") {
				if got == nil {
					got = map[string]string{}
				}
				got[name] = value.(string)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

type uses struct {
	empty
	Path   string `json:"path"`
	UsedBy string `json:"used_by,omitempty"`
}

type empty struct{}

func (empty) Type() string { return "empty" }
func (empty) Text() string { return "" }

func TestTextGoesWhereItBelongs(t *testing.T) {
	events := []Event{
		Start{Run: "r1"}, Warning{Code: "c", Path: "/a", Message: "odd"}, Error{Job: "sh010", Message: "bad"},
		Checkout{Path: "p-1", Files: 1}, Note{Message: "by the way"},
	}
	tests := map[Verbosity]string{
		Quiet:   "error: job sh010: bad\n",
		Normal:  "warning: /a: odd\nerror: job sh010: bad\nby the way\n",
		Verbose: "run r1: flsync  , Manager none\nwarning: /a: odd\nerror: job sh010: bad\nby the way\n",
	}
	for verbosity, remarks := range tests {
		var out, errs bytes.Buffer
		sink := NewText(&out, &errs, verbosity)
		for _, e := range events {
			sink.Emit(e)
		}
		if diff := cmp.Diff("checkout p-1  1 file\n", out.String()); diff != "" {
			t.Errorf("verbosity %d, results: %s", verbosity, diff)
		}
		if diff := cmp.Diff(remarks, errs.String()); diff != "" {
			t.Errorf("verbosity %d, remarks: %s", verbosity, diff)
		}
	}
}

func TestHashLinesPleaseSha256sum(t *testing.T) {
	tool, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("no sha256sum here to ask")
	}
	dir := t.TempDir()
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	var lines strings.Builder
	for _, name := range []string{"plain", "with space", "new\nline", `back\slash`, "carriage\rreturn", "ünï"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		lines.WriteString(Hash{Path: path, SHA256: empty}.Text() + "\n")
	}
	check := exec.Command(tool, "--check", "--strict")
	check.Stdin = strings.NewReader(lines.String())
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSummaryText(t *testing.T) {
	s := Summary{
		ExitCode: 3, Run: "r1", Duration: 1.5,
		Files: FileCounts{Total: 12, Bytes: 5 << 20, Hashed: 2, HashedBytes: 2048, Cached: 10, Missing: 1},
		Store: StoreCounts{Unique: 10, AlreadyStored: 6, Uploaded: 3, UploadedBytes: 4096, Retried: 2},
		Jobs:  JobCounts{Total: 3, Submitted: 1, Skipped: 1, Failed: 1},
	}
	want := `files    12 (5.0 MiB): 2 hashed (2.0 KiB), 10 from the cache, 1 missing
store    10 blobs: 6 stored already, 3 sent (4.0 KiB), 0 deferred, 2 retried
jobs     3: 1 submitted, 1 skipped, 1 failed
left     1 blobs not sent; what was sent stays: run the same command again
done in part (exit 3) after 1.5s, run r1`
	if diff := cmp.Diff(want, s.Text()); diff != "" {
		t.Error(diff)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1048575: "1.0 MiB", 5 << 30: "5.0 GiB", 1 << 62: "4.0 EiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestBarsGiveWayToText(t *testing.T) {
	var screen, out bytes.Buffer
	bars := NewBars(&screen, NewText(&out, &out, Normal))
	bars.Emit(Progress{Stage: StageUpload, Done: 1, Total: 4, BytesDone: 10, BytesTotal: 40})
	if !strings.Contains(screen.String(), "upload") {
		t.Errorf("no bar was drawn: %q", screen.String())
	}
	bars.Emit(Warning{Message: "odd"})
	if !strings.HasSuffix(screen.String(), clearLine) {
		t.Errorf("the bar was not taken off before the text: %q", screen.String())
	}
	if out.String() != "warning: odd\n" {
		t.Errorf("text: %q", out.String())
	}
	screen.Reset()
	bars.Emit(Progress{Stage: StageHash, Done: 4, Total: 4})
	if screen.Len() != 0 {
		t.Errorf("a finished stage was drawn: %q", screen.String())
	}
}
