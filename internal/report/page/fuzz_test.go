package page

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLog: whatever a run's log holds, it is shown or refused, and nothing of it becomes markup.
func FuzzLog(f *testing.F) {
	for _, text := range []string{
		"", `{"type":"start","run":"r","time":"2026-03-01T02:00:00Z"}`, `{"type":"summary","ok":true,"exit_code":0,"duration_s":1e308,"stages":[{"stage":"hash","begin_s":-1,"end_s":1e300}]}`,
		`{"type":"progress","stage":"upload","done":-1,"total":9223372036854775807,"bytes_done":-5,"elapsed_s":-1e300}` + "\n" + `{"type":"progress","stage":"upload","elapsed_s":0}`,
		`{"type":"job","name":"<script>","id":"x","url":"javascript:alert(1)"}`, `{"type":"warning","code":"missing-file","path":"<b>","chain":["a"]}`,
		`{"type":"error","code":"c","message":"<script>x"}` + "\n" + `{"type":"err`, `[1]`, `{"type":1}`, "\x00",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, "run.jsonl"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		run, err := Load(dir, "run")
		if err != nil {
			return
		}
		var page bytes.Buffer
		if err := run.HTML(&page); err != nil {
			t.Fatal(err)
		}
		if s := page.String(); strings.Contains(s, "<script") || strings.Contains(s, `href="javascript:`) {
			t.Errorf("the page runs a script: %q", text)
		}
		if err := run.Text(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}
