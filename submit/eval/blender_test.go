package eval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/lab/long"
)

// expressions of the job types that come with Flamenco 3.9, and others that use
// every name the add-on provides.
var sceneExpressions = map[string]string{
	"frames":               `f'{C.scene.frame_start}-{C.scene.frame_end}'`,
	"render_output_path":   `str(Path(abspath(settings.render_output_root), last_n_dir_parts(settings.add_path_components), jobname, '{timestamp}', '######'))`,
	"fps":                  `C.scene.render.fps / C.scene.render.fps_base`,
	"format":               `C.scene.render.image_settings.file_format`,
	"image_file_extension": `C.scene.render.file_extension`,
	"has_previews":         `C.scene.render.image_settings.use_preview`,
	"scene":                `C.scene.name`,

	"fps text":    `str(C.scene.render.fps / C.scene.render.fps_base)`,
	"fps rounded": `round(C.scene.render.fps / C.scene.render.fps_base, 3)`,
	"fps format":  `f'{C.scene.render.fps / C.scene.render.fps_base:.2f}|{C.scene.render.fps:04d}'`,
	"path object": `Path(bpy.data.filepath).parent / 'x'`,
	"file":        `bpy.data.filepath`,
	"stem":        `Path(bpy.data.filepath).stem`,
	"display":     `bpy.path.display_name(bpy.data.filepath)`,
	"display raw": `bpy.path.display_name('ab_cd_plus_e.png', title_case=False)`,
	"basename":    `bpy.path.basename(C.scene.render.filepath)`,
	"clean":       `bpy.path.clean_name(C.scene.name)`,
	"clean all":   `bpy.path.clean_name(''.join(chr(i) for i in range(1, 400)))`,
	"ext":         `bpy.path.ensure_ext(C.scene.render.filepath, '.EXR') + bpy.path.ensure_ext('a.exr', '.EXR')`,
	"relpath":     `bpy.path.relpath('/usr/share/x.png')`,
	"relpath to":  `bpy.path.relpath('/usr/share/x.png', start='/usr/lib')`,
	"abs":         `bpy.path.abspath(C.scene.render.filepath)`,
	"abs start":   `bpy.path.abspath('//x', start='/srv')`,
	"abs clean":   `str(abspath(C.scene.render.filepath))`,
	"abs rel":     `str(abspath('../x/./y'))`,
	"abs drive":   `str(abspath('C:/a/../b'))`,
	"abs triple":  `str(abspath('///c/w.png'))`,
	"dirs":        `[str(last_n_dir_parts(n)) for n in range(12)]`,
	"dirs other":  `[str(last_n_dir_parts(n, '//../tex/a.png')) for n in (-1, 0, 1, 2, 3, 99)]`,
	"dirs path":   `str(last_n_dir_parts(2, Path('rel/b/c.png')))`,
	"subdir":      `bpy.path.is_subdir('/a/b/../c/d', '/a/c') and not bpy.path.is_subdir('/a/cd', '/a/c')`,
	"native":      `bpy.path.native_pathsep('a\\b/c')`,
	"scenes":      `[(s.name, s.render.fps) for s in bpy.data.scenes]`,
	"by name":     `bpy.data.scenes['JPG'].render.image_settings.file_format`,
	"camera":      `C.scene.camera.name if C.scene.camera else None`,
	"layers":      `', '.join(v.name for v in C.scene.view_layers)`,
	"size":        `int(C.scene.render.resolution_x * C.scene.render.resolution_percentage / 100)`,
	"step":        `len(range(C.scene.frame_start, C.scene.frame_end + 1, C.scene.frame_step))`,
	"percent":     `'%s_%04d' % (C.scene.name.replace(' ', '-'), C.scene.frame_current)`,
	"slices":      `C.scene.name[-3:] + C.scene.name[:4].lower() + str(len(C.scene.name))`,
}

// TestAsBlender compares what Eval makes of facts with what Blender computes.
func TestAsBlender(t *testing.T) {
	program := long.Blender(t)
	file := filepath.Join(t.TempDir(), "prój", "sq 020", "sh010_v003.blend")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "-b", "--factory-startup", "--python-exit-code", "1",
		"--python", "testdata/make_scenes.py", "--", file).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, line, _ := strings.Cut(string(out), "\nFACTS")
	line, _, _ = strings.Cut(line, "\n")
	var facts struct {
		File   string
		Scenes []Facts
	}
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber()
	if err := decoder.Decode(&facts); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	blender, err := NewBlender(program, "--factory-startup")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]any{"render_output_root": "//../out", "add_path_components": 2}
	var wg sync.WaitGroup
	var mu sync.Mutex
	beyond := make(map[string]bool)
	wg.Go(func() {
		_, err := blender.Eval(t.Context(), Request{BlendFile: file, Scene: "Nope"})
		if err == nil || !strings.Contains(err.Error(), "there is no scene 'Nope'") {
			t.Errorf("a scene that is not there gives %v", err)
		}
	})
	for _, scene := range facts.Scenes {
		if scene.Scene == "JPG" || scene.Scene == "Multi" {
			continue // as the others, and each start of Blender takes a second
		}
		wg.Go(func() {
			for name, value := range scene.Attributes {
				var err error
				if scene.Attributes[name], err = fromJSON(value); err != nil {
					t.Error(err)
				}
			}
			name := scene.Scene
			if strings.HasPrefix(name, "Shot") {
				name = "" // the active one
			}
			outcomes, err := blender.Eval(t.Context(), Request{
				BlendFile: file, Scene: name, JobName: "jöb 1", Settings: settings, Expressions: sceneExpressions,
			})
			if err != nil {
				t.Error(err)
				return
			}
			scene.BlendFile = facts.File
			env := &Env{
				Facts:   scene,
				JobName: "jöb 1",
				Setting: func(name string) (any, bool, error) { v, ok := settings[name]; return v, ok, nil },
			}
			for key, expr := range sceneExpressions {
				got, err := New(env).Eval(expr)
				if errors.Is(err, ErrNeedsBlender) {
					mu.Lock()
					beyond[key] = true
					mu.Unlock()
					continue
				}
				if want := outcomes[key]; want.Err != nil || err != nil {
					t.Errorf("scene %q, %s: Blender says %v, we say %v", scene.Scene, expr, want.Err, err)
				} else if diff := cmp.Diff(want.Value, got); diff != "" {
					t.Errorf("scene %q, %s: (-Blender +we)\n%s", scene.Scene, expr, diff)
				}
			}
		})
	}
	wg.Wait()
	if len(beyond) > 21 {
		t.Errorf("%d of %d expressions need Blender: %v", len(beyond), len(sceneExpressions), beyond)
	}
}

