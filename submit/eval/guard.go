package eval

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// RefusedError says why an expression is not handed to Blender.
type RefusedError struct{ Expression, Reason string }

func (e *RefusedError) Error() string {
	return "it is not given to Blender, which would run it as Python: " + e.Reason
}

// Names that lead from a value to code or to files, whatever they are attributes of.
var refusedNames = strings.Fields(`import open eval exec compile getattr setattr delattr globals locals vars breakpoint input
	ops utils handlers timers driver_namespace as_module as_string execfile libraries texts load_from_file save_render write read
	write_text write_bytes read_text read_bytes unlink rmdir mkdir touch rename symlink_to hardlink_to chmod system popen`)

// Names that an expression can call without anything before them.
var callableNames = strings.Fields(`Path abspath last_n_dir_parts str int float bool len round abs min max sum sorted reversed list
	tuple set dict range zip map filter enumerate any all isinstance repr divmod pow hex oct bin chr ord`)

// CheckForBlender returns a *RefusedError for an expression that reaches beyond values: one with a name that
// has two underscores or leads to code or files, or with a call of a name that it does not know. It looks at
// tokens, so that a text such as 'open' passes. It keeps slips and simple attacks from Blender; it is no
// sandbox.
func CheckForBlender(expr string) (err error) {
	refuse := func(format string, args ...any) {
		panic(failure{&RefusedError{expr, fmt.Sprintf(format, args...)}})
	}
	defer func() {
		if _, ok := errors.AsType[*RefusedError](err); err != nil && !ok {
			err = &RefusedError{expr, "its Python cannot be checked: " + err.Error()}
		}
	}()
	defer rescue(&err)
	l := &lexer{src: expr}
	// scan checks tokens up to the end, or to what ends an expression in an f-string.
	scan := func(inFString bool) {
		var before token
		attribute := false // before is one, not a name of its own
		brackets := l.parens
		if l.tok.kind == tokOp && strings.Contains("([{", l.tok.text) {
			brackets-- // as it was before this one
		}
		for ; l.tok.kind != tokEnd; l.next() {
			t := l.tok
			ends := t.kind == tokOp && (l.parens < brackets || l.parens == brackets && slices.Contains([]string{"!", ":", "="}, t.text))
			if inFString && ends {
				return
			}
			called := t.kind == tokOp && t.text == "(" && before.kind == tokName
			switch {
			case t.kind == tokName && strings.Contains(t.text, "__"):
				refuse("%s has two underscores", t.text)
			case t.kind == tokName && strings.IndexFunc(t.text, beyondASCII) >= 0:
				refuse("the name %s has letters beyond ASCII", t.text)
			case t.kind == tokName && slices.Contains(refusedNames, t.text):
				refuse("%s is not for settings", t.text)
			case called && !attribute && !slices.Contains(callableNames, before.text) && !slices.Contains(keywords, before.text):
				refuse("it calls %s, which is no function that settings need", before.text)
			}
			attribute = before.kind == tokOp && before.text == "."
			before = t
		}
	}
	l.inner = func() node { scan(true); return nil }
	l.next()
	scan(false)
	return nil
}
