package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestLastRendered: the contents say what is saved and under which extension, not the Manager.
func TestLastRendered(t *testing.T) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, suffix string
		body         func(w http.ResponseWriter)
		code         int
		saved, words string
	}{
		{"picture", "last-rendered.png", func(w http.ResponseWriter) { w.Write(picture.Bytes()) }, 0, "last-rendered.png", "saved as"},
		{"named as a program", "x.sh?y=.desktop", func(w http.ResponseWriter) { w.Write(picture.Bytes()) }, 0, "last-rendered.png", "saved as"},
		{"program", "x.png", func(w http.ResponseWriter) { fmt.Fprint(w, "[Desktop Entry]\nExec=sh") }, 1, "", "neither a JPEG nor a PNG"},
		{"empty", "x.png", func(http.ResponseWriter) {}, 1, "", "neither a JPEG nor a PNG"},
		{"without an end", "x.png", func(w http.ResponseWriter) {
			w.Write(picture.Bytes())
			for block := make([]byte, 1<<20); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, 1, "", "larger than 100.0 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/api/v3/jobs/last-rendered") {
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprintf(w, `{"base":"/files","suffixes":[%q]}`, test.suffix)
					return
				}
				test.body(w)
			}))
			defer server.Close()
			t.Chdir(t.TempDir())
			code, stdout, stderr := program(t, "", "jobs", "last-rendered", "--manager", server.URL)
			if code != test.code || !strings.Contains(stderr, test.words) {
				t.Errorf("exit code %d, want %d and the words %q\n%s%s", code, test.code, test.words, stdout, stderr)
			}
			entries, err := os.ReadDir(".")
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if got := strings.Join(names, " "); err != nil || got != test.saved {
				t.Errorf("files %q, want %q; %v", got, test.saved, err)
			}
		})
	}
}
