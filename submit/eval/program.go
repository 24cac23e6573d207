package eval

import (
	"sync"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// result is the name that a program gives its value: one that no expression can have.
const result = "the result"

// programs keeps expressions as they were compiled: hundreds of jobs evaluate the same few, each over a scene of its own.
var programs struct {
	sync.Mutex
	compiled map[programKey]*starlark.Program
}

// programKey names a program. The names that an expression may use are the same for all of a count.
type programKey struct {
	expr  string
	names int
}

// mostPrograms bounds what is kept; job types have some dozens of expressions.
const mostPrograms = 1000

// compile translates an expression over those names. Errors are *SyntaxError, or a resolve.ErrorList of unknown names.
func compile(expr string, names starlark.StringDict) (*starlark.Program, error) {
	key := programKey{expr, len(names)}
	programs.Lock()
	program := programs.compiled[key]
	programs.Unlock()
	if program != nil {
		return program, nil
	}
	source, err := Translate(expr)
	if err != nil {
		return nil, err
	}
	opts := &syntax.FileOptions{Set: true}
	value, err := opts.ParseExpr("expression", source, 0)
	if err != nil {
		return nil, &SyntaxError{Message: "cannot be translated: " + err.Error(), Unsupported: true}
	}
	file := &syntax.File{Path: "expression", Options: opts, Stmts: []syntax.Stmt{
		&syntax.AssignStmt{Op: syntax.EQ, LHS: &syntax.Ident{Name: result}, RHS: value},
	}}
	if program, err = starlark.FileProgram(file, names.Has); err != nil {
		return nil, err
	}
	programs.Lock()
	defer programs.Unlock()
	if programs.compiled == nil {
		programs.compiled = make(map[programKey]*starlark.Program)
	}
	if len(programs.compiled) < mostPrograms {
		programs.compiled[key] = program
	}
	return program, nil
}
