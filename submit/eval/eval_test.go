package eval

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
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
			Scene:     "Shot",
			Attributes: map[string]any{
				"frame_start": 1, "frame_end": 48, "frame_step": 2, "frame_current": 7, "render.fps": 24, "render.fps_base": 1.0010000467300415,
				"render.resolution_x": 1998, "render.resolution_y": 1080, "render.resolution_percentage": 50, "render.engine": "CYCLES",
				"render.image_settings.file_format": "OPEN_EXR", "render.file_extension": ".exr", "render.filepath": "//../renders/####",
				"render.image_settings.use_preview": true, "camera.name": "Cam B", "render.use_border": true, "camera.type": "CAMERA", "view_layers": nil,
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
		{`bpy.path.abspath(C.scene.render.filepath)`, "/proj/sq020/sh010/../renders/####"},
		{`abspath(C.scene.render.filepath)`, "/proj/sq020/renders/####"},
		{`abspath('C:/a/../b')`, "C:/b"},
		{`last_n_dir_parts(0)`, "."},
		{`last_n_dir_parts(1)`, "sh010"},
		{`last_n_dir_parts(200)`, "proj/sq020/sh010"},
		{`last_n_dir_parts(2, '//../tex/wood.png')`, "sq020/tex"},
		{`last_n_dir_parts(1, Path('/a/b/c.png'))`, "b"},
		{`C.scene.camera.name if C.scene.camera else 'none'`, "Cam B"},
		{`C.scene.camera.type + C.scene.camera.name`, "CAMERACam B"},
		{`C.scene.view_layers is None`, true},
		{`C.scene.render.use_border`, true},
		{`int(C.scene.render.resolution_x * C.scene.render.resolution_percentage / 100)`, int64(999)},
		{`settings.scale * 2`, 1.0},
		{`'gpu' if settings.fast and C.scene.render.engine == 'CYCLES' else 'cpu'`, "gpu"},
		{`f"{jobname.replace(' ', '_')}|{f'{C.scene.render.fps:03d}'}"`, "sq020_sh010|024"},
		{`f'{settings.frames.replace('-', '')}'`, "148"}, // the same quotes inside, as from Python 3.12 on
		{`C.scene.frame_end - C.scene.frame_start + 1 // C.scene.frame_step`, int64(47)},
		{"\n  jobname  \n", "sq020 sh010"},
	} {
		got, err := New(shot()).Eval(tt.expr)
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
		{`frobnicate(1)`, true, "frobnicate is not known"},
		{`__import__('os').getcwd()`, true, "__import__ is not known"},
		{`Path.home()`, true, "function.home is not known"},
		{`Path('/a').exists()`, true, "Path.exists is not known"},
		{`abspath('sub/../x')`, true, "abspath of the relative path"},
		{`str(C.scene)`, true, "C.scene as text"},
		{`C.scene`, true, "C.scene as a value"},
		{`C.scene.get('name')`, true, "C.scene.get is not known"},
		{`(x := 3)`, true, "what begins with :"},
		{`[x for x in 'a']`, true, "what begins with for"},
		{`{'a': 1}`, true, "what begins with :"},
		{`lambda: 1`, true, "what begins with lambda"},
		{`f(*[1])`, true, "what begins with *"},
		{`1 | 2`, true, "what begins with |"},
		{`'%d' % 1`, true, "a text % a value"},
		{`'{}'.format(1)`, true, "str.format"},
		{`f'{1=}'`, true, "an f-string with ="},
		{`'abc'[::-1]`, true, "an item or slice"},
		{`b'abc'`, true, "a string with the prefix b"},
		{`1j`, true, "a number"},
		{`1000000 * 100000000000000`, true, "beyond 64 bits"},
		{`9007199254740993 / 2`, true, "beyond 64 bits"},
		{`2.0 ** 0.5`, true, "what begins with **"},
		{`7.5 // 2`, true, "// of floats"},
		{`1e300 * 1e300`, true, "beyond all floats"},
		{`'ab' * 3`, true, "a text * a value"},
		{`[1] == [1]`, true, "whether list is equal"},
		{`{1, 2}`, true, "a set as a value"},
		{`{(1, 2)}`, true, "a tuple in a set"},
		{`f'{1!r}'`, true, "such a format"},
		{`f'{1:{2}}'`, true, "such a format"},
		{`f'{1:>5}'`, true, `the format ">5"`},
		{`round(2.5, ndigits=1)`, true, "what begins with ="},
		{`0x1f`, true, "a number with letters"},
		{`bpy.data.scenes['nope']`, true, "an item or slice"},
		{`bpy.path.ensure_ext('a', '.png')`, true, "bpy.path.ensure_ext is not known"},
		{`'Σ'.lower()`, true, "the letter case"},
		{`'straße'.upper()`, true, "the letter case"},
		{`int('٣')`, true, "int("},
		{`'\N{BULLET}'`, true, "such an escape"},
		{`'a'.encode()`, true, "str.encode"},
		{`C.scene.camera == C.scene`, true, "whether C.scene.camera is equal"},
		{`'x'.join({'a', 'b'})`, true, "str.join is not known"},
		{`C.scene.render.`, false, "at character 16: the expression ends too early"},
		{`1 )`, false, `at character 3: unexpected ")"`},
		{`f'{C.scene.}'`, false, `unexpected "}"`},
		{`f'{}'`, false, `unexpected "}"`},
		{`settings.nothing`, false, "AttributeError: the job type has no setting 'nothing'"},
		{`1 / 0`, false, "ZeroDivisionError: division by zero"},
		{`'a' + 1`, false, "TypeError: unsupported operand type(s) for +: 'str' and 'int'"},
		{`'abc'[3]`, true, "an item or slice"},
		{`[1, 2]`, true, "a list as a value"},
		{`1, 2`, true, "a tuple without brackets"},
		{`max(1, 2)`, true, "max is not known"},
		{`None.x`, false, "AttributeError"},
		{`str`, false, "a function"},
		{"jobname\njobname", false, "the line ends before"},
	} {
		got, err := New(shot()).Eval(tt.expr)
		if err == nil {
			t.Errorf("%s gives %v, want an error", tt.expr, got)
			continue
		}
		if errors.Is(err, ErrNeedsBlender) != tt.blender || !strings.Contains(err.Error(), tt.message) {
			t.Errorf("%s gives %q (for Blender: %v), want %q (for Blender: %v)", tt.expr, err, errors.Is(err, ErrNeedsBlender), tt.message, tt.blender)
		}
	}
}

