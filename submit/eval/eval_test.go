package eval

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shot is a scene with values that are easily mixed up.
func shot() *Env {
	settings := map[string]any{"render_output_root": "//out", "add_path_components": 2, "frames": "1-48", "scale": 0.5, "fast": true}
	return &Env{
		JobName: "sq020 sh010",
		Facts: Facts{
			BlendFile: "/proj/sq020/sh010/sh010_v003.blend",
			WorkDir:   "/home/ann",
			Scene:     "Shot",
			Scenes: []Scene{
				{Name: "Other", FrameStart: 5, ViewLayers: []string{"ViewLayer", "Fög"}},
				{
					Name: "Shot", FrameStart: 1, FrameEnd: 48, FrameStep: 2, FrameCurrent: 7, FPS: 24, FPSBase: 1.0010000467300415,
					ResolutionX: 1998, ResolutionY: 1080, ResolutionPercent: 50, Engine: "CYCLES",
					FileFormat: "OPEN_EXR", FileExtension: ".exr", FilePath: "//../renders/####", UsePreview: true,
					Camera: "Cam B", ViewLayers: []string{"ViewLayer", "Fög"},
					More: map[string]any{"render.use_border": true, "camera.type": "CAMERA", "view_layers": nil},
				},
			},
		},
		Setting: func(name string) (any, bool, error) { v, ok := settings[name]; return v, ok, nil },
	}
}

func TestEvalOverScene(t *testing.T) {
	for _, tt := range []struct {
		expr string
		want any
	}{
		{`f'{C.scene.frame_start}-{C.scene.frame_end}'`, "1-48"},
		{`str(Path(abspath(settings.render_output_root), last_n_dir_parts(settings.add_path_components), jobname, '{timestamp}', '######'))`,
			"/proj/sq020/sh010/out/sq020/sh010/sq020 sh010/{timestamp}/######"},
		{`C.scene.render.fps / C.scene.render.fps_base`, 24 / 1.0010000467300415},
		{`C.scene.render.image_settings.file_format`, "OPEN_EXR"},
		{`C.scene.render.file_extension`, ".exr"},
		{`C.scene.render.image_settings.use_preview`, true},
		{`C.scene.name`, "Shot"},
		{`bpy.context.scene.frame_step`, int64(2)},
		{`bpy.data.filepath`, "/proj/sq020/sh010/sh010_v003.blend"},
		{`C.blend_data.filepath == bpy.data.filepath`, true},
		{`bpy.path.basename(bpy.data.filepath)`, "sh010_v003.blend"},
		{`bpy.path.display_name(bpy.data.filepath)`, "Sh010 V003"},
		{`bpy.path.display_name_from_filepath(bpy.data.filepath).split('_')[-1]`, "v003"},
		{`int(Path(bpy.data.filepath).stem.rpartition('_v')[2])`, int64(3)},
		{`bpy.path.abspath(C.scene.render.filepath)`, "/proj/sq020/sh010/../renders/####"},
		{`abspath(C.scene.render.filepath)`, "/proj/sq020/renders/####"},
		{`bpy.path.relpath('/proj/tex/a.png')`, "//../../tex/a.png"},
		{`bpy.path.relpath('/proj/tex/a.png', start='/proj')`, "//tex/a.png"},
		{`bpy.path.ensure_ext('a', '.PNG') + bpy.path.ensure_ext('b.png', '.PNG')`, "a.PNGb.png"},
		{`bpy.path.clean_name('a b/ü-1_日')`, "a_b__-1_日"},
		{`bpy.path.is_subdir('/a/b/c', '/a/b')`, true},
		{`abspath('sub/../x')`, "/home/ann/x"},
		{`abspath('C:/a/../b')`, "C:/b"},
		{`last_n_dir_parts(0)`, "."},
		{`last_n_dir_parts(1)`, "sh010"},
		{`last_n_dir_parts(200)`, "proj/sq020/sh010"},
		{`last_n_dir_parts(2, '//../tex/wood.png')`, "sq020/tex"},
		{`last_n_dir_parts(2, file='/path/to/some/file.blend')`, "to/some"},
		{`last_n_dir_parts(1, Path('/a/b/c.png'))`, "b"},
		{`C.scene.camera.name if C.scene.camera else 'none'`, "Cam B"},
		{`bpy.data.scenes['Other'].camera is None`, true},
		{`[s.name for s in bpy.data.scenes]`, []any{"Other", "Shot"}},
		{`C.scene.camera.type + C.scene.camera.name`, "CAMERACam B"},
		{`C.scene.view_layers is None`, true}, // what More says wins
		{`', '.join(v.name for v in bpy.data.scenes['Other'].view_layers)`, "ViewLayer, Fög"},
		{`len(bpy.data.scenes), 'Shot' in bpy.data.scenes, bpy.data.scenes[-1].name, bpy.data.scenes.keys()`,
			[]any{int64(2), true, "Shot", []any{"Other", "Shot"}}},
		{`C.scene.render.use_border`, true},
		{`int(C.scene.render.resolution_x * C.scene.render.resolution_percentage / 100)`, int64(999)},
		{`settings.scale * 2`, 1.0},
		{`'gpu' if settings.fast and C.scene.render.engine == 'CYCLES' else 'cpu'`, "gpu"},
		{`f"{jobname.split(' ')[0]:>6}|{f'{C.scene.render.fps:0{1+2}d}'}"`, " sq020|024"},
		{`f'{settings.frames.split('-')[0]}'`, "1"}, // the same quotes inside, as from Python 3.12 on
		{`C.scene.frame_end - C.scene.frame_start + 1 // C.scene.frame_step`, int64(47)},
		{"\n  jobname  \n", "sq020 sh010"},
	} {
		got, err := New(shot()).Eval(t.Context(), tt.expr)
		if err != nil {
			t.Errorf("%s: %v", tt.expr, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.expr, diff)
		}
	}
}

