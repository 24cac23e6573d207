package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// object is something of the Manager's: what flsync knows of it, and all of it as it came. Programs get the
// latter, so that fields of a newer Manager reach them.
type object[T any] struct {
	v   T
	raw json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *object[T]) UnmarshalJSON(text []byte) error {
	o.raw = bytes.Clone(text)
	return json.Unmarshal(text, &o.v)
}

// fetch gets one object. A nil raw means that there is none (204).
func fetch[T any](ctx context.Context, m *link, path ...string) (object[T], error) {
	return ask[T](ctx, m, http.MethodGet, nil, path...)
}

// ask sends a request, with question as its body if it is not nil, and decodes the reply.
func ask[T any](ctx context.Context, m *link, method string, question any, path ...string) (o object[T], err error) {
	raw, err := m.Do(ctx, method, question, path...)
	if err != nil || len(raw) == 0 {
		return o, err
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("the Manager's reply to %s cannot be read: %w", strings.Join(path, "/"), err)
	}
	return o, nil
}

// listAt returns a function that gets the objects which the reply of path has under key, or with "" is.
func listAt[T any](key string, path ...string) func(context.Context, *link) ([]object[T], error) {
	return func(ctx context.Context, m *link) (list []object[T], err error) {
		if key == "" {
			all, err := fetch[[]object[T]](ctx, m, path...)
			return all.v, err
		}
		reply, err := fetch[map[string]json.RawMessage](ctx, m, path...)
		if err != nil || reply.v[key] == nil {
			return nil, err
		}
		if err := json.Unmarshal(reply.v[key], &list); err != nil {
			return nil, fmt.Errorf("the Manager's reply to %s cannot be read: %w", strings.Join(path, "/"), err)
		}
		return list, nil
	}
}

// printJSON writes a value of ours, or an object of the Manager's as it came, as one line.
func (a *app) printJSON(v any) error {
	line := json.NewEncoder(a.stdout)
	line.SetEscapeHTML(false)
	return line.Encode(v)
}

// result writes what a command has done: v with --json, else a line for people.
func (a *app) result(v any, format string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	a.did(format, args...)
	return nil
}

// printObject writes an object as it came with --json, else as fields.
func printObject[T any](a *app, o object[T], fields func(T) []field) error {
	if a.json {
		return a.printJSON(o.raw)
	}
	return a.printFields(fields(o.v))
}

// show fetches an object and prints it.
func show[T any](ctx context.Context, a *app, m *link, fields func(T) []field, path ...string) error {
	o, err := fetch[T](ctx, m, path...)
	if err != nil {
		return err
	}
	return printObject(a, o, fields)
}

// kind is a kind of the Manager's objects: what they are called and how they are listed.
type kind[T any] struct {
	noun    string // "job"
	fetch   func(context.Context, *link) ([]object[T], error)
	name    func(T) named
	columns []column[T]
}

// chooser finds objects of the kind by what people call them.
func (k kind[T]) chooser(ctx context.Context, m *link) chooser {
	return chooser{kind: k.noun, all: func() ([]named, error) {
		list, err := k.fetch(ctx, m)
		return each(list, k.name), err
	}}
}

// listCommand makes of cmd a command that lists all there are.
func (k kind[T]) listCommand(a *app, cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	return a.managed(cmd, func(ctx context.Context, m *link, _ []string) error {
		list, err := k.fetch(ctx, m)
		if err != nil {
			return err
		}
		return k.print(a, list)
	})
}

// print writes objects one a line with --json, else only their ids with --quiet, else as a table.
func (k kind[T]) print(a *app, list []object[T]) error {
	return printList(a, list, func(v T) string { return k.name(v).id }, k.columns)
}

// printList is print for objects that nobody chooses by a name.
func printList[T any](a *app, list []object[T], id func(T) string, columns []column[T]) error {
	if !a.json && !a.quiet {
		return printTable(a, values(list), columns)
	}
	for _, o := range list {
		var err error
		if a.json {
			err = a.printJSON(o.raw)
		} else {
			_, err = fmt.Fprintln(a.stdout, oneLine(id(o.v)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofStatus returns the objects with one of the wanted statuses, all where none is named. It refuses a status
// that flsync does not know and that nothing in the list has: a slip would else list nothing.
func ofStatus[T any, S statusType](list []object[T], wanted []string, status func(T) S) ([]object[T], error) {
	if err := checkStatuses(wanted, each(list, status)); err != nil || len(wanted) == 0 {
		return list, err
	}
	return slices.DeleteFunc(list, func(o object[T]) bool { return !slices.Contains(wanted, string(status(o.v))) }), nil
}

// statusType is one of the types of the Manager's statuses.
type statusType interface {
	~string
	Valid() bool
}

// checkStatuses refuses a status that flsync does not know and that none of the list is.
func checkStatuses[S statusType](wanted []string, there []S) error {
	for _, w := range wanted {
		if !S(w).Valid() && !slices.Contains(there, S(w)) {
			return usagef("--status %q: there is no such status", w)
		}
	}
	return nil
}

// each returns what of says of each object.
func each[T, V any](list []object[T], of func(T) V) []V {
	all := make([]V, len(list))
	for i, o := range list {
		all[i] = of(o.v)
	}
	return all
}

// values is what flsync knows of objects.
func values[T any](list []object[T]) []T { return each(list, func(v T) T { return v }) }
