package pipeline

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/deps/blend/blendtest"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/submit/manifest"
)

const (
	png    = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
	secret = "-----BEGIN OPENSSH PRIVATE KEY-----"
)

// heard records what a run tells, and may act on it.
type heard struct {
	mu   sync.Mutex
	list []string // code and path
	do   func(report.Event)
}

func (e *heard) Emit(event report.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch w := event.(type) {
	case report.Warning:
		e.list = append(e.list, w.Code+" "+w.Path+w.Message)
	case report.Error:
		e.list = append(e.list, w.Code+" "+w.Path+w.Message)
	}
	if e.do != nil {
		e.do(event)
	}
}

func (e *heard) has(code, text string) bool {
	return slices.ContainsFunc(e.list, func(s string) bool { return strings.HasPrefix(s, code+" ") && strings.Contains(s, text) })
}

// plant writes files below a folder.
func plant(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// naming is a blend file with an image for each path.
func naming(paths ...string) string {
	f := blendtest.New(blendtest.Form{}, `
		ID: void *next; void *prev; Library *lib; char name[66]
		Library: ID id; char name[1024]
		Image: ID id; char name[1024]; short source`)
	for i, path := range paths {
		f.Block("IM", "Image", uint64(0x10+i*0x10), blendtest.Values{"id.name": fmt.Sprintf("IM%d", i), "name": path, "source": 1})
	}
	return string(f.Bytes())
}

const shotSettings = `{render_output_root: /r, frames: '1', fps: 24, format: PNG, image_file_extension: .png, has_previews: false, scene: Scene, render_output_path: /r/x}`

// inCheckouts are the files of all checkouts but blend files and manifests, without the checkout's name,
// sorted.
func (n *night) inCheckouts() (files []string) {
	n.t.Helper()
	root := n.manager.CheckoutDir()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			_, rel, _ = strings.Cut(filepath.ToSlash(rel), "/")
			if ext := filepath.Ext(rel); ext != ".blend" && ext != ".yaml" {
				files = append(files, rel)
			}
			if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), secret) {
				n.t.Errorf("%s has the secret, or cannot be read: %v", rel, err)
			}
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		n.t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

func (n *night) submitWith(sink report.Sink, jobs []*manifest.Job, opt SubmitOptions) error {
	n.runs++
	opt.Jobs, opt.Run = jobs, fmt.Sprintf("run-%03d", n.runs)
	opt.Journal, opt.Rewrites = filepath.Join(n.dir, "journal"), filepath.Join(n.dir, "rewrites")
	_, err := Submit(n.t.Context(), Env{Manager: n.client, Cache: n.cache, Sink: sink}, opt)
	return err
}

