package pack_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
	"github.com/flsync/flsync/internal/gate"
)

// A world is a folder with files, and a trace of a shot in it that a test says
// the references of.
type world struct {
	t      testing.TB
	root   string // with slashes
	trace  *deps.Trace
	offset int64
}

func newWorld(t testing.TB, shot string) *world {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: filepath.ToSlash(root), offset: 100}
	w.trace = &deps.Trace{Path: w.file(shot)}
	return w
}

// at gives the absolute path of a file of the world.
func (w *world) at(rel string) string { return w.root + "/" + rel }

// file makes a file, if it is not there yet.
func (w *world) file(rel string) string {
	p := w.at(rel)
	if _, err := os.Lstat(p); err != nil {
		content := "\x89PNG\r\n\x1a\n" // passes for what its name says, where that is an image
		if strings.HasSuffix(rel, ".blend") {
			content = "BLENDER-v304"
		}
		writeFile(w.t, p, content)
	}
	return p
}

// uses adds a reference in a blend file: what stands in its field, and the
// files that it was found to name.
func (w *world) uses(blend, value string, files ...string) *deps.Use {
	u := deps.Use{
		Reference: &deps.Reference{
			ID: "IMwood", Field: "Image.name", Kind: deps.KindImage, Path: value,
			Parts: []deps.Part{{Role: deps.RolePath, Offset: w.offset, Size: 1024, Raw: value, Block: -1}},
		},
		From: w.file(blend),
	}
	w.offset += 2000
	for _, f := range files {
		if strings.HasSuffix(f, ".blend") {
			u.Kind, u.Field = deps.KindLibrary, "Library.name"
			w.blend(f)
		}
		u.Files = append(u.Files, w.file(f))
	}
	b := w.blend(blend)
	b.Uses = append(b.Uses, u)
	return &b.Uses[len(b.Uses)-1]
}

func (w *world) blend(rel string) *deps.BlendUses {
	p := w.file(rel)
	i := slices.IndexFunc(w.trace.Blends, func(b deps.BlendUses) bool { return b.Path == p })
	if i < 0 {
		i = len(w.trace.Blends)
		w.trace.Blends = append(w.trace.Blends, deps.BlendUses{Path: p})
	}
	return &w.trace.Blends[i]
}

// result is a plan as a test wants to read it.
type result struct {
	Files   []string          // places, of all that is sent
	Changed map[string]string // places of blend files: old and new values
	Held    []string
	Left    []string
}

func (w *world) plan(cfg pack.Config) (result, error) {
	w.t.Helper()
	plan, err := together(w.t, cfg, w.trace).Plan(0)
	if err != nil {
		return result{}, err
	}
	return w.result(plan), nil
}

