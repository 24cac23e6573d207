package flsync_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/flsync/flsync/"

// allowed holds, for each part of the tree, the parts of ours that its code (tests aside) may import.
// A part is the longest key that a package's path begins with.
var allowed = map[string][]string{
	"flamenco/api":           {},
	"flamenco":               {"flamenco/api", "internal/pattern", "internal/place"},
	"internal/openfile":      {},
	"internal/folder":        {},
	"internal/place":         {},
	"internal/pattern":       {},
	"internal/sniff":         {"internal/pattern"},
	"internal/gate":          {"internal/openfile", "internal/place", "internal/sniff"},
	"internal/ranges":        {},
	"internal/frames":        {"internal/openfile", "internal/ranges"},
	"hashcache":              {"internal/openfile", "internal/place"},
	"internal/walk":          {"internal/openfile", "internal/gate", "internal/place"},
	"deps":                   {"internal/openfile", "internal/gate", "internal/pattern", "internal/place", "internal/ranges", "internal/sniff"},
	"uploader":               {"flamenco", "flamenco/api", "internal/folder", "internal/openfile", "internal/pattern", "internal/place"},
	"submit":                 {"flamenco", "flamenco/api", "internal/gate", "internal/pattern", "internal/place", "internal/openfile"},
	"internal/manager":       {"flamenco/api", "internal/place"},
	"internal/lab/simworker": {"flamenco", "flamenco/api"},
	"internal/report":        {},
	"internal/config":        {"internal/openfile", "internal/pattern"},
	"internal/check":         {"deps", "internal/pattern", "internal/place"},
	"internal/lab/netsim":    {},
	"internal/lab/cleanenv":  {},
	"internal/pipeline": {
		"flamenco", "flamenco/api", "hashcache", "deps", "uploader", "submit",
		"internal/openfile", "internal/folder", "internal/gate", "internal/place", "internal/walk", "internal/report", "internal/config", "internal/check",
	},
	"internal/lab/managertest": {"flamenco", "flamenco/api", "internal/manager", "internal/lab/long", "internal/lab/simworker"},
	"internal/lab/faults":      {"*"},
	"internal/lab/long":        {},
	"internal/lab/wine":        {},
	"bench":                    {"*"},
	"cmd":                      {"*"},
	"integrations":             {},
	"testdata":                 {},
}

func TestImportDirections(t *testing.T) {
	for file, imports := range sources(t) {
		from := part(file)
		rule, known := allowed[from]
		if !known {
			if filepath.Dir(file) != "." {
				t.Errorf("%s: no rule says what this part may import; add one", file)
			}
			continue
		}
		for _, imp := range imports {
			to := part(imp)
			switch {
			case to == "cmd":
				t.Errorf("%s imports %s: nothing imports cmd", file, imp)
			case to != from && !slices.Contains(rule, "*") && !slices.Contains(rule, to):
				t.Errorf("%s imports %s: %s may import only %v", file, imp, from, rule)
			}
		}
	}
}

// part names the longest key of allowed that is path or one of its parents.
func part(path string) string {
	path = filepath.ToSlash(path)
	for p := path; p != "." && p != "/"; p = filepath.ToSlash(filepath.Dir(p)) {
		if _, ok := allowed[p]; ok {
			return p
		}
	}
	return path
}

// sources maps every Go file of ours that is no test to the packages of ours that it imports.
func sources(t *testing.T) map[string][]string {
	found := make(map[string][]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		found[path] = nil
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(imp, module); ok {
				found[path] = append(found[path], ours)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPart(t *testing.T) {
	for path, want := range map[string]string{
		"flamenco/api/api.gen.go":   "flamenco/api",
		"flamenco/client.go":        "flamenco",
		"deps/blend":                "deps",
		"internal/pipeline/sync.go": "internal/pipeline",
	} {
		if got := part(path); got != want {
			t.Errorf("part(%q) = %q, want %q", path, got, want)
		}
	}
}
