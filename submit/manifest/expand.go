package manifest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/submit/internal/jobname"
)

// expander collects jobs and mistakes.
type expander struct {
	opts Options
	errs *Errors
	jobs []*Job
	full bool // there are more jobs than allowed, and it has been said

	patterns map[string]*gate.Patterns // by project and texts
	speller  place.Speller
	drives   place.Drives
}

// checkOptions finds what is wrong with the command line itself.
func (e *expander) checkOptions() {
	if p := e.opts.Priority; p != nil && (*p < 0 || *p > 100) {
		e.errs.Add(Pos{File: "--priority"}, "%d is not between 0 and 100", *p)
	}
	for _, pattern := range e.opts.Exclude {
		e.checkPattern(Pos{File: "--exclude"}, pattern)
	}
	for _, key := range slices.Sorted(maps.Keys(e.opts.Metadata)) {
		if strings.HasPrefix(key, "flsync.") {
			e.errs.Add(Pos{File: "--metadata"}, "%s: metadata that begins with flsync. is flsync's own", key)
		}
	}
}

func (e *expander) checkPattern(pos Pos, pattern string) bool {
	if err := gate.CheckPattern(pattern); err != nil {
		e.errs.Add(pos, "%v", err)
		return false
	}
	return true
}

// excludes parses what a job excludes. Patterns that are no good were told already, except those that lie
// elsewhere.
func (d *draft) excludes(texts []string) *gate.Patterns {
	key := strings.Join(append(slices.Clone(texts), d.project), "\x00")
	known, ok := d.e.patterns[key]
	if !ok {
		var err error
		texts = slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return gate.CheckPattern(text) != nil })
		if known, err = gate.ParsePatterns(texts, d.project); err != nil {
			d.e.errs.Add(d.pos, "exclude: %v", err)
		}
		d.e.patterns[key] = known
	}
	return known
}

// blendTarget adds a blend file of the command line.
func (e *expander) blendTarget(target, file string) {
	d := &draft{e: e, dir: filepath.Dir(file), pos: Pos{File: target}, guessed: e.opts.Project == ""}
	d.setProject("", Pos{})
	d.build(file)
}

// patternTarget adds what matches a pattern of the command line, for shells that do not expand them.
func (e *expander) patternTarget(pattern string) {
	pos := Pos{File: pattern}
	for _, file := range e.blendFiles(pos, e.opts.Dir, pattern) {
		e.blendTarget(file, file)
	}
}

// add turns a parsed manifest into jobs.
func (e *expander) add(s *source, root *node, dir string) {
	s.validate(root)
	jobs := root.get("jobs")
	if jobs == nil {
		return
	}
	projectPos := root.pos
	if n := root.get("project"); n != nil {
		projectPos = n.pos
	}
	for _, n := range jobs.items {
		if n.wrong {
			continue
		}
		d := &draft{e: e, dir: dir, pos: n.pos, job: n, defaults: root.get("defaults")}
		if !d.setProject(root.text("project"), projectPos) {
			return // said once, not for every job
		}
		d.expand()
	}
}

// draft is a job of a manifest before it is known which blend files it is for.
type draft struct {
	e             *expander
	dir           string // what relative paths are relative to
	project       string // spelled as on disk
	asTyped       string // the project as somebody typed it
	guessed       bool   // nobody named the project
	pos           Pos
	job, defaults *node // defaults may be nil
}

// field is the job's own value or the default.
func (d *draft) field(name string) *node {
	if n := d.job.get(name); n != nil {
		return n
	}
	return d.defaults.get(name)
}

// setProject finds the project folder and reports whether it is there.
func (d *draft) setProject(project string, pos Pos) bool {
	base := d.dir
	if d.e.opts.Project != "" {
		project, base, pos = d.e.opts.Project, d.e.opts.Dir, Pos{File: "--project"}
	}
	d.asTyped = absolute(base, project)
	d.project = d.e.speller.Spell(d.asTyped)
	info, err := os.Stat(d.project)
	switch {
	case err != nil && project != "":
		d.e.errs.Add(pos, "the project folder %s: %v", project, reason(err))
		return false
	case err == nil && !info.IsDir():
		d.e.errs.Add(pos, "the project %s is no folder", project)
		return false
	}
	return true
}

