package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// TestVersions holds the versions that Blender 3.3 and scripts read to the manifest's.
func TestVersions(t *testing.T) {
	var about struct{ Version string }
	if _, err := toml.DecodeFile("../flsync_addon/"+manifest, &about); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"__init__.py": fmt.Sprintf("\"version\": (%s),", strings.ReplaceAll(about.Version, ".", ", ")),
		"flsync.py":   fmt.Sprintf("__version__ = %q", about.Version),
	} {
		text, err := os.ReadFile("../flsync_addon/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %s", file, want)
		}
	}
}

func TestRepository(t *testing.T) {
	dir := t.TempDir()
	programs := filepath.Join(dir, "programs")
	if err := os.Mkdir(programs, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"flsync_linux_amd64", "flsync_windows_amd64.exe"} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	repo := filepath.Join(dir, "repo")
	if err := publish(os.DirFS("../flsync_addon"), repo, programs); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(repo, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Version string
		Data    []struct {
			ID, Website, Type string
			Platforms         []string
			URL               string `json:"archive_url"`
			Hash              string `json:"archive_hash"`
			Size              int    `json:"archive_size"`
		}
	}
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	if index.Version != "v1" || len(index.Data) != 2 {
		t.Fatalf("index: %s", text)
	}
	for i, want := range []struct{ platform, program string }{{"linux-x64", "bin/flsync"}, {"windows-x64", "bin/flsync.exe"}} {
		e := index.Data[i]
		archive := filepath.Join(repo, e.URL)
		data, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		if e.ID != folder || len(e.Platforms) != 1 || e.Platforms[0] != want.platform || e.Size != len(data) ||
			e.Hash != fmt.Sprintf("sha256:%x", sha256.Sum256(data)) || e.Website == "" || e.Type != "add-on" {
			t.Errorf("entry %+v", e)
		}
		z, err := zip.OpenReader(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		if _, err := z.Open(want.program); err != nil {
			t.Error(err)
		}
		f, err := z.Open(manifest)
		if err != nil {
			t.Fatal(err)
		}
		about, err := io.ReadAll(f)
		if err != nil || !regexp.MustCompile(`(?m)^platforms = \["`+want.platform+`"\]$`).Match(about) {
			t.Errorf("%v; the manifest is for another platform:\n%s", err, about)
		}
	}
}
