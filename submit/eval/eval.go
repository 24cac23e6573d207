package eval

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
)

// Limits bound what one expression may take.
type Limits struct {
	// Steps is the highest number of Starlark instructions. The longest expression
	// of a known job type takes under 200.
	Steps uint64
	// Bytes is the highest sum of the sizes of all values made on the way, not
	// only of those alive at one time.
	Bytes int
	// Time ends the evaluation; what counts first are Steps and Bytes, which do not
	// depend on the machine.
	Time time.Duration
	// Source is the highest length of an expression in bytes.
	Source int
}

// DefaultLimits returns limits that no honest expression reaches and that a
// hostile one reaches within about a second.
func DefaultLimits() Limits {
	return Limits{Steps: 500_000, Bytes: 16 << 20, Time: 10 * time.Second, Source: 16 << 10}
}

// Env is what an expression can see.
type Env struct {
	// Facts of the blend file and its scenes.
	Facts Facts
	// JobName is the value of jobname.
	JobName string
	// Setting gives the value of settings.NAME: nil, bool, int, int64, float64 or
	// string; false when the job type has no such setting. Its error comes back from
	// Eval as it is. Nil: there are none.
	Setting func(name string) (value any, ok bool, err error)
	// Limits, when zero, are DefaultLimits.
	Limits Limits
}

// ErrNeedsBlender says that an expression uses what only Blender knows: a name,
// an attribute or a construct outside of what this package evaluates.
var ErrNeedsBlender = errors.New("only Blender can evaluate it")

// ErrLimit says that an expression went over one of its Limits or that its
// context ended before it did.
var ErrLimit = errors.New("the expression takes too much")

// UnknownError names what an expression uses and this package does not know.
// It is ErrNeedsBlender.
type UnknownError struct {
	Name string // as the expression has it, for example C.scene.render.use_border
}

func (e *UnknownError) Error() string   { return e.Name + " is not known without Blender" }
func (e *UnknownError) Is(t error) bool { return t == ErrNeedsBlender }

// SyntaxError says where an expression is not one that Translate reads. It is
// ErrNeedsBlender when Python would accept it.
type SyntaxError struct {
	Offset      int // in bytes from the start of the expression
	Message     string
	Unsupported bool // Python has it, this package has not
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at character %d: %s", e.Offset+1, e.Message)
}
func (e *SyntaxError) Is(t error) bool { return e.Unsupported && t == ErrNeedsBlender }

// Exception is an error that Python would raise for the same expression.
type Exception struct {
	Type    string // ZeroDivisionError, TypeError …
	Message string
}

func (e *Exception) Error() string { return e.Type + ": " + e.Message }

// limitError is ErrLimit with what ran out.
type limitError struct {
	what   string // steps, memory, time, room
	detail error
}

func (e *limitError) Error() string   { return fmt.Sprintf("%v %s: %v", ErrLimit, e.what, e.detail) }
func (e *limitError) Is(t error) bool { return t == ErrLimit }
func (e *limitError) Unwrap() error   { return e.detail }

func raise(typ, format string, args ...any) error {
	return &Exception{Type: typ, Message: fmt.Sprintf(format, args...)}
}

// Evaluator evaluates expressions over one Env, which must stay as it is. It is made for one goroutine; Env.Setting may
// call it for the expression of another setting.
type Evaluator struct {
	m     *machine
	names starlark.StringDict
}

// New returns an Evaluator, for more than one expression.
func New(env *Env) *Evaluator {
	m := &machine{env: env, limits: env.Limits}
	if m.limits == (Limits{}) {
		m.limits = DefaultLimits()
	}
	return &Evaluator{m: m, names: m.names()}
}

// machine is the state of an evaluation.
type machine struct {
	env    *Env
	limits Limits
	ctx    context.Context
	used   int // bytes charged so far
}

// charge counts n bytes of new values against the limit.
func (m *machine) charge(n int) error {
	if n < 0 || n > m.limits.Bytes-m.used {
		return &limitError{what: "memory", detail: fmt.Errorf("more than %d bytes", m.limits.Bytes)}
	}
	m.used += n
	return nil
}