// expand adds one job, or one for each match.
func (d *draft) expand() {
	if n := d.job.get("glob"); n != nil {
		for _, file := range d.e.blendFiles(n.pos, d.dir, n.value.(string)) {
			if !d.excluded(file) {
				d.build(file)
			}
		}
		return
	}
	if n := d.job.get("blend"); n != nil {
		d.build(absolute(d.dir, n.value.(string)))
		return
	}
	if !d.job.has("blend") && !d.job.has("glob") {
		d.build("")
	}
}

// build adds the job for one blend file, or without one.
func (d *draft) build(typed string) {
	if len(d.e.jobs) >= maxJobs {
		if !d.e.full {
			d.e.errs.Add(d.pos, "more than %d jobs", maxJobs)
		}
		d.e.full = true
		return
	}
	blend := typed
	if typed != "" {
		blend = d.e.speller.Spell(typed)
	}
	opts := d.e.opts
	blendPos := d.pos
	for _, name := range []string{"blend", "glob"} {
		if n := d.job.get(name); n != nil {
			blendPos = n.pos
		}
	}
	if blend != "" {
		d.checkBlend(blendPos, blend)
	}
	j := &Job{
		Pos: d.pos, Dir: d.dir, Project: d.project, Guessed: d.guessed, Blend: blend, Priority: DefaultPriority,
		Metadata: map[string]string{}, places: map[string]Pos{},
	}
	t := &template{errs: d.e.errs, blend: blend, project: d.project}
	text := func(name, option string) string {
		if option != "" {
			j.places[name] = Pos{File: "--" + strings.TrimPrefix(name, "worker_")}
			return t.expand(j.places[name], option)
		}
		n := d.field(name)
		if n == nil {
			return ""
		}
		j.places[name] = n.pos
		return t.expand(n.pos, n.value.(string))
	}
	j.Name, j.Type, j.WorkerTag, j.Scene = text("name", opts.Name), text("type", opts.Type), text("worker_tag", opts.WorkerTag), text("scene", opts.Scene)
	j.InitialStatus = text("initial_status", map[bool]string{true: "paused"}[opts.Paused])
	if j.Name == "" && blend != "" {
		j.Name, j.unnamed = stem(blend), true
	}
	if j.Type == "" && !d.job.has("type") && !d.defaults.has("type") {
		if j.Type = DefaultType; blend == "" {
			d.e.errs.Add(d.pos, "a job without a blend file needs a type")
		}
	}
	if n := d.field("priority"); n != nil {
		j.Priority, j.HasPriority = int(whole(n.value)), true
	}
	if opts.Priority != nil {
		j.Priority, j.HasPriority = *opts.Priority, true
	}
	j.Settings = d.merge(t, "settings", opts.Settings, "--set")
	for key, given := range d.merge(t, "metadata", opts.Metadata, "--metadata") {
		j.Metadata[key] = fmt.Sprint(given.Value)
	}
	if n := d.field("missing"); n != nil {
		j.Missing = n.value.(string)
	}
	for _, f := range []*node{d.defaults, d.job} {
		for _, r := range f.get("rules").list() {
			j.Rules = append(j.Rules, Rule{When: r.text("when"), Require: r.text("require"), Say: r.text("say"), Severity: cmp.Or(r.text("severity"), "error"), Pos: r.pos})
		}
	}
	j.Exclude = slices.Clone(opts.Exclude)
	for _, n := range d.field("exclude").list() {
		if pattern := t.expand(n.pos, n.value.(string)); d.e.checkPattern(n.pos, pattern) {
			j.Exclude = append(j.Exclude, pattern)
		}
	}
	j.exclude = d.excludes(j.Exclude)
	for _, n := range d.field("files").list() {
		j.Files = append(j.Files, d.files(n.pos, t.expand(n.pos, n.value.(string)))...)
	}
	j.Key = text("key", "")
	if j.Key == "" {
		j.Key = deriveKey(d.e.drives.Identity(j.Project), j.Project, j.Name, j.Blend)
		oldName := j.Name
		if j.unnamed {
			oldName = stem(typed)
		}
		for _, old := range []string{deriveKey(j.Project, j.Project, j.Name, j.Blend), deriveKey(d.asTyped, d.asTyped, oldName, typed)} {
			if old != j.Key {
				j.OldKeys = append(j.OldKeys, old)
			}
		}
	}
	d.e.jobs = append(d.e.jobs, j)
}

