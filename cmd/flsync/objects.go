package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	var o object[T]
	raw, err := m.Do(ctx, http.MethodGet, nil, path...)
	if err != nil || len(raw) == 0 {
		return o, err
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("the Manager's reply to %s cannot be read: %w", strings.Join(path, "/"), err)
	}
	return o, nil
}

// fetchList gets the objects under key; an empty key is for replies that are a list themselves.
func fetchList[T any](ctx context.Context, m *link, key string, path ...string) ([]object[T], error) {
	raw, err := m.Do(ctx, http.MethodGet, nil, path...)
	if err != nil {
		return nil, err
	}
	if key != "" {
		var holder map[string]json.RawMessage
		if err := json.Unmarshal(raw, &holder); err != nil {
			return nil, fmt.Errorf("the Manager's reply to %s cannot be read: %w", strings.Join(path, "/"), err)
		}
		raw = holder[key]
	}
	var list []object[T]
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("the Manager's reply to %s cannot be read: %w", strings.Join(path, "/"), err)
		}
	}
	return list, nil
}

// printRaw writes a Manager's object as one line.
func (a *app) printRaw(raw json.RawMessage) error {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return fmt.Errorf("the Manager's reply is no JSON: %w", err)
	}
	line.WriteByte('\n')
	_, err := a.stdout.Write(line.Bytes())
	return err
}

// printValue writes a value of ours as one JSON line.
func (a *app) printValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.printRaw(raw)
}

// printObject writes an object as it came with --json, else as fields.
func printObject[T any](a *app, o object[T], fields func(T) []field) error {
	if a.json {
		return a.printRaw(o.raw)
	}
	return a.printFields(fields(o.v))
}

// ofStatus returns the objects with one of the wanted statuses, all where none is named. It refuses a status
// that flsync does not know and that nothing in the list has: a slip would else list nothing.
func ofStatus[T any, S interface {
	~string
	Valid() bool
}](list []object[T], wanted []string, status func(T) S) ([]object[T], error) {
	if err := checkStatuses(wanted, each(list, status)); err != nil || len(wanted) == 0 {
		return list, err
	}
	return slices.DeleteFunc(list, func(o object[T]) bool { return !slices.Contains(wanted, string(status(o.v))) }), nil
}

// printList writes objects one a line with --json, else only their ids with --quiet, else as a table.
func printList[T any](a *app, list []object[T], id func(T) string, columns []column[T]) error {
	switch {
	case a.json:
		for _, o := range list {
			if err := a.printRaw(o.raw); err != nil {
				return err
			}
		}
		return nil
	case a.quiet:
		for _, o := range list {
			if _, err := fmt.Fprintln(a.stdout, oneLine(id(o.v))); err != nil {
				return err
			}
		}
		return nil
	}
	return printTable(a, values(list), columns)
}

// values is what flsync knows of objects.
func values[T any](list []object[T]) []T { return each(list, func(v T) T { return v }) }