func TestEvalErrors(t *testing.T) {
	for _, tt := range []struct {
		expr    string
		blender bool // another try inside Blender makes sense
		message string
	}{
		{`C.scene.cycles.samples`, true, "C.scene.cycles is not known without Blender"},
		{`bpy.context.preferences.filepaths`, true, "bpy.context.preferences is not known"},
		{`bpy.app.version`, true, "bpy.app is not known"},
		{`frobnicate(1)`, true, "frobnicate is not known"},
		{`__import__('os').getcwd()`, true, "__import__ is not known"},
		{`open('/etc/passwd')`, true, "open is not known"},
		{`print(1)`, true, "print is not known"},
		{`Path.home()`, true, "Path.home is not known"},
		{`Path('/a').exists()`, true, "Path.exists is not known"},
		{`str(C.scene)`, true, "C.scene as text"},
		{`C.scene`, true, "C.scene as a value"},
		{`(x := 3)`, true, "an assignment"},
		{`b'abc'`, true, "a bytes literal"},
		{`1j`, true, "a complex number"},
		{`'\N{BULLET}'`, true, "a character by its name"},
		{`'a'.encode()`, true, "str.encode"},
		{`C.scene.render.`, false, "at character 16: the expression ends too early"},
		{`1 +* 2`, false, `at character 4: unexpected "*"`},
		{`f'{C.scene.}'`, false, "at character 12: the expression ends too early"},
		{`settings.nothing`, false, "AttributeError: the job type has no setting 'nothing'"},
		{`1 / 0`, false, "ZeroDivisionError: division by zero"},
		{`'a' + 1`, false, "TypeError: unsupported operand type(s) for +: 'str' and 'int'"},
		{`bpy.data.scenes['nope']`, false, "KeyError"},
		{`2 ** 70`, false, "OverflowError"},
		{`len`, false, "a function"},
		{"jobname\njobname", false, "the line ends before"},
	} {
		got, err := New(shot()).Eval(t.Context(), tt.expr)
		if err == nil {
			t.Errorf("%s gives %v, want an error", tt.expr, got)
			continue
		}
		if errors.Is(err, ErrNeedsBlender) != tt.blender || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%s gives %q (for Blender: %v), want %q (for Blender: %v)", tt.expr, err, errors.Is(err, ErrNeedsBlender), tt.message, tt.blender)
		}
	}
}

