package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/openfile"
)

// DefaultType is the job type of a blend file for which nobody names one.
const DefaultType = "simple-blender-render"

// DefaultPriority is Flamenco's own.
const DefaultPriority = 50

// Stdin is the target that stands for a manifest on standard input.
const Stdin = "-"

// Job is one job as it was asked for. Paths are absolute and of the platform.
type Job struct {
	Pos           Pos    // of the job in its manifest, or the target
	Dir           string // folder that relative paths of its manifest are relative to
	Project       string // folder that paths are kept under
	Guessed       bool   // nobody named Project: it is the blend file's folder
	Blend         string // "" for a job type without one
	Name          string
	Type          string // "" only when the manifest has a wrong one
	Priority      int    // 0 to 100
	HasPriority   bool   // somebody gave it
	Settings      map[string]Setting
	Metadata      map[string]string
	WorkerTag     string   // name or id, "" for any worker
	InitialStatus string   // queued, paused, or "" for the Manager's choice
	Files         []string // patterns, relative to Project
	Exclude       []string // patterns, relative to Project
	Scene         string   // "" for the file's active one
	Missing       string   // fail or warn when a file is missing; "" when nobody says
	Rules         []Rule   // of the defaults, then of the job
	// Key is what the job is known by when it is submitted again: the manifest's, or made of project, name
	// and blend file.
	Key string
	// OldKeys are those that versions which took another spelling of a path for another file made of it.
	OldKeys []string

	places  map[string]Pos
	unnamed bool // its name is its blend file's
	exclude *gate.Patterns
}

// Rule is what a studio demands of a job. Its expressions are kept as they are.
type Rule struct {
	When     string // "" for always
	Require  string
	Say      string // message when it is broken, "" for one that is made of the rule
	Severity string // error or warning
	Pos      Pos
}

// Excludes returns Exclude, parsed. Jobs with the same patterns share it.
func (j *Job) Excludes() *gate.Patterns { return j.exclude }

// Setting is a value and where it was given.
type Setting struct {
	Value any // bool, int64, float64, string or Text
	Pos   Pos
	// ForAll says that it was given for all jobs, as a default or on the command line: jobs whose type does
	// not know it do without.
	ForAll bool
}

// At is the place of a field such as type or worker_tag, else that of the job.
func (j *Job) At(field string) Pos {
	if pos, ok := j.places[field]; ok {
		return pos
	}
	return j.Pos
}

// Options come from the command line and win over what manifests say.
type Options struct {
	// Dir is what relative targets are relative to; the working directory when empty.
	Dir string
	// Stdin is read for the target "-".
	Stdin io.Reader
	// Project is the folder that paths are kept under, relative to Dir.
	Project string
	// Name, Type, WorkerTag and Scene are left alone when empty.
	Name, Type, WorkerTag, Scene string
	// Priority when not nil.
	Priority *int
	// Paused lets all jobs enter paused.
	Paused bool
	// Settings and Metadata are merged key by key. Values are text.
	Settings, Metadata map[string]string
	// Exclude is added to what jobs exclude.
	Exclude []string
}

// Load reads targets: blend files, patterns for blend files, and manifests. The error is of type Errors. The
// jobs come back along with it, without what is wrong in them, so that the rest can be checked and everything
// told in one go.
func Load(targets []string, opts Options) ([]*Job, error) {
	var errs Errors
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("finding the working directory: %w", err)
	}
	opts.Dir = dir
	if len(targets) == 0 {
		errs.Add(Pos{File: "command line"}, "nothing to submit: name a .blend file or a manifest")
	}
	e := &expander{opts: opts, errs: &errs, patterns: map[string]*gate.Patterns{}}
	e.checkOptions()
	for _, target := range targets {
		e.target(target)
	}
	e.checkKeys()
	e.distinguishNames()
	return e.jobs, errs.Err()
}

// target adds the jobs of one target.
func (e *expander) target(target string) {
	if target == Stdin {
		if e.opts.Stdin == nil {
			e.errs.Add(Pos{File: "standard input"}, "there is none")
			return
		}
		e.manifest("standard input", "", e.opts.Dir, e.opts.Stdin)
		return
	}
	path := target
	if !filepath.IsAbs(path) {
		path = filepath.Join(e.opts.Dir, path)
	}
	switch ext := strings.ToLower(filepath.Ext(target)); {
	case slices.Contains(manifestExtensions, ext):
		file, err := openfile.Named(path)
		if err != nil {
			e.errs.Add(Pos{File: target}, "%v", reason(err))
			return
		}
		defer file.Close()
		e.manifest(target, ext, filepath.Dir(path), file)
	case isFile(path):
		e.blendTarget(target, path)
	case hasMeta(target):
		e.patternTarget(target)
	case ext == ".blend":
		e.blendTarget(target, path)
	default:
		hint := ""
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			hint = fmt.Sprintf("; for all blend files in a folder: '%s'", filepath.Join(target, "**", "*.blend"))
		}
		e.errs.Add(Pos{File: target}, "is neither a .blend file nor a manifest (%s)%s", strings.Join(manifestExtensions, ", "), hint)
	}
}

var manifestExtensions = []string{".yaml", ".yml", ".json", ".jsonl", ".csv"}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// manifest adds the jobs of a manifest. ext says which format it has, "" to look.
func (e *expander) manifest(name, ext, dir string, from io.Reader) {
	s := &source{name: name, errs: e.errs}
	data, err := io.ReadAll(io.LimitReader(from, maxBytes+1))
	if err != nil {
		e.errs.Add(Pos{File: name}, "%v", reason(err))
		return
	}
	if len(data) > maxBytes {
		e.errs.Add(Pos{File: name}, "the manifest is larger than %d MiB", maxBytes>>20)
		return
	}
	s.data = data
	if !s.clean() {
		return
	}
	if ext == "" {
		ext = s.sniff()
	}
	var root *node
	switch ext {
	case ".json":
		root = s.parseJSON("the manifest")
	case ".jsonl":
		root = s.parseJSONL()
	case ".csv":
		root = s.parseCSV()
	default:
		root = s.parseYAML()
	}
	if root != nil {
		e.add(s, root, dir)
	}
}

// sniff tells the formats apart: JSON begins with a brace, and one job a line has no field jobs; CSV begins
// with names of columns.
func (s *source) sniff() string {
	trimmed := bytes.TrimSpace(s.data)
	if trimmed[0] == '{' || trimmed[0] == '[' {
		var first map[string]json.RawMessage
		if json.NewDecoder(bytes.NewReader(trimmed)).Decode(&first) == nil && first["jobs"] == nil && first["version"] == nil && first["defaults"] == nil {
			return ".jsonl"
		}
		return ".json"
	}
	first, _, _ := bytes.Cut(trimmed, []byte("\n"))
	for name := range strings.FieldsFuncSeq(strings.TrimSpace(string(first)), func(r rune) bool { return r == ',' || r == ';' }) {
		name = strings.Trim(strings.TrimSpace(name), `"`)
		if !slices.Contains(csvColumns, name) && !strings.HasPrefix(name, "settings.") && !strings.HasPrefix(name, "metadata.") {
			return ".yaml"
		}
	}
	return ".csv"
}
