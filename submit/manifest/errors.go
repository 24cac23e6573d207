package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a manifest. Line and Col count from 1, Col in characters; Line 0 means the file as a
// whole, or an option of the command line.
type Pos struct {
	File      string
	Line, Col int
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is one mistake and where it is.
type Error struct {
	Pos     Pos
	Message string
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Message }

// Errors are all mistakes, in the order of their places.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each of them.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// Add appends a mistake.
func (e *Errors) Add(pos Pos, format string, args ...any) {
	*e = append(*e, &Error{Pos: pos, Message: fmt.Sprintf(format, args...)})
}

// Err returns the mistakes sorted by line and column, each once, or nil when there are none. Files stay in
// the order in which they were read.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	files := map[string]int{}
	for i, one := range e {
		if _, known := files[one.Pos.File]; !known {
			files[one.Pos.File] = i
		}
	}
	sorted := slices.Clone(e)
	slices.SortStableFunc(sorted, func(a, b *Error) int {
		return cmp.Or(files[a.Pos.File]-files[b.Pos.File], a.Pos.Line-b.Pos.Line, a.Pos.Col-b.Pos.Col, strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(sorted, func(a, b *Error) bool { return *a == *b })
}