// TestLimits: each of these would take gigabytes, or minutes, or the stack.
func TestLimits(t *testing.T) {
	for _, expr := range []string{
		`'x' * 10**9`,
		`10**9 * 'x'`,
		`[0] * 10**9`,
		`(0,) * 10**12`,
		`10**10**10`,
		`2**10**6`,
		`1 << 10**9`,
		`(10**4000) * (10**4000)`,
		`int('9' * 10**6)`,
		`[x for x in range(10**9)]`,
		`sum(range(10**9))`,
		`list(range(10**12))`,
		`sorted(range(10**9))`,
		`max(range(10**9))`,
		`set(range(10**9))`,
		`dict(zip(range(10**9), range(10**9)))`,
		`[].extend(range(10**9))`,
		`set().union(range(10**9))`,
		`{}.update(zip(range(10**8), range(10**8)))`,
		`[[y for y in range(3000)] for x in range(3000)]`,
		`len([x for x in range(700) for y in range(700) for z in range(700)])`,
		`['x' * 100000 for x in range(100000)]`,
		`'{:1000000000}'.format(1)`,
		`'{:.1000000000f}'.format(1.0)`,
		`f'{1:999999999}'`,
		`'%1000000000d' % 1`,
		`'%.*f' % (10**9, 1.0)`,
		`'a'.ljust(10**9)`,
		`'a'.center(10**9)`,
		`'a'.zfill(10**9)`,
		`('\t' * 10**5).expandtabs(10**5)`,
		`('a' * 10**5).replace('a', 'b' * 10**5)`,
		`('ab' * 10**5).join('c' * 10**5)`,
		`(lambda f: f(f))(lambda f: f(f))`,
		`(lambda s: [s := s + s for i in range(100)])('x')`,
		`(lambda l: [l.append(l), str(l)])([])`,
		`(lambda l: [l.extend(l) for i in range(64)])([1])`,
		`(lambda l: [l.append(l), l == l.copy()])([])`,
		`[l.append(1) for l in [[1]] for x in range(10**9)]`,
		`list(map(lambda x: 'x' * 10**6, range(1000)))`,
		`sorted(range(100000), key=lambda x: [y for y in range(1000)])`,
		`(lambda l: [0 for x in range(100000) if l == l.copy()])(list(range(60000)))`,
		`(lambda s: [{s: 1} for x in range(100000)])('x' * 10**6)`,
		`(lambda s: {s: x for x in range(100000)})('x' * 10**6)`,
		`(lambda s: [s in {} for x in range(100000)])('x' * 10**6)`,
		`(lambda s, t: [s < t for x in range(100000)])('x' * 10**6, 'x' * 10**6)`,
		`(lambda t: {t: 1})(` + strings.Repeat("(lambda t: (t, t))(", 30) + "1" + strings.Repeat(")", 30) + `)`,
		`(lambda t, u: t == u)(` + strings.Repeat("(lambda t: [t, t])(", 30) + "1" + strings.Repeat(")", 30) + `, ` + strings.Repeat("(lambda t: [t, t])(", 30) + "1" + strings.Repeat(")", 30) + `)`,
		`(lambda t: str(t))(` + strings.Repeat("(lambda t: [t, t])(", 30) + "1" + strings.Repeat(")", 30) + `)`,
		`(lambda t: t)(` + strings.Repeat("(lambda t: [t, t])(", 30) + "1" + strings.Repeat(")", 30) + `)`,
		`(lambda n: [n * n for x in range(100000)])(10 ** 2000)`,
		strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		strings.Repeat("[", 5000),
		strings.Repeat("-", 5000) + "1",
		strings.Repeat("not ", 3000) + "1",
		strings.Repeat("lambda: ", 2000) + "1",
		strings.Repeat("1 < ", 3000) + "1",
		strings.Repeat("1 if 1 else ", 1300) + "1",
		strings.Repeat("2 ** ", 3000) + "1",
		strings.Repeat("f'{", 3000),
		strings.Repeat(`f"{f'{`, 100) + "1" + strings.Repeat(`}'}"`, 100),
		strings.Repeat("1 + ", 10000) + "1",
		strings.Repeat("{1: ", 3000),
		"f'" + strings.Repeat("{1:", 3000),
	} {
		start := time.Now()
		env := shot()
		env.Limits = Limits{Steps: 100_000, Bytes: 2 << 20, Source: 16 << 10} // lower than usual, to be quick
		got, err := New(env).Eval(t.Context(), expr)
		if err == nil {
			t.Errorf("%.60s gives %.60v, want an error", expr, got)
		}
		if took := time.Since(start); took > 5*time.Second { // a bound on hanging, not on speed
			t.Errorf("%.60s took %v", expr, took)
		}
	}
}

func TestContextEndsEvaluation(t *testing.T) {
	env := shot()
	env.Limits = Limits{Steps: 1 << 62, Bytes: 1 << 40, Source: 1 << 20}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := New(env).Eval(ctx, `[0 for a in range(10**6) for b in range(10**6) if False]`)
	if !errors.Is(err, ErrLimit) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrLimit and context.DeadlineExceeded", err)
	}
}

func FuzzEval(f *testing.F) {
	for _, seed := range []string{
		`f'{C.scene.frame_start}-{C.scene.frame_end:04d}'`,
		`str(Path(abspath(settings.render_output_root), last_n_dir_parts(2), jobname, '######'))`,
		`C.scene.render.fps / C.scene.render.fps_base if 1 < 2 < 3 else [x for x in range(3)][::-1]`,
		`'%05.1f %s' % (1.5, 'ü') + '{:>{w}}'.format('a', w=4) + f"{'a'!r:^5}"`,
		`{**{'a': 1}, 'b': (lambda x, *y: x ** -2)(3)} == {'a'}`,
		`sorted('ba', key=lambda c: -ord(c)) + list(map(int, '12'))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		env := shot()
		env.Limits = Limits{Steps: 20_000, Bytes: 1 << 20, Source: 1 << 12}
		if _, err := New(env).Eval(t.Context(), expr); err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}

func BenchmarkEval(b *testing.B) {
	env := shot()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(env).Eval(b.Context(), `f'{C.scene.frame_start}-{C.scene.frame_end}'`); err != nil {
			b.Fatal(err)
		}
	}
}
