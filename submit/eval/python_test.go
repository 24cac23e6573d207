package eval

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"go.starlark.net/starlark"
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
	for _, v := range vectors {
		got, err := reprOf(t.Context(), v.Expr)
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

// reprOf evaluates with the names that expressions.py has.
func reprOf(ctx context.Context, expr string) (string, error) {
	m := &machine{ctx: ctx, env: &Env{JobName: "sq020 sh010"}, limits: DefaultLimits()}
	names := m.names()
	names["name"] = starlark.String("Größe_日本語")
	names["fps"] = starlark.MakeInt(24)
	names["fps_base"] = starlark.Float(1.0010000467300415)
	names["n"] = starlark.MakeInt(7)
	v, err := m.run(expr, names)
	if err != nil {
		return "", err
	}
	return m.repr(v)
}