func loadTargets(t *testing.T, opt manifest.Options, targets ...string) []*manifest.Job {
	t.Helper()
	jobs, err := manifest.Load(targets, opt)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// TestExcludeMeansTheSame holds that a pattern leaves out the same files of a tree in sync, in submit, in
// submit --all, and in a manifest.
func TestExcludeMeansTheSame(t *testing.T) {
	files := map[string]string{"a.png": png + "1", "textures/b.png": png + "2", "textures/deep/c.hdr": "#?RADIANCE\n", "sub/textures/d.png": png + "3", "sub/x/e.png": png + "4", "sub/f.exr": "\x76\x2f\x31\x01"}
	var paths []string
	for name := range files {
		paths = append(paths, "//"+name)
	}
	for _, c := range []struct {
		pattern string
		stay    string
	}{
		{"textures/", "a.png sub/f.exr sub/x/e.png"},
		{"textures", "a.png sub/f.exr sub/x/e.png"},
		{"/textures", "a.png sub/f.exr sub/textures/d.png sub/x/e.png"},
		{"*.png", "sub/f.exr textures/deep/c.hdr"},
		{"**/x", "a.png sub/f.exr sub/textures/d.png textures/b.png textures/deep/c.hdr"},
		{"sub/**", "a.png textures/b.png textures/deep/c.hdr"},
		{"PROJECT/sub", "a.png textures/b.png textures/deep/c.hdr"},
		{"none", "a.png sub/f.exr sub/textures/d.png sub/x/e.png textures/b.png textures/deep/c.hdr"},
	} {
		for _, way := range []string{"sync", "submit", "submit --all", "exclude:", "files:"} {
			t.Run(way+" "+strings.ReplaceAll(c.pattern, "/", "|"), func(t *testing.T) {
				if way != "sync" && way != "submit" && c.pattern != "PROJECT/sub" && c.pattern != "none" {
					long.Test(t)
				}
				n := newNight(t)
				dir := filepath.Join(n.dir, "p")
				plant(t, dir, files)
				plant(t, dir, map[string]string{"shot.blend": naming(paths...), "empty.blend": naming()})
				pattern := strings.Replace(c.pattern, "PROJECT", dir, 1)
				sink := &heard{}
				env := Env{Manager: n.client, Cache: n.cache, Sink: sink}
				given := map[string]string{"render_output_root": "/r", "scene": "Scene", "frames": "1", "fps": "24", "format": "PNG", "image_file_extension": ".png", "has_previews": "false", "render_output_path": "/r/x"}
				var err error
				switch way {
				case "sync":
					_, err = Sync(t.Context(), env, SyncOptions{Paths: []string{dir}, Exclude: []string{pattern}})
				case "submit", "submit --all":
					jobs := loadTargets(t, manifest.Options{Project: dir, Exclude: []string{pattern}, Settings: given}, filepath.Join(dir, "shot.blend"))
					err = n.submitWith(sink, jobs, SubmitOptions{All: way == "submit --all"})
				default:
					blend, more := "shot.blend", ""
					if way == "files:" {
						blend, more = "empty.blend", ", files: ['*.png', sub, 'text*/**']"
					}
					text := fmt.Sprintf("version: 1\njobs: [{blend: %s, exclude: ['%s']%s, settings: %s}]\n", blend, pattern, more, shotSettings)
					jobs := loadTargets(t, manifest.Options{Dir: dir, Stdin: strings.NewReader(text)}, "-")
					err = n.submitWith(sink, jobs, SubmitOptions{})
				}
				if err != nil {
					t.Fatal(err, sink.list)
				}
				if diff := cmp.Diff(strings.Fields(c.stay), n.inCheckouts()); diff != "" {
					t.Error(diff)
				}
				if told := sink.has("pattern-unused", pattern); told != (pattern == "none") {
					t.Errorf("told that the pattern is of no use: %v\n%s", told, sink.list)
				}
			})
		}
	}
}

// TestFilesGoesThroughTheWalk holds that a manifest's files: sends nothing that a listing leaves out.
func TestFilesGoesThroughTheWalk(t *testing.T) {
	n := newNight(t)
	plant(t, n.dir, map[string]string{
		"secret/id_rsa": secret, "p/tex/a.png": "a", "p/tex/[1].png": "b", "p/.git/config": secret, "p/shot.blend1": secret,
		"p/old/x": secret, "p/.flsyncignore": "old/\n", "p/empty.blend": naming(),
	})
	for name, to := range map[string]string{"p/tex/key": "../../secret/id_rsa", "p/lib": "../secret", "p/tex/link.png": "a.png"} {
		if err := os.Symlink(to, filepath.Join(n.dir, name)); err != nil {
			t.Skip(err)
		}
	}
	load := func(files string) []*manifest.Job {
		text := fmt.Sprintf("version: 1\njobs: [{blend: empty.blend, files: %s, settings: %s}]\n", files, shotSettings)
		return loadTargets(t, manifest.Options{Dir: filepath.Join(n.dir, "p"), Stdin: strings.NewReader(text)}, "-")
	}
	sink := &heard{}
	if err := n.submitWith(sink, load("[tex, '**', 'tex/[1].png']"), SubmitOptions{}); err != nil {
		t.Fatal(err, sink.list)
	}
	if diff := cmp.Diff([]string{".flsyncignore", "tex/[1].png", "tex/a.png", "tex/link.png"}, n.inCheckouts()); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"tex/key", "lib"} {
		if !sink.has("link-outside", filepath.Join(n.dir, "p", path)) {
			t.Errorf("nothing is told of %s: %s", path, sink.list)
		}
	}
	for _, files := range []string{"tex/key", ".git", "shot.blend1", "old", "lib/id_rsa"} {
		sink := &heard{}
		if err := n.submitWith(sink, load(files), SubmitOptions{Force: true}); err == nil || !sink.has("job", "left out") {
			t.Errorf("files: %s: %v, want an error that says that it is left out: %s", files, err, sink.list)
		}
	}
	n.inCheckouts()
}

