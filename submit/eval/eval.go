package eval

import (
	"errors"
	"fmt"
)

// Limits bound what all expressions of one Evaluator may take together.
type Limits struct {
	// Steps is the highest number of parsed and evaluated operations. All expressions of a known job type
	// together take under 1,000.
	Steps int
	// Bytes is the highest sum of the sizes of all expressions and of all values made on the way.
	Bytes int
	// Source is the highest length of one expression in bytes.
	Source int
}

// DefaultLimits returns limits that no job type of the field reaches, and that end a hostile one within a
// second.
func DefaultLimits() Limits {
	return Limits{Steps: 200_000, Bytes: 4 << 20, Source: 16 << 10}
}

// Env is what an expression can see.
type Env struct {
	// Facts of the blend file and its scenes.
	Facts Facts
	// JobName is the value of jobname.
	JobName string
	// Setting returns the value of settings.NAME: nil, bool, int, int64, float64 or string, and whether the
	// job type has such a setting. Eval returns its error as it is. It may call the same Evaluator. Nil:
	// there are no settings.
	Setting func(name string) (value any, ok bool, err error)
	// Limits, when zero, are DefaultLimits.
	Limits Limits
}

// ErrNeedsBlender says that an expression uses what only Blender knows: a name, an attribute or a construct
// outside of what this package evaluates.
var ErrNeedsBlender = errors.New("only Blender can evaluate it")

// ErrLimit says that the expressions went over the Limits.
var ErrLimit = errors.New("the expressions take too much")

// UnknownError names what an expression uses and this package does not know. It is ErrNeedsBlender.
type UnknownError struct {
	Name string // as in the expression, for example C.scene.render.use_border
}

func (e *UnknownError) Error() string   { return e.Name + " is not known without Blender" }
func (e *UnknownError) Is(t error) bool { return t == ErrNeedsBlender }

// SyntaxError says where an expression cannot be read. It is ErrNeedsBlender when Python may accept it.
type SyntaxError struct {
	Offset      int // in bytes from the start of the expression
	Message     string
	Unsupported bool // Python has it, this package does not
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at character %d: %s", e.Offset+1, e.Message)
}
func (e *SyntaxError) Is(t error) bool { return e.Unsupported && t == ErrNeedsBlender }

// Exception is an error that Python raises for the same expression.
type Exception struct {
	Type    string // ZeroDivisionError, TypeError …
	Message string
}

func (e *Exception) Error() string { return e.Type + ": " + e.Message }

// failure carries an error from the depth of an expression up to Eval.
type failure struct{ err error }

func raise(typ, format string, args ...any) failure {
	return failure{&Exception{Type: typ, Message: fmt.Sprintf(format, args...)}}
}

func unknown(format string, args ...any) failure {
	return failure{&UnknownError{Name: fmt.Sprintf(format, args...)}}
}

func invalid(at int, format string, args ...any) failure {
	return failure{&SyntaxError{Offset: at, Message: fmt.Sprintf(format, args...)}}
}

func unsupported(at int, what string) failure {
	return failure{&SyntaxError{Offset: at, Message: what + " cannot be evaluated without Blender", Unsupported: true}}
}

func overLimit(what string) failure { return failure{fmt.Errorf("%w %s", ErrLimit, what)} }

// rescue stores a failure in err.
func rescue(err *error) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = r.err
	default:
		panic(r)
	}
}

// Evaluator evaluates expressions over one Env, which must not change. It is for one goroutine.
type Evaluator struct {
	env   *Env
	names map[string]any // what an expression begins with
	facts map[string]any // attributes by their full name, as C.scene.name
	left  Limits
}

// New returns an Evaluator with a budget for all expressions of one job.
func New(env *Env) *Evaluator {
	e := &Evaluator{env: env, names: map[string]any{}, facts: map[string]any{}, left: env.Limits}
	if e.left == (Limits{}) {
		e.left = DefaultLimits()
	}
	e.addBuiltins()
	e.addScene()
	return e
}

// Eval evaluates a Python expression and returns nil, bool, int64, float64 or string. A Path comes
// back as its string. Errors are *SyntaxError, *UnknownError, *Exception, ErrLimit, or
// what Env.Setting returned.
func (e *Evaluator) Eval(expr string) (v any, err error) {
	defer rescue(&err)
	return export(e.value(expr)), nil
}

func (e *Evaluator) value(expr string) any {
	if len(expr) > e.left.Source {
		panic(overLimit(fmt.Sprintf("room: %d bytes of text, %d are allowed", len(expr), e.left.Source)))
	}
	e.room(len(expr))
	return parse(expr, e)(e)
}

// room takes n bytes for a new value from the budget.
func (e *Evaluator) room(n int) {
	if n < 0 || n > e.left.Bytes {
		panic(overLimit("memory"))
	}
	e.left.Bytes -= n
}

// step takes one operation from the budget.
func (e *Evaluator) step() {
	if e.left.Steps--; e.left.Steps < 0 {
		panic(overLimit("steps"))
	}
}

// export turns a value into a plain one.
func export(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case pyPath:
		return v.String()
	case *object:
		panic(unknown("%s as a value", v.path))
	case *function:
		panic(raise("TypeError", "the result is a function, not a value"))
	}
	panic(unknown("a %s as a value", typeName(v)))
}