// whole reads the number of a field that the schema has as an integer, which a float without a fraction is
// too.
func whole(v any) int64 {
	if f, ok := v.(float64); ok {
		return int64(f)
	}
	return v.(int64)
}

// merge puts a mapping of the defaults, that of the job, and the options into one: the strongest value of
// each key counts, and only its template is looked at. Null takes a key away.
func (d *draft) merge(t *template, name string, options map[string]string, flag string) map[string]Setting {
	merged := make(map[string]Setting)
	for i, f := range []*node{d.defaults, d.job} {
		n := f.get(name)
		if n == nil {
			continue
		}
		for _, p := range n.pairs {
			if !p.value.wrong {
				merged[p.key] = Setting{Value: p.value.value, Pos: p.value.pos, ForAll: i == 0}
			}
		}
	}
	for key, value := range options {
		merged[key] = Setting{Value: Text(value), Pos: Pos{File: flag + " " + key}, ForAll: true}
	}
	for key, given := range merged {
		switch v := given.Value.(type) {
		case nil:
			delete(merged, key)
			continue
		case string:
			given.Value = t.expand(given.Pos, v)
		case Text:
			given.Value = Text(t.expand(given.Pos, string(v)))
		}
		merged[key] = given
	}
	return merged
}

func stem(file string) string { return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) }

// deriveKey makes an identity of project, name and blend file, whose path counts from the folder root.
// Unicode is brought to one form, because file systems differ in it.
func deriveKey(project, root, name, blend string) string {
	if blend != "" {
		if rel, err := filepath.Rel(root, blend); err == nil {
			blend = rel
		}
	}
	h := sha256.New()
	for _, part := range []string{"flsync key 1", filepath.ToSlash(project), name, filepath.ToSlash(blend)} {
		part = norm.NFC.String(part)
		fmt.Fprintf(h, "%d:%s\n", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// checkKeys finds jobs that would be taken for one another.
func (e *expander) checkKeys() {
	first := map[string]*Job{}
	for _, j := range e.jobs {
		other, taken := first[j.Key]
		if !taken {
			first[j.Key] = j
			continue
		}
		why := "both have the name " + strconv.Quote(j.Name) + " and the same blend file; give one another name, or a key"
		if _, given := j.places["key"]; given {
			why = "both have the key " + strconv.Quote(j.Key)
		}
		e.errs.Add(j.At("key"), "this job and the one at %s would be taken for one: %s", other.Pos, why)
	}
}

// distinguishNames puts folders before the names of jobs that nobody named and whose blend files are called
// alike, such as shots/sh010/anim.blend and shots/sh020/anim.blend: they would render into one folder. Their
// keys stay, so that it does not matter which of them are submitted together.
func (e *expander) distinguishNames() {
	alike := map[string][]*Job{}
	for _, j := range e.jobs {
		if j.unnamed {
			alike[j.Name] = append(alike[j.Name], j)
		}
	}
	for _, jobs := range alike {
		if len(jobs) == 1 {
			continue
		}
		blends := make([]string, len(jobs))
		for i, j := range jobs {
			blends[i] = filepath.ToSlash(j.Blend)
		}
		names := jobname.Distinct(blends)
		for i, j := range jobs {
			j.Name = names[blends[i]]
		}
	}
}