// TestLimits has expressions that would take gigabytes, minutes, or the stack.
func TestLimits(t *testing.T) {
	for _, expr := range []string{
		`f'{1:999}'.replace('', f'{1:999}').replace('', f'{1:999}')`,
		`'ab'.replace('', f'{1:999}' + f'{1:999}').replace('1', f'{1:999}').replace(' ', f'{1:999}')`,
		`f'{1:999}'` + strings.Repeat(` + f'{1:999}'`, 700) + ` + f'{1:999}'.replace('', f'{1:999}').replace('', 'abcd')`,
		strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000),
		strings.Repeat("[", 5000),
		strings.Repeat("-", 5000) + "1",
		strings.Repeat("not ", 3000) + "1",
		strings.Repeat("1 if 1 else ", 1300) + "1",
		strings.Repeat("f'{", 3000),
		strings.Repeat(`f"{f'{`, 100) + "1" + strings.Repeat(`}'}"`, 100),
		strings.Repeat("1 + ", 10000) + "1",
		"C" + strings.Repeat(".scene", 2000),
		"'a'" + strings.Repeat(".upper()", 2000),
		"f'" + strings.Repeat("{1:", 3000),
		strings.Repeat(" ", 1<<20),
	} {
		start := time.Now()
		got, err := New(shot()).Eval(expr)
		if err == nil {
			t.Errorf("%.60s gives %.60v, want an error", expr, got)
		}
		if took := time.Since(start); took > 5*time.Second { // a bound on hanging, not on speed
			t.Errorf("%.60s took %v", expr, took)
		}
	}
}

// TestLimitsAreForAllExpressions shows that the budget is spent once, however many expressions there are.
func TestLimitsAreForAllExpressions(t *testing.T) {
	for name, expr := range map[string]string{"memory": `f'{1:999}'.replace('', f'{1:999}') == ''`, "steps": "2 in (" + strings.Repeat("1,", 4000) + ")"} {
		e := New(shot())
		evaluated := 0
		var err error
		for ; err == nil && evaluated < 1000; evaluated++ {
			_, err = e.Eval(expr)
		}
		if !errors.Is(err, ErrLimit) || evaluated < 3 || evaluated > 100 {
			t.Errorf("%s: after %d expressions: %v", name, evaluated, err)
		}
	}
}

// TestJobTypeExpressions has what Flamenco's job types and public ones ask for; all of it evaluates without
// Blender.
func TestJobTypeExpressions(t *testing.T) {
	data, err := os.ReadFile("testdata/jobtypes.json")
	if err != nil {
		t.Fatal(err)
	}
	var listed []struct {
		Expr string
		Want any
	}
	if err := json.Unmarshal(data, &listed); err != nil {
		t.Fatal(err)
	}
	for _, l := range listed {
		got, err := New(listedShot()).Eval(l.Expr)
		if i, ok := got.(int64); ok {
			got = float64(i) // as JSON has it
		}
		if err != nil || got != l.Want {
			t.Errorf("%s\n    gives %#v, %v\n    want  %#v", l.Expr, got, err, l.Want)
		}
	}
}