// TestGuessedProject holds that private files beside a blend file stay here when nobody has named the
// project.
func TestGuessedProject(t *testing.T) {
	for _, outside := range []gate.Outside{gate.OutsideMedia, gate.OutsideDeny} {
		n := newNight(t)
		home := filepath.Join(n.dir, "home")
		t.Setenv("HOME", home)
		t.Setenv("USERPROFILE", home)
		plant(t, home, map[string]string{
			".ssh/id_rsa": secret, ".env": secret, ".mozilla/p/cookies.sqlite": secret, "Documents/tax.pdf": secret, "key.png": secret, "wood.png": png,
			"shot.blend": naming("//.ssh/id_rsa", "//.env", "//.mozilla/p/cookies.sqlite", "//Documents/tax.pdf", "//key.png", "//wood.png"),
		})
		given := map[string]string{"render_output_root": "/r", "scene": "Scene", "frames": "1", "fps": "24", "format": "PNG", "image_file_extension": ".png", "has_previews": "false", "render_output_path": "/r/x"}
		for _, all := range []bool{false, true} {
			sink := &heard{}
			jobs := loadTargets(t, manifest.Options{Settings: given}, filepath.Join(home, "shot.blend"))
			err := n.submitWith(sink, jobs, SubmitOptions{Outside: gate.Policy{Outside: outside}, All: all, Force: true})
			if diff := cmp.Diff([]string{"wood.png"}, slices.Compact(n.inCheckouts())); diff != "" {
				t.Errorf("%s, all %v: %v %s", outside, all, err, diff)
			}
			for _, name := range []string{".ssh/id_rsa", ".env", ".mozilla/p/cookies.sqlite", "Documents/tax.pdf", "key.png"} {
				if !sink.has("held-back", filepath.Join(home, name)) {
					t.Errorf("%s, all %v: nothing is told of %s", outside, all, name)
				}
			}
			if err == nil || !sink.has("project-guess", home) {
				t.Errorf("%s, all %v: %v, and nothing is told of the home folder as project: %s", outside, all, err, sink.list)
			}
		}
		sink := &heard{}
		jobs := loadTargets(t, manifest.Options{Settings: given, Project: home, Exclude: []string{"*"}}, filepath.Join(home, "shot.blend"))
		if err := n.submitWith(sink, jobs, SubmitOptions{Force: true}); err != nil || sink.has("project-guess", "") {
			t.Errorf("the home folder was named as project: %v, %s", err, sink.list)
		}
	}
}

// swap replaces files by links to a secret.
func swap(t *testing.T, dir, target string, names []string) {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Error(err)
		}
	}
}