func TestBlenderFailures(t *testing.T) {
	program := long.Blender(t)
	blender, err := NewBlender(program, "--factory-startup")
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.blend")
	if _, err := blender.Eval(t.Context(), Request{BlendFile: none, Expressions: map[string]string{"x": "1"}}); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a file that is not there gives %v", err)
	}
}

// fakeBlender is a shell script in the place of Blender.
func fakeBlender(t *testing.T, script string) *Blender {
	t.Helper()
	path := filepath.Join(t.TempDir(), "blender")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	blender, err := NewBlender(path)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no shell scripts here")
	} else if err != nil {
		t.Fatal(err)
	}
	return blender
}

// echoMarker answers with the marker of the request around some text.
const echoMarker = `m=$(printf %%s "$FLSYNC_EVAL" | sed 's/.*"marker":"\([^"]*\)".*/\1/'); echo "noise ${m}%s${m} more noise"`

func TestBlenderAnswers(t *testing.T) {
	if _, err := exec.LookPath("sed"); err != nil {
		t.Skip(err)
	}
	for _, tt := range []struct {
		name, script string
		want         map[string]Outcome
		err          string
	}{
		{"values", fmt.Sprintf(echoMarker, `{\"a\":{\"value\":24.0},\"b\":{\"value\":24},\"c\":{\"type\":\"KeyError\",\"message\":\"x\"}}`),
			map[string]Outcome{"a": {Value: 24.0}, "b": {Value: int64(24)}, "c": {Err: &Exception{Type: "KeyError", Message: "x"}}}, ""},
		{"damaged", fmt.Sprintf(echoMarker, `{\"a\":`), nil, "reading the answer"},
		{"silent", `echo all is well`, nil, "without an answer; its last words:\n    all is well"},
		{"failing", `echo out of memory >&2; exit 11`, nil, "exit status 11; its last words:\n    out of memory"},
		{"hanging", `exec sleep 60`, nil, "longer than 200ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blender := fakeBlender(t, tt.script)
			if tt.name == "hanging" {
				blender.timeout = 200 * time.Millisecond
			}
			got, err := blender.Eval(t.Context(), Request{BlendFile: "/a.blend"})
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestCheckForBlender has what is refused before Blender is started, and what is not.
func TestCheckForBlender(t *testing.T) {
	for expr, reason := range map[string]string{
		`__import__('os').system('id')`:      "__import__ has two underscores",
		`().__class__.__base__`:              "__class__ has two underscores",
		`open('/etc/passwd').read()`:         "open is not for settings",
		`[open][0]('x')`:                     "open is not for settings",
		`f'{open("x")}'`:                     "open is not for settings",
		`f'{1:{eval("1")}}'`:                 "eval is not for settings",
		`f'{f"{exec(1)}"}'`:                  "exec is not for settings",
		`f'{(1, getattr(C, "x"))}'`:          "getattr is not for settings",
		`ｏｐｅｎ('x')`:                          "letters beyond ASCII",
		`Path('/tmp/x').write_text('x')`:     "write_text is not for settings",
		`bpy.ops.wm.quit_blender()`:          "ops is not for settings",
		`bpy.data.texts[0].as_module()`:      "texts is not for settings",
		`type(1)`:                            "it calls type",
		`help()`:                             "it calls help",
		`(lambda f: f(1))(compile)`:          "it calls f",
		"1 # comment\ropen('x')":             "cannot be checked",
		`'`:                                  "cannot be checked",
		`f'{1!a}'`:                           "cannot be checked",
		`C.scene.cycles.samples`:             "",
		`'open eval __import__' + "exec(1)"`: "",
		`[s.name for s in bpy.data.scenes if (s.frame_end > 3)]`:                  "",
		`sorted(x.name for x in C.scene.objects)[0].replace('a', 'b')`:            "",
		`f'{C.scene.name!r:>{len(jobname)}} {(1)}' if not (1) else {'a': 1}['a']`: "",
	} {
		err := CheckForBlender(expr)
		if reason == "" && err != nil || reason != "" && (err == nil || !strings.Contains(err.Error(), reason)) {
			t.Errorf("%s: %v, want %q", expr, err, reason)
		}
	}
	started := filepath.Join(t.TempDir(), "started")
	blender := fakeBlender(t, "touch "+started)
	var refused *RefusedError
	_, err := blender.Eval(t.Context(), Request{Expressions: map[string]string{"fine": "1", "evil": "open('x')"}})
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "setting evil") {
		t.Errorf("a refused expression gives %v", err)
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("Blender was started for a refused expression")
	}
}

func TestBlenderWaitsForItsTurn(t *testing.T) {
	blender := fakeBlender(t, "exit 0")
	for range cap(blender.slots) {
		blender.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := blender.Eval(ctx, Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