// Eval evaluates a Python expression and returns nil, bool, int64, float64,
// string, []any (a list or tuple) or map[string]any. A Path comes back as its
// string. Errors are *SyntaxError, *UnknownError, *Exception, or are ErrLimit.
func (e *Evaluator) Eval(ctx context.Context, expr string) (any, error) {
	m := e.m
	outer := *m // an expression that asks for this one is still at work
	defer func() { *m = outer }()
	m.ctx, m.used = ctx, 0
	if len(expr) > m.limits.Source {
		return nil, &limitError{what: "room", detail: fmt.Errorf("%d bytes of text, %d are allowed", len(expr), m.limits.Source)}
	}
	if m.limits.Time > 0 {
		var cancel context.CancelFunc
		m.ctx, cancel = context.WithTimeoutCause(ctx, m.limits.Time, fmt.Errorf("longer than %v: %w", m.limits.Time, context.DeadlineExceeded))
		defer cancel()
	}
	if m.ctx.Err() != nil {
		return nil, m.timeout()
	}
	value, err := m.run(expr, e.names)
	if err != nil {
		return nil, err
	}
	return m.export(value, 0)
}

func (m *machine) timeout() error {
	return &limitError{what: "time", detail: context.Cause(m.ctx)}
}

// passedError is what the caller's own function returned.
type passedError struct{ err error }

func (e *passedError) Error() string { return e.err.Error() }

// errTooDeep stops recursion over nested values, lists that hold themselves included.
var errTooDeep error = &limitError{what: "room", detail: errors.New("it is nested too deeply")}

// maxNesting is how deep values and expressions may nest. Python's own parser
// stops at 200 brackets.
const maxNesting = 100

func (m *machine) run(expr string, names starlark.StringDict) (starlark.Value, error) {
	thread := &starlark.Thread{Name: "setting"}
	thread.SetMaxExecutionSteps(m.limits.Steps)
	stop := context.AfterFunc(m.ctx, func() { thread.Cancel("context ended") })
	defer stop()

	program, err := compile(expr, names)
	if err != nil {
		return nil, m.explain(thread, err)
	}
	globals, err := program.Init(thread, names)
	if err != nil {
		return nil, m.explain(thread, err)
	}
	return globals[result], nil
}

// explain turns an error of Starlark into one of ours.
func (m *machine) explain(thread *starlark.Thread, err error) error {
	var unresolved resolve.ErrorList
	if errors.As(err, &unresolved) {
		for _, e := range unresolved {
			if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
				name, _, _ = strings.Cut(name, " ")
				return &UnknownError{Name: name}
			}
		}
		return &SyntaxError{Message: unresolved.Error(), Unsupported: true}
	}
	// What our own functions returned comes back wrapped in one EvalError a call.
	if e, ok := errors.AsType[*passedError](err); ok {
		return e.err
	}
	if e, ok := errors.AsType[*UnknownError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*SyntaxError](err); ok {
		return e
	}
	if e, ok := errors.AsType[*Exception](err); ok {
		return e
	}
	if e, ok := errors.AsType[*limitError](err); ok {
		return e
	}
	switch {
	case m.ctx.Err() != nil:
		return m.timeout()
	case thread.ExecutionSteps() >= m.limits.Steps:
		return &limitError{what: "steps", detail: fmt.Errorf("more than %d", m.limits.Steps)}
	}
	return &Exception{Type: "TypeError", Message: err.Error()}
}

// export turns a Starlark value into a plain one.
func (m *machine) export(v starlark.Value, depth int) (any, error) {
	if depth > maxNesting {
		return nil, errTooDeep
	}
	if err := m.charge(16); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.Int:
		n, ok := v.Int64()
		if !ok {
			return nil, raise("OverflowError", "the result does not fit into 64 bits")
		}
		return n, nil
	case starlark.Float:
		return float64(v), nil
	case starlark.String:
		return string(v), nil
	case pyPath:
		return v.text(), nil
	case *starlark.Dict:
		out := make(map[string]any, v.Len())
		for _, item := range v.Items() {
			key, ok := starlark.AsString(item[0])
			if !ok {
				return nil, raise("TypeError", "the result is a dict whose keys are not all strings")
			}
			value, err := m.export(item[1], depth+1)
			if err != nil {
				return nil, err
			}
			out[key] = value
		}
		return out, nil
	case *namespace:
		return nil, &UnknownError{Name: v.path + " as a value"}
	case starlark.Callable:
		return nil, raise("TypeError", "the result is a function, not a value")
	case starlark.Iterable:
		out := []any{}
		for e := range starlark.Elements(v) {
			value, err := m.export(e, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
		}
		return out, nil
	}
	return nil, raise("TypeError", "the result is of type %s", v.Type())
}