func listedShot() *Env {
	env := shot()
	env.Facts.ViewLayer = "Layer"
	env.Facts.Custom = map[string]any{"pass": int64(3)}
	maps.Copy(env.Facts.Attributes, map[string]any{
		"render.use_border": true, "render.film_transparent": false, "render.ffmpeg.format": "MKV",
		"cycles.samples": int64(64), "cycles.device": "GPU", "cycles.use_denoising": true, "cycles.seed": int64(7),
		"eevee.taa_render_samples": int64(16), "view_settings.view_transform": "Filmic",
		"use_preview_range": true, "frame_preview_start": int64(10),
	})
	settings := map[string]any{"render_output_root": "/render", "add_path_components": 1, "stable_directory": false,
		"playblast_output_root": "//blasts", "render_output_path": "/render/x/../y"}
	env.Setting = func(name string) (any, bool, error) { v, ok := settings[name]; return v, ok, nil }
	return env
}

func TestWindowsPaths(t *testing.T) {
	settings := map[string]any{"root": `\\server\share\out`, "deep": int64(9), "drive": `X:\renders\..\out`, "variable": "{storage}/renders"}
	env := &Env{JobName: "shot 1", Facts: Facts{BlendFile: "C:/proj/sq/sh.blend", Windows: true},
		Setting: func(name string) (any, bool, error) { v, ok := settings[name]; return v, ok, nil }}
	for _, tt := range []struct{ expr, want string }{
		{`str(Path(abspath(settings.root), last_n_dir_parts(1), jobname, '{timestamp}', '######'))`, `\\server\share\out\sq\shot 1\{timestamp}\######`},
		{`str(Path(abspath(settings.root)))`, `\\server\share\out`},
		{`str(Path('//server/share'))`, `\\server\share\`},
		{`str(Path(abspath(settings.drive), last_n_dir_parts(settings.deep)))`, `X:\out\proj\sq`},
		{`str(Path(abspath(settings.variable), jobname))`, `{storage}\renders\shot 1`},
		{`str(abspath('//..\\out'))`, `C:\proj\out`},
		{`bpy.data.filepath`, `C:\proj\sq\sh.blend`},
		{`bpy.path.basename('//out\\shot_')`, `shot_`},
		{`Path('//..\\out\\shot_').name`, `shot_`},
		{`str(Path('C:/a') / 'D:b')`, `D:b`},
		{`str(Path('C:/a') / '/b')`, `C:\b`},
		{`str(Path('C:/a') / 'C:b')`, `C:\a\b`},
		{`str(last_n_dir_parts(2, 'C:/a/b/c.png'))`, `a\b`},
		{`str(last_n_dir_parts(3, 'C:/a/b/c.png'))`, `a\b`},
		{`str(last_n_dir_parts(9, Path('//server/share/b/c.png')))`, `b`},
		{`Path('C:/a/b').as_posix()`, `C:/a/b`},
	} {
		got, err := New(env).Eval(tt.expr)
		if err != nil || got != tt.want {
			t.Errorf("%s gives %q, %v, want %q", tt.expr, got, err, tt.want)
		}
	}
	for _, expr := range []string{`abspath('out')`, `abspath('\\out')`, `abspath('C:out')`, `abspath('~/out')`, `Path('c:/a') == Path('C:/A')`} {
		if got, err := New(env).Eval(expr); !errors.Is(err, ErrNeedsBlender) {
			t.Errorf("%s gives %q, %v", expr, got, err)
		}
	}
}

func FuzzEval(f *testing.F) {
	for _, seed := range []string{
		`f'{C.scene.frame_start}-{C.scene.frame_end:04d}'`,
		`str(Path(abspath(settings.render_output_root), last_n_dir_parts(2), jobname, '######'))`,
		`C.scene.render.fps / C.scene.render.fps_base if 1 < 2 < 3 else [x for x in range(3)][::-1]`,
		`'a\u00fc'.replace('a', 'b')[1:] + f"{'a'!r:^5}" if 1 in {1, 'b'} else (None, -2 ** 3)`,
		`Path('/a/b.c').with_suffix('.d') / 'x' is not None and max(1.5, 2) // 1 % 3`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		e := New(shot())
		e.bytes = 1 << 20
		_ = CheckForBlender(expr) // must not panic
		if _, err := e.Eval(expr); err != nil && err.Error() == "" {
			t.Error("an error without a message")
		}
	})
}

func BenchmarkEval(b *testing.B) {
	env := shot()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(env).Eval(`f'{C.scene.frame_start}-{C.scene.frame_end}'`); err != nil {
			b.Fatal(err)
		}
	}
}
