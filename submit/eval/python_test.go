package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/lab/long"
)

// TestAsPython compares with what Python says of the same expressions; see
// testdata/expressions.py.
func TestAsPython(t *testing.T) {
	data, err := os.ReadFile("testdata/expressions.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Expr, Repr, Raises string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	beyond := 0
	for _, v := range vectors {
		got, err := value(v.Expr)
		if errors.Is(err, ErrNeedsBlender) {
			t.Logf("BLENDER %s: %v", v.Expr, err)
			beyond++
			continue
		}
		if v.Raises == "" {
			if err != nil {
				t.Errorf("%s\n    gives %v\n    want  %s", v.Expr, err, v.Repr)
			} else if got != v.Repr {
				t.Errorf("%s\n    gives %s\n    want  %s", v.Expr, got, v.Repr)
			}
			continue
		}
		raised := "nothing"
		var exception *Exception
		var syntax *SyntaxError
		switch {
		case errors.As(err, &syntax):
			raised = "SyntaxError"
		case errors.As(err, &exception):
			raised = exception.Type
		case err != nil:
			raised = err.Error()
		}
		if raised != v.Raises {
			t.Errorf("%s\n    raises %s (%v, %s)\n    want   %s", v.Expr, raised, err, got, v.Raises)
		}
	}
}

// namesOf has the names that expressions.py has.
func evaluator() *Evaluator {
	e := New(&Env{JobName: "sq020 sh010"})
	e.facts["name"], e.facts["fps"], e.facts["fps_base"], e.facts["n"] = "Größe_日本語", int64(24), 1.0010000467300415, int64(7)
	return e
}

// reprOf is Python's repr of a value, for a test alone.
func reprOf(v any) string {
	wrap := func(open, end string, elements []any) string {
		texts := make([]string, len(elements))
		for i, element := range elements {
			texts[i] = reprOf(element)
		}
		return open + strings.Join(texts, ", ") + end
	}
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "'") {
			return `"` + v + `"`
		}
		return "'" + strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(v) + "'"
	case pyPath:
		return "PosixPath('" + v.String() + "')"
	case *sequence:
		switch {
		case v.kind == "list":
			return wrap("[", "]", v.items)
		case v.kind == "set":
			return wrap("{", "}", v.items)
		case len(v.items) == 1:
			return wrap("(", ",)", v.items)
		}
		return wrap("(", ")", v.items)
	}
	return str(v)
}

func value(expr string) (repr string, err error) {
	defer rescue(&err)
	return reprOf(evaluator().value(expr)), nil
}

// TestAsPythonInCombination compares operators, formats and methods over many operands with the python3 of
// this machine.
func TestAsPythonInCombination(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	operands := strings.Fields(`0 1 -7 3 2**62 9007199254740993 0.0 -0.0 2.5 -7.5 1e300 0.1 24.0 True False None '' 'a' 'ab' 'ä' '-7' (1,2) [1,'a'] {1,2}`)
	if !long.Wanted() {
		operands = strings.Fields(`0 -7 2**62 2.5 1e300 True None 'a' '-7' (1,2) {1,2}`)
	}
	var exprs []string
	for _, x := range operands {
		for _, y := range operands {
			for _, op := range strings.Fields("+ - * / // % == != < <= > >= in and or") {
				exprs = append(exprs, x+" "+op+" "+y)
			}
			exprs = append(exprs, "max("+x+", "+y+")", "min("+x+", "+y+")", x+" if "+y+" else 0", x+" not in "+y, "round("+x+", "+y+")",
				"("+x+")["+y+"]", "("+x+")["+y+":]", "("+x+")[:"+y+"]")
		}
		for _, f := range strings.Fields("str int float bool len round abs not - +") {
			exprs = append(exprs, f+" ("+x+")")
		}
		for _, spec := range strings.Fields("d 04d 5 <5 ^6 >7 *^8 +d +.2f .0f .3f 08.2f , ,.2f _ e .1e F % .1% x X 04x 010,d s .1 .3s ä>4 -5 c g") {
			exprs = append(exprs, "f\"{"+x+":"+spec+"}\"", "f\"{"+x+": "+spec+"}\"")
		}
		exprs = append(exprs, "f\"{"+x+"!r}\"", "("+x+") ** 2", "2 ** ("+x+") if ("+x+") != 2**62 and ("+x+") != 9007199254740993 else 0")
	}
	for _, s := range []string{"''", "'a'", "' Äb aB  c '", "'aXbXc'", "'-07'", `'ÿ\n'`, "'a.b.tar.gz'"} {
		for _, call := range strings.Fields(`upper() lower() strip() lstrip() rstrip() strip('a') rstrip('cX') split() rsplit() split('X') split('X',1) rsplit('X',1)
			split('X',0) rsplit('X',0) partition('X') rpartition('X') find('X') rfind('X') index('b') rindex('b') count('') count('X') replace('X','--')
			replace('','.') replace('X','y',1) replace('','.',3) startswith('a') startswith(('b','a')) endswith('') removeprefix('a') removesuffix('c')
			zfill(5) ljust(5,'*') rjust(5) isdigit() join(['x','y']) join('x')`) {
			exprs = append(exprs, s+"."+call)
		}
	}
	for _, path := range []string{"", ".", "a", "/", "/a/b.c.d", "//x/y", "a/../b/.", ".hid", "a/.b.c"} {
		for _, rest := range strings.Fields(`.name .stem .suffix .parent .parts .root .anchor .drive .as_posix() .is_absolute() .with_name('x') .with_suffix('.y')
			.with_stem('z') .joinpath('/q','r') .relative_to('/a') /'x' /'/x' .parent.parent=='a'`) {
			exprs = append(exprs, "Path('"+path+"')"+rest)
		}
	}
	script := `import json,sys,pathlib
out=[]
for e in json.load(sys.stdin):
    try: out.append([repr(eval(e, {"Path": pathlib.PurePosixPath})), ""])
    except Exception as ex: out.append(["", type(ex).__name__])
json.dump(out, sys.stdout)`
	cmd := exec.CommandContext(t.Context(), python, "-W", "ignore", "-c", script)
	input, err := json.Marshal(exprs)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var wants [][2]string
	if err := json.Unmarshal(output, &wants); err != nil {
		t.Fatal(err)
	}
	same := 0
	for i, expr := range exprs {
		got, err := value(expr)
		var exception *Exception
		var syntax *SyntaxError
		switch {
		case errors.As(err, &syntax) && wants[i][1] == "SyntaxError":
			same++
		case errors.Is(err, ErrNeedsBlender), errors.Is(err, ErrLimit):
		case errors.As(err, &exception) && exception.Type == wants[i][1]:
			same++
		case err != nil || got != strings.ReplaceAll(wants[i][0], "PurePosixPath", "PosixPath"):
			t.Errorf("%s gives %s, %v; Python has %s %s", expr, got, err, wants[i][0], wants[i][1])
		default:
			same++
		}
	}
	t.Logf("%d of %d are as in Python, the others need Blender or too much", same, len(exprs))
}