func newGate(t testing.TB, project string, policy gate.Policy) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Project: project, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// together plans what was traced.
func together(t testing.TB, cfg pack.Config, traces ...*deps.Trace) *pack.Batch {
	t.Helper()
	planner, err := pack.NewPlanner(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return planner.Together(traces...)
}

func (w *world) result(plan *pack.Plan) result {
	// The world's own folder is a name of chance.
	plain := strings.NewReplacer(strings.TrimPrefix(w.root, "/"), "world").Replace
	var r result
	for _, f := range plan.Files {
		r.Files = append(r.Files, plain(f.Place))
	}
	for _, c := range plan.Changed {
		r.Files = append(r.Files, plain(c.Place))
		if r.Changed == nil {
			r.Changed = map[string]string{}
		}
		var edits []string
		for _, e := range c.Edits {
			edits = append(edits, plain(e.Old)+" -> "+plain(e.New))
		}
		r.Changed[plain(c.Place)] = strings.Join(edits, ", ")
	}
	slices.Sort(r.Files)
	for _, h := range plan.Held {
		r.Held = append(r.Held, strings.TrimPrefix(h.Path, w.root+"/"))
	}
	for _, l := range plan.Left {
		r.Left = append(r.Left, plain(l.Value)+": "+string(l.Reason))
	}
	return r
}

func TestPlan(t *testing.T) {
	if filepath.Separator != '/' {
		t.Skip("absolute paths as Linux and macOS have them")
	}
	for _, c := range []struct {
		name   string
		shot   string // "": proj/shots/a.blend
		setup  func(w *world)
		cfg    pack.Config
		policy gate.Policy
		want   result
	}{
		{
			name: "what stays inside is sent as it is",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", "//../tex/wood.png", "proj/tex/wood.png")
				w.uses("proj/shots/a.blend", `//..\tex\back.png`, "proj/tex/back.png")
				w.uses("proj/shots/a.blend", "//.././tex//odd.png", "proj/tex/odd.png")
			},
			want: result{Files: []string{"shots/a.blend", "tex/back.png", "tex/odd.png", "tex/wood.png"}},
		},
		{
			name: "an absolute path into the project becomes relative",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("proj/tex/wood.png"), "proj/tex/wood.png")
				w.uses("proj/shots/a.blend", w.at("proj/shots/near.png"), "proj/shots/near.png")
			},
			want: result{
				Files:   []string{"shots/a.blend", "shots/near.png", "tex/wood.png"},
				Changed: map[string]string{"shots/a.blend": "/world/proj/tex/wood.png -> //../tex/wood.png, /world/proj/shots/near.png -> //near.png"},
			},
		},
		{
			name: "outside, absolute and by ..",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("lib/wood.png"), "lib/wood.png")
				w.uses("proj/shots/a.blend", "//../../lib/stone.png", "lib/stone.png")
			},
			want: result{
				Files: []string{"_outside_project/world/lib/stone.png", "_outside_project/world/lib/wood.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "/world/lib/wood.png -> //../_outside_project/world/lib/wood.png, " +
					"//../../lib/stone.png -> //../_outside_project/world/lib/stone.png"},
			},
		},
		{
			name: "an outside library with its own files beside it needs no change",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("lib/char.blend"), "lib/char.blend")
				w.uses("lib/char.blend", "//tex/skin.png", "lib/tex/skin.png")
			},
			want: result{
				Files:   []string{"_outside_project/world/lib/char.blend", "_outside_project/world/lib/tex/skin.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "/world/lib/char.blend -> //../_outside_project/world/lib/char.blend"},
			},
		},
		{
			name: "an outside library that leads into the project, and one inside that leads out",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", "//../lib/in.blend", "proj/lib/in.blend")
				w.uses("proj/lib/in.blend", "//../../lib/out.blend", "lib/out.blend")
				w.uses("lib/out.blend", "//../proj/tex/wood.png", "proj/tex/wood.png")
			},
			want: result{
				Files: []string{"_outside_project/world/lib/out.blend", "lib/in.blend", "shots/a.blend", "tex/wood.png"},
				Changed: map[string]string{
					"lib/in.blend":                         "//../../lib/out.blend -> //../_outside_project/world/lib/out.blend",
					"_outside_project/world/lib/out.blend": "//../proj/tex/wood.png -> //" + strings.Repeat("../", 9) + "tex/wood.png",
				},
			},
		},
		{
			name: "a sequence, a folder and a strip keep their files together",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("seq/p_0001.png"), "seq/p_0001.png", "seq/p_0002.png")
				u := w.uses("proj/shots/a.blend", w.at("sim/cache")+"/", "sim/cache/data/1.vdb", "sim/cache/config/1.uni")
				u.Parts[0].Role, u.Form = deps.RoleFolder, deps.FormFluid
				for _, name := range []string{"b.png", "sub/c.png"} {
					u := w.uses("proj/shots/a.blend", w.at("edit"), "edit/"+name)
					u.Parts[0].Role, u.Parts[0].Offset = deps.RoleFolder, 50_000 // one strip's folder
					u.Parts = append(u.Parts, deps.Part{Role: deps.RoleName, Offset: w.offset, Size: 256, Raw: name, Block: -1})
				}
			},
			policy: gate.Policy{Outside: gate.OutsideAll},
			want: result{
				Files: []string{
					"_outside_project/world/edit/b.png", "_outside_project/world/edit/sub/c.png",
					"_outside_project/world/seq/p_0001.png", "_outside_project/world/seq/p_0002.png",
					"_outside_project/world/sim/cache/config/1.uni", "_outside_project/world/sim/cache/data/1.vdb", "shots/a.blend",
				},
				Changed: map[string]string{"shots/a.blend": "/world/seq/p_0001.png -> //../_outside_project/world/seq/p_0001.png, " +
					"/world/sim/cache/ -> //../_outside_project/world/sim/cache/, " +
					"/world/edit -> //../_outside_project/world/edit"},
			},
		},
		{
			name: "a .. behind a folder that the checkout does not have",
			setup: func(w *world) {
				mkdir(w.t, w.at("proj/empty"))
				w.uses("proj/shots/a.blend", "//../empty/../tex/wood.png", "proj/tex/wood.png")
				w.uses("proj/shots/a.blend", "//../shots/../tex/stone.png", "proj/tex/stone.png")
			},
			want: result{
				Files:   []string{"shots/a.blend", "tex/stone.png", "tex/wood.png"},
				Changed: map[string]string{"shots/a.blend": "//../empty/../tex/wood.png -> //../tex/wood.png"},
			},
		},
		{
			name: "neither relative nor absolute",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", "tex/bare.png", "proj/shots/tex/bare.png")
			},
			want: result{
				Files:   []string{"shots/a.blend", "shots/tex/bare.png"},
				Changed: map[string]string{"shots/a.blend": "tex/bare.png -> //tex/bare.png"},
			},
		},
		{
			name: "what is missing is left alone",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", "/no/such/file.png").Missing = []string{"/no/such/file.png"}
				w.uses("proj/shots/a.blend", `C:\gone.png`).Missing = []string{"/c/gone.png"}
			},
			want: result{Files: []string{"shots/a.blend"}},
		},
		{
			name: "shared storage is left alone, and what lies behind it",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("farm/char.blend"), "farm/char.blend")
				w.uses("farm/char.blend", w.at("lib/wood.png"), "lib/wood.png")
				w.uses("proj/shots/a.blend", "//../../farm/rel.png", "farm/rel.png")
			},
			cfg: pack.Config{Shared: pack.Shared{"FARM"}},
			want: result{
				Files:   []string{"_outside_project/world/farm/rel.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "//../../farm/rel.png -> //../_outside_project/world/farm/rel.png"},
				Left:    []string{"/world/farm/char.blend: shared"},
			},
		},
		{
			name: "relative only",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("lib/wood.png"), "lib/wood.png")
				w.uses("proj/shots/a.blend", w.at("proj/tex/wood.png"), "proj/tex/wood.png")
				w.uses("proj/shots/a.blend", "//../../lib/stone.png", "lib/stone.png")
			},
			cfg: pack.Config{RelativeOnly: true},
			want: result{
				Files:   []string{"_outside_project/world/lib/stone.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "//../../lib/stone.png -> //../_outside_project/world/lib/stone.png"},
				Left:    []string{"/world/lib/wood.png: relative-only", "/world/proj/tex/wood.png: relative-only"},
			},
		},
		{
			name: "what the policy holds back is not sent, and its path stays",
			setup: func(w *world) {
				writeFile(w.t, w.at("home/.ssh/id_rsa"), "PRIVATE KEY")
				writeFile(w.t, w.at("home/evil.blend"), "no blend file")
				w.uses("proj/shots/a.blend", w.at("home/.ssh/id_rsa"), "home/.ssh/id_rsa")
				w.uses("proj/shots/a.blend", "//../../home/.ssh/id_rsa", "home/.ssh/id_rsa")
				w.uses("proj/shots/a.blend", w.at("home/evil.blend"), "home/evil.blend")
				w.uses("home/evil.blend", "//wood.png", "home/wood.png")
			},
			want: result{Files: []string{"shots/a.blend"}, Held: []string{"home/.ssh/id_rsa", "home/evil.blend"}},
		},
		{
			name: "a link in the project that leads out is no way around the policy",
			setup: func(w *world) {
				writeFile(w.t, w.at("home/.ssh/id_rsa"), "PRIVATE KEY")
				w.file("lib/wood.png")
				w.link("proj/tex/key.png", "home/.ssh/id_rsa")
				w.link("proj/tex/wood.png", "lib/wood.png")
				w.uses("proj/shots/a.blend", "//../tex/key.png", "proj/tex/key.png")
				w.uses("proj/shots/a.blend", "//../tex/wood.png", "proj/tex/wood.png")
			},
			want: result{Files: []string{"shots/a.blend", "tex/wood.png"}, Held: []string{"proj/tex/key.png"}},
		},
		{
			name: "a path by the real name of a project that is reached through a link",
			setup: func(w *world) {
				w.file("disk/proj/tex/wood.png")
				w.uses("proj/shots/a.blend", w.at("disk/proj/tex/wood.png"), "disk/proj/tex/wood.png")
			},
			shot: "LINKED",
			want: result{
				Files:   []string{"shots/a.blend", "tex/wood.png"},
				Changed: map[string]string{"shots/a.blend": "/world/disk/proj/tex/wood.png -> //../tex/wood.png"},
			},
		},
		{
			name: "outside names that differ only in case",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("lib/Wood.png"), "lib/Wood.png")
				w.uses("proj/shots/a.blend", w.at("lib/wood.png"), "lib/wood.png")
				w.uses("proj/shots/a.blend", w.at("LIB/other.png"), "LIB/other.png")
			},
			want: result{
				Files: []string{"_outside_project/world/LIB/other.png", "_outside_project/~1/world/lib/Wood.png", "_outside_project/~2/world/lib/wood.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "/world/lib/Wood.png -> //../_outside_project/~1/world/lib/Wood.png, " +
					"/world/lib/wood.png -> //../_outside_project/~2/world/lib/wood.png, " +
					"/world/LIB/other.png -> //../_outside_project/world/LIB/other.png"},
			},
		},
		{
			name: "a project that was packed before",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", "//../_Outside_Project/old.png", "proj/_Outside_Project/old.png")
				w.uses("proj/shots/a.blend", w.at("lib/wood.png"), "lib/wood.png")
			},
			want: result{
				Files:   []string{"_Outside_Project/old.png", "_outside_project_/world/lib/wood.png", "shots/a.blend"},
				Changed: map[string]string{"shots/a.blend": "/world/lib/wood.png -> //../_outside_project_/world/lib/wood.png"},
			},
		},
		{
			name: "libraries in a circle",
			setup: func(w *world) {
				w.uses("proj/shots/a.blend", w.at("lib/b.blend"), "lib/b.blend")
				w.uses("lib/b.blend", w.at("proj/shots/a.blend"), "proj/shots/a.blend")
			},
			want: result{
				Files: []string{"_outside_project/world/lib/b.blend", "shots/a.blend"},
				Changed: map[string]string{
					"shots/a.blend":                      "/world/lib/b.blend -> //../_outside_project/world/lib/b.blend",
					"_outside_project/world/lib/b.blend": "/world/proj/shots/a.blend -> //" + strings.Repeat("../", 9) + "shots/a.blend",
				},
			},
		},
		{
			name: "a shot outside of the project",
			shot: "other/a.blend",
			setup: func(w *world) {
				w.uses("other/a.blend", "//tex/near.png", "other/tex/near.png")
			},
			want: result{Files: []string{"_outside_project/world/other/a.blend", "_outside_project/world/other/tex/near.png"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			shot := c.shot
			var w *world
			switch shot {
			case "LINKED":
				w = newWorld(t, "disk/proj/shots/a.blend")
				w.link("proj", "disk/proj")
				w.trace.Path = w.at("proj/shots/a.blend")
			case "":
				w = newWorld(t, "proj/shots/a.blend")
				w.blend("proj/shots/a.blend")
			default:
				w = newWorld(t, shot)
			}
			w.depth(c.want.Changed)
			c.setup(w)
			c.cfg.Gate = newGate(t, w.at("proj"), c.policy)
			if len(c.cfg.Shared) > 0 {
				c.cfg.Shared = pack.Shared{w.at("farm")}
			}
			got, err := w.plan(c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// depth corrects how far up a wanted path goes, which depends on where the world is.
func (w *world) depth(changed map[string]string) {
	up := strings.Repeat("../", strings.Count(w.root, "/")+2)
	for place, edits := range changed {
		changed[place] = strings.ReplaceAll(edits, strings.Repeat("../", 9), up)
	}
}

func (w *world) link(from, to string) {
	w.t.Helper()
	mkdir(w.t, filepath.Dir(w.at(from)))
	if err := os.Symlink(w.at(to), w.at(from)); err != nil {
		w.t.Skip("no links here: ", err)
	}
}

// TestPlanBytes holds that names which are not UTF-8 arrive under names that
// are, in the checkout and in the blend file.
func TestPlanBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("file names here have to be Unicode")
	}
	w := newWorld(t, "proj/a.blend")
	w.uses("proj/a.blend", "//tex/caf\xe9.png", "proj/tex/caf\xe9.png")
	w.uses("proj/a.blend", "//\xff/p_01.png", "proj/\xff/p_01.png", "proj/\xff/p_02.png")
	u := w.uses("proj/a.blend", "//edit/", "proj/edit/\xe9.png")
	u.Parts[0].Role = deps.RoleFolder
	u.Parts = append(u.Parts, deps.Part{Role: deps.RoleName, Offset: w.offset, Size: 256, Raw: "\xe9.png", Block: -1})
	got, err := w.plan(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
	if err != nil {
		t.Fatal(err)
	}
	want := result{
		Files:   []string{"%FF/p_01.png", "%FF/p_02.png", "a.blend", "edit/%E9.png", "tex/caf%E9.png"},
		Changed: map[string]string{"a.blend": "//tex/caf\xe9.png -> //tex/caf%E9.png, //\xff/p_01.png -> //%FF/p_01.png, \xe9.png -> %E9.png"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPlanErrors(t *testing.T) {
	w := newWorld(t, "proj/a.blend")
	long := w.uses("proj/a.blend", w.at("lib/wood.png"), "lib/wood.png")
	long.Parts[0].Size = len(long.Path) + 1
	_, err := w.plan(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
	if e, ok := errors.AsType[*pack.TooLongError](err); !ok || e.Room != len(long.Path) || e.Blend != w.at("proj/a.blend") || !strings.HasPrefix(e.Path, "//_outside_project/") {
		t.Errorf("a field that is too short: %v", err)
	}

	// The folder of a strip lies in the project, and a name in it climbs out.
	w = newWorld(t, "proj/a.blend")
	u := w.uses("proj/a.blend", "//edit/", "lib/wood.png")
	u.Parts[0].Role = deps.RoleFolder
	u.Parts = append(u.Parts, deps.Part{Role: deps.RoleName, Offset: w.offset, Size: 256, Raw: "../../lib/wood.png", Block: -1})
	_, err = w.plan(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
	if e, ok := errors.AsType[*pack.UnreachableError](err); !ok || e.Value != "//edit/" || e.File != w.at("lib/wood.png") {
		t.Errorf("a name that climbs out: %v", err)
	}

	for _, cfg := range []pack.Config{{}, {Gate: newGate(t, w.at("proj"), gate.Policy{}), Shared: pack.Shared{"/"}}} {
		if _, err := pack.NewPlanner(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestBatch holds that a library which two shots use for different data is
// changed in one way for both, and that each shot's plan has its own files only.
func TestBatch(t *testing.T) {
	a := newWorld(t, "proj/a.blend")
	a.uses("proj/a.blend", "//lib.blend", "proj/lib.blend")
	a.uses("proj/lib.blend", a.at("tex/one.png"), "tex/one.png")
	b := &world{t: t, root: a.root, offset: 50_000, trace: &deps.Trace{Path: a.file("proj/b.blend")}}
	b.uses("proj/b.blend", "//lib.blend", "proj/lib.blend")
	b.uses("proj/lib.blend", b.at("tex/two.png"), "tex/two.png")
	bad := &world{t: t, root: a.root, offset: 90_000, trace: &deps.Trace{Path: a.file("proj/bad.blend")}}
	u := bad.uses("proj/bad.blend", bad.at("tex/two.png"), "tex/two.png")
	u.Parts[0].Size = len(u.Path) + 1

	batch := together(t, pack.Config{Gate: newGate(t, a.at("proj"), gate.Policy{})}, a.trace, b.trace, bad.trace)
	want := map[string]string{"lib.blend": "/world/tex/one.png -> //_outside_project/world/tex/one.png, /world/tex/two.png -> //_outside_project/world/tex/two.png"}
	for i, files := range [][]string{
		{"_outside_project/world/tex/one.png", "a.blend", "lib.blend"},
		{"_outside_project/world/tex/two.png", "b.blend", "lib.blend"},
	} {
		plan, err := batch.Plan(i)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(result{Files: files, Changed: want}, a.result(plan)); diff != "" {
			t.Errorf("shot %d (-want +got)\n%s", i, diff)
		}
	}
	if _, err := batch.Plan(2); err == nil {
		t.Error("a shot with a field that is too short is planned")
	}
}

// TestManyUsesOfOneSequence plans references to one sequence without a list of files for each, whether the
// files are sent, sent from outside, or held back.
func TestManyUsesOfOneSequence(t *testing.T) {
	const frames, uses = 1000, 1000
	w := newWorld(t, "proj/a.blend")
	var files []string
	for i := range frames {
		files = append(files, w.file(fmt.Sprintf("seq/f_%04d.png", i)))
	}
	for range uses {
		w.uses("proj/a.blend", w.at("seq/f_0001.png")).Files = files
	}
	for _, test := range []struct {
		project       string
		policy        gate.Outside
		sent, changed int
		held          int
	}{
		{"", gate.OutsideMedia, frames, 1, 0}, {"proj", gate.OutsideMedia, frames, 1, 0}, {"proj", gate.OutsideDeny, 0, 0, frames},
	} {
		cfg := pack.Config{Gate: newGate(t, filepath.Join(w.root, test.project), gate.Policy{Outside: test.policy})}
		for _, f := range files {
			cfg.Gate.Decide(f) // not what is measured
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan, err := together(t, cfg, w.trace).Plan(0)
		if err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%+v takes %d MiB", test, n>>20)
		}
		if len(plan.Files)+len(plan.Changed) != test.sent+1 || len(plan.Changed) != test.changed || len(plan.Held) != test.held {
			t.Errorf("%+v: %d files, %d changed, %d held", test, len(plan.Files), len(plan.Changed), len(plan.Held))
		}
	}
}

// TestPlanUnreadable holds that a file which cannot be looked at is told, and
// is no reason to give up the rest.
func TestPlanUnreadable(t *testing.T) {
	w := newWorld(t, "proj/a.blend")
	w.uses("proj/a.blend", w.at("lib/gone.png"), "lib/gone.png")
	w.uses("proj/a.blend", "//tex/wood.png", "proj/tex/wood.png")
	if err := os.Remove(w.at("lib/gone.png")); err != nil {
		t.Fatal(err)
	}
	got, err := w.plan(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
	if err != nil {
		t.Fatal(err)
	}
	want := result{Files: []string{"a.blend", "tex/wood.png"}, Held: []string{"lib/gone.png"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// BenchmarkTogether plans 300 shots that share 500 textures, of which every
// fifth lies outside of the project.
func BenchmarkTogether(b *testing.B) {
	w := newWorld(b, "proj/shots/000.blend")
	var traces []*deps.Trace
	for shot := range 300 {
		name := fmt.Sprintf("proj/shots/%03d.blend", shot)
		s := &world{t: b, root: w.root, offset: 1000, trace: &deps.Trace{Path: w.file(name)}}
		for i := range 500 {
			if tex := fmt.Sprintf("tex/%03d.png", i); i%5 == 0 {
				s.uses(name, s.at("lib/"+tex), "lib/"+tex)
			} else {
				s.uses(name, "//../"+tex, "proj/"+tex)
			}
		}
		traces = append(traces, s.trace)
	}
	b.ReportAllocs()
	for b.Loop() {
		batch := together(b, pack.Config{Gate: newGate(b, w.at("proj"), gate.Policy{})}, traces...)
		for i := range traces {
			if _, err := batch.Plan(i); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestAlone: a shot is planned by itself only when no path of it changes and all that is sent lies in the
// project; its plan is then the one that it would have together with others.
func TestAlone(t *testing.T) {
	for _, test := range []struct {
		name, path, file string
		absolute, alone  bool
	}{
		{"in the project", "//tex/a.png", "proj/tex/a.png", false, true},
		{"in the project, by a path with ..", "//tex/../tex/a.png", "proj/tex/a.png", false, true},
		{"in the project, by a path beside the blend file", "tex/a.png", "proj/tex/a.png", false, false},
		{"in the project, by an absolute path", "proj/tex/a.png", "proj/tex/a.png", true, false},
		{"outside", "//../tex/a.png", "tex/a.png", false, false},
		{"held back", "//../tex/key.pem", "tex/key.pem", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "proj/a.blend")
			if test.absolute {
				test.path = w.at(test.path)
			}
			w.uses("proj/a.blend", test.path, test.file)
			w.uses("proj/a.blend", test.path, test.file)
			w.uses("proj/a.blend", "//lib/b.blend", "proj/lib/b.blend")
			w.uses("proj/lib/b.blend", "//../tex/b.png", "proj/tex/b.png")
			planner, err := pack.NewPlanner(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
			if err != nil {
				t.Fatal(err)
			}
			plan, alone := planner.Alone(w.trace)
			if alone != test.alone {
				t.Fatalf("alone: %v, want %v", alone, test.alone)
			}
			if !alone {
				return
			}
			together, err := planner.Together(w.trace).Plan(0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(w.result(together), w.result(plan)); diff != "" {
				t.Errorf("(-together +alone)\n%s", diff)
			}
		})
	}
}

// shotOf is a shot in the project that links libraries which name textures of these numbers. It takes the
// uses in the libraries from earlier, as a Tracer has shots share them.
func (w *world) shotOf(name string, libraries int, earlier *deps.Trace, textures ...int) *deps.Trace {
	s := &world{t: w.t, root: w.root, offset: 1000, trace: &deps.Trace{Path: w.file(name)}}
	for l := range libraries {
		s.uses(name, fmt.Sprintf("//../lib/%02d.blend", l), fmt.Sprintf("proj/lib/%02d.blend", l))
		for _, i := range textures {
			if earlier == nil {
				tex := fmt.Sprintf("tex/%02d-%02d.png", l, i)
				s.uses(fmt.Sprintf("proj/lib/%02d.blend", l), "//../"+tex, "proj/"+tex)
			}
		}
	}
	if earlier != nil {
		own := s.blend(name)
		s.trace.Blends = slices.DeleteFunc(slices.Clone(earlier.Blends), func(b deps.BlendUses) bool { return b.Path == earlier.Path })
		s.trace.Blends = append(s.trace.Blends, *own)
	}
	return s.trace
}

// TestAloneLibraries: shots that need different textures of a library have their own each, and those that
// need the same share what was planned for it.
func TestAloneLibraries(t *testing.T) {
	w := newWorld(t, "proj/shots/a.blend")
	planner, err := pack.NewPlanner(pack.Config{Gate: newGate(t, w.at("proj"), gate.Policy{})})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for i := range 7 {
			trace := w.shotOf(fmt.Sprintf("proj/shots/%d.blend", i), 1, nil, i, 10)
			for _, trace := range []*deps.Trace{trace, w.shotOf("proj/shots/b.blend", 1, trace)} {
				plan, alone := planner.Alone(trace)
				if !alone {
					t.Fatal("not alone")
				}
				want := []string{"lib/00.blend", "shots/" + filepath.Base(trace.Path), fmt.Sprintf("tex/00-%02d.png", i), "tex/00-10.png"}
				slices.Sort(want)
				if diff := cmp.Diff(want, w.result(plan).Files); diff != "" {
					t.Errorf("shot %d (-want +got)\n%s", i, diff)
				}
			}
		}
	}

	first := w.shotOf("proj/shots/0.blend", 20, nil, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	again := w.shotOf("proj/shots/1.blend", 20, first)
	planner.Alone(first)
	if allocs := testing.AllocsPerRun(10, func() { planner.Alone(again) }); allocs > 300 {
		t.Errorf("planning a shot whose 20 libraries with 10 textures each were planned before allocates %v times", allocs)
	}
}

// BenchmarkAlone plans 300 shots that link 50 libraries of 20 textures each.
func BenchmarkAlone(b *testing.B) {
	w := newWorld(b, "proj/shots/000.blend")
	traces := []*deps.Trace{w.shotOf("proj/shots/000.blend", 50, nil, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)}
	for i := range 299 {
		traces = append(traces, w.shotOf(fmt.Sprintf("proj/shots/%03d.blend", i+1), 50, traces[0]))
	}
	b.ReportAllocs()
	for b.Loop() {
		planner, err := pack.NewPlanner(pack.Config{Gate: newGate(b, w.at("proj"), gate.Policy{})})
		if err != nil {
			b.Fatal(err)
		}
		for _, t := range traces {
			if _, ok := planner.Alone(t); !ok {
				b.Fatal("not alone")
			}
		}
	}
}