// TestFilesSwappedForLinks holds that a file which becomes a link after it was found, and before it is
// hashed, does not take what the link leads to to the farm.
func TestFilesSwappedForLinks(t *testing.T) {
	const count = 200
	for _, way := range []string{"sync", "submit"} {
		t.Run(way, func(t *testing.T) {
			n := newNight(t)
			dir := filepath.Join(n.dir, "p")
			files, names, paths := map[string]string{}, []string{}, []string{}
			for i := range count {
				name := fmt.Sprintf("%03d.png", i)
				files[name], names, paths = png+name, append(names, name), append(paths, "//"+name)
			}
			plant(t, dir, files)
			plant(t, n.dir, map[string]string{"secret": secret, "held.txt": "x"})
			plant(t, dir, map[string]string{"shot.blend": naming(append(paths, "//../held.txt")...)})
			if err := os.Symlink("../held.txt", filepath.Join(dir, "out.txt")); err != nil {
				t.Skip(err)
			}
			var once sync.Once
			sink := &heard{do: func(e report.Event) {
				// This is told when the files have been decided on, and none is read yet.
				if w, ok := e.(report.Warning); ok && (w.Code == "link-outside" || w.Code == "held-back") {
					once.Do(func() { swap(t, dir, filepath.Join(n.dir, "secret"), names) })
				}
			}}
			var err error
			if way == "sync" {
				_, err = Sync(t.Context(), Env{Manager: n.client, Cache: n.cache, Sink: sink}, SyncOptions{Paths: []string{dir}})
			} else {
				given := map[string]string{"render_output_root": "/r", "scene": "Scene", "frames": "1", "fps": "24", "format": "PNG", "image_file_extension": ".png", "has_previews": "false", "render_output_path": "/r/x"}
				err = n.submitWith(sink, loadTargets(t, manifest.Options{Settings: given, Project: dir}, filepath.Join(dir, "shot.blend")), SubmitOptions{})
			}
			if err == nil || !sink.has("replaced", "") || !sink.has("held-back", names[0]) {
				t.Errorf("%v; told: %.2000s", err, sink.list)
			}
			n.inCheckouts()
			stored := ""
			filepath.WalkDir(n.manager.StorageDir(), func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					text, _ := os.ReadFile(path)
					stored += string(text)
				}
				return nil
			})
			if strings.Contains(stored, secret) {
				t.Error("the secret is on the farm")
			}
		})
	}
}

func TestRootsOf(t *testing.T) {
	dir := t.TempDir()
	plant(t, dir, map[string]string{"p/sub/a": "", "p/b": "", "p-b/c": "", "p/sub/deep/d": ""})
	for _, c := range []struct{ paths, want, base string }{
		{"p p/sub", "p", "p"},
		{"p/sub p", "p", "p"},
		{"p p-b p/sub", "p p-b", ""},
		{"p/sub/deep p-b p p/sub p", "p p-b", ""},
		{"p/b p/sub/deep", "p/b p/sub/deep", "p"},
		{"p/b", "p/b", "p"},
		{"p/sub/a p/sub", "p/sub", "p/sub"},
	} {
		var paths []string
		for p := range strings.FieldsSeq(c.paths) {
			paths = append(paths, filepath.Join(dir, p))
		}
		roots, base, err := rootsOf(paths)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range roots {
			rel, _ := filepath.Rel(dir, r)
			got = append(got, filepath.ToSlash(rel))
		}
		if strings.Join(got, " ") != c.want || base != filepath.Join(dir, c.base) {
			t.Errorf("%s: got %q below %s, want %s below %s", c.paths, got, base, c.want, c.base)
		}
	}
}

// TestOtherComputersAreNotLookedAt holds that a path under an automounter is told as held back.
func TestOtherComputersAreNotLookedAt(t *testing.T) {
	n := newNight(t)
	plant(t, n.dir, map[string]string{"p/shot.blend": naming("/net/no-such-host.invalid/lib/x.png")})
	sink := &heard{}
	jobs := loadTargets(t, manifest.Options{Project: filepath.Join(n.dir, "p")}, filepath.Join(n.dir, "p/shot.blend"))
	if err := n.submitWith(sink, jobs, SubmitOptions{UploadOnly: true}); err == nil || !sink.has("held-back", "no-such-host.invalid") {
		t.Errorf("%v; told: %s", err, sink.list)
	}
}
