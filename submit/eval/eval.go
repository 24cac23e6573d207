package eval

import (
	"errors"
	"fmt"
)

// Limits of what all expressions of one Evaluator may take together. No job type of the field reaches them,
// and they end a hostile one within a second.
const (
	maxBytes  = 4 << 20  // of all expressions, their operations, and all values made on the way
	maxSource = 16 << 10 // bytes of one expression
)

// Env is what an expression can see.
type Env struct {
	// Facts of the blend file and its scenes.
	Facts Facts
	// JobName is the value of jobname.
	JobName string
	// Setting returns the value of settings.NAME: nil, bool, int, int64, float64 or string, and whether the
	// job type has such a setting. Eval returns its error as it is. It may call the same Evaluator.
	Setting func(name string) (value any, ok bool, err error)
}

// ErrNeedsBlender says that an expression uses a name, an attribute or a construct that only Blender knows.
var ErrNeedsBlender = errors.New("only Blender can evaluate it")

// ErrLimit says that the expressions of one Evaluator take too much memory or time.
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
	facts map[string]any // by their full name, as jobname or C.scene.name
	bytes int            // that are left of maxBytes
}

// New returns an Evaluator with a budget for all expressions of one job.
func New(env *Env) *Evaluator {
	e := &Evaluator{env: env, facts: map[string]any{}, bytes: maxBytes}
	e.addFunctions()
	e.addScene()
	return e
}

// Eval evaluates a Python expression and returns nil, bool, int64, float64 or string. A Path comes back as its
// string. Errors are *SyntaxError, *UnknownError, *Exception, ErrLimit, or what Env.Setting returned.
func (e *Evaluator) Eval(expr string) (v any, err error) {
	defer rescue(&err)
	return export(e.value(expr)), nil
}

func (e *Evaluator) value(expr string) any {
	if len(expr) > maxSource {
		panic(overLimit(fmt.Sprintf("room: %d bytes of text, %d are allowed", len(expr), maxSource)))
	}
	e.room(len(expr))
	return parse(expr, e)(e)
}

// room takes n bytes for an operation or a new value from the budget.
func (e *Evaluator) room(n int) {
	if n < 0 || n > e.bytes {
		panic(overLimit("memory"))
	}
	e.bytes -= n
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
