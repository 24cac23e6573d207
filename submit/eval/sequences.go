package eval

import (
	"slices"

	"go.starlark.net/starlark"
)

// dictOf makes a dict of (key, value) pairs and of whole dicts.
func (m *machine) dictOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	dict := new(starlark.Dict)
	for _, v := range a.pos {
		items := []starlark.Tuple{}
		switch v := v.(type) {
		case starlark.Tuple:
			items = append(items, v)
		case *starlark.Dict:
			items = v.Items()
		}
		for _, item := range items {
			if err := m.setKey(dict, item[0], item[1]); err != nil {
				return nil, err
			}
		}
	}
	return dict, nil
}

func (m *machine) setKey(dict *starlark.Dict, key, value starlark.Value) error {
	if err := m.chargeKey(key, 0); err != nil {
		return err
	}
	if err := m.charge(32); err != nil {
		return err
	}
	return hashError(dict.SetKey(key, value))
}

// elements reads iterables into one slice.
func (m *machine) elements(iterables ...starlark.Value) ([]starlark.Value, error) {
	var items []starlark.Value
	for _, v := range iterables {
		switch v := v.(type) {
		case starlark.String:
			for _, r := range string(v) {
				if err := m.charge(16); err != nil {
					return nil, err
				}
				items = append(items, text(string(r)))
			}
		case *namespace:
			all, err := v.elements()
			if err != nil {
				return nil, err
			}
			items = append(items, all...)
		case starlark.Iterable:
			for e := range starlark.Elements(v) {
				if err := m.charge(16); err != nil {
					return nil, err
				}
				items = append(items, e)
			}
		default:
			return nil, raise("TypeError", "'%s' object is not iterable", typeName(v))
		}
	}
	return items, nil
}

// collect reads the one optional iterable of list(), tuple(), set().
func (m *machine) collect(a *arguments) ([]starlark.Value, error) {
	v := a.optional("")
	if err := a.end(); v == nil || err != nil {
		return nil, err
	}
	return m.elements(v)
}

func (m *machine) list(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	items, err := m.collect(a)
	return starlark.NewList(items), err
}

func (m *machine) tuple(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	items, err := m.collect(a)
	return starlark.Tuple(items), err
}

func (m *machine) set(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	items, err := m.collect(a)
	if err != nil {
		return nil, err
	}
	set := starlark.NewSet(0)
	for _, item := range items {
		if err := m.chargeKey(item, 0); err != nil {
			return nil, err
		}
		if err := set.Insert(item); err != nil {
			return nil, hashError(err)
		}
	}
	return set, nil
}

func (m *machine) dict(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	dict := new(starlark.Dict)
	if v := a.optional(""); v != nil {
		pairs := []starlark.Value{}
		if from, ok := v.(*starlark.Dict); ok {
			for _, item := range from.Items() {
				pairs = append(pairs, item)
			}
		} else {
			var err error
			if pairs, err = m.elements(v); err != nil {
				return nil, err
			}
		}
		for _, pair := range pairs {
			kv, err := m.elements(pair)
			if err != nil {
				return nil, err
			}
			if len(kv) != 2 {
				return nil, raise("ValueError", "dictionary update sequence element has length %d; 2 is required", len(kv))
			}
			if err := m.setKey(dict, kv[0], kv[1]); err != nil {
				return nil, err
			}
		}
	}
	for _, kv := range a.kw {
		if err := m.setKey(dict, kv[0], kv[1]); err != nil {
			return nil, err
		}
	}
	a.kw = nil
	return dict, a.end()
}

func (m *machine) len(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case starlark.String:
		return starlark.MakeInt(runeLen(string(v))), a.end()
	case *namespace:
		items, err := v.elements()
		return starlark.MakeInt(len(items)), err
	}
	if n := starlark.Len(v); n >= 0 {
		return starlark.MakeInt(n), a.end()
	}
	return nil, raise("TypeError", "object of type '%s' has no len()", typeName(v))
}

func (m *machine) anyTrue(a *arguments, want bool) (starlark.Value, error) {
	items, err := m.collect(a)
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if bool(item.Truth()) == want {
			return starlark.Bool(want), nil
		}
	}
	return starlark.Bool(!want), nil
}

func (m *machine) rangeOf(thread *starlark.Thread, a *arguments) (starlark.Value, error) {
	for i, v := range a.pos {
		n, ok := number(v)
		if _, isInt := n.(starlark.Int); !ok || !isInt {
			return nil, notInteger(v)
		}
		a.pos[i] = n
	}
	v, err := starlark.Call(thread, starlark.Universe["range"], a.pos, a.kw)
	if err != nil {
		return nil, raise("ValueError", "%v", err)
	}
	return v, nil
}

func (m *machine) enumerate(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	start, err := a.int("start", 0)
	if err != nil {
		return nil, err
	}
	items, err := m.elements(v)
	for i, item := range items {
		items[i] = starlark.Tuple{starlark.MakeInt(start + i), item}
	}
	return starlark.NewList(items), err
}

func (m *machine) reversed(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	items, err := m.collect(a)
	slices.Reverse(items)
	return starlark.NewList(items), err
}

func (m *machine) zip(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	var columns [][]starlark.Value
	shortest := 0
	for i, v := range a.pos {
		items, err := m.elements(v)
		if err != nil {
			return nil, err
		}
		if i == 0 || len(items) < shortest {
			shortest = len(items)
		}
		columns = append(columns, items)
	}
	if err := m.charge(16 * shortest * len(columns)); err != nil {
		return nil, err
	}
	rows := make([]starlark.Value, shortest)
	for i := range rows {
		row := make(starlark.Tuple, len(columns))
		for j, column := range columns {
			row[j] = column[i]
		}
		rows[i] = row
	}
	a.pos = nil
	return starlark.NewList(rows), a.end()
}

func (m *machine) mapOver(thread *starlark.Thread, a *arguments) (starlark.Value, error) {
	f, err := a.required()
	if err != nil {
		return nil, err
	}
	rows, err := m.zip(thread, a)
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for row := range starlark.Elements(rows.(starlark.Iterable)) {
		v, err := starlark.Call(thread, f, row.(starlark.Tuple), nil)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return starlark.NewList(out), nil
}

func (m *machine) filter(thread *starlark.Thread, a *arguments) (starlark.Value, error) {
	f, err := a.required()
	if err != nil {
		return nil, err
	}
	items, err := m.collect(a)
	if err != nil {
		return nil, err
	}
	var out []starlark.Value
	for _, item := range items {
		verdict := item
		if f != starlark.None {
			if verdict, err = starlark.Call(thread, f, starlark.Tuple{item}, nil); err != nil {
				return nil, err
			}
		}
		if verdict.Truth() {
			out = append(out, item)
		}
	}
	return starlark.NewList(out), nil
}

func (m *machine) sum(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	total := a.optional("start")
	if total == nil {
		total = starlark.MakeInt(0)
	}
	if _, isString := total.(starlark.String); isString {
		return nil, raise("TypeError", "sum() can't sum strings [use ''.join(seq) instead]")
	}
	items, err := m.elements(v)
	for _, item := range items {
		if err != nil {
			break
		}
		total, err = m.binary("+", total, item)
	}
	if err != nil {
		return nil, err
	}
	return total, a.end()
}

// keysOf applies the key function of sorted, min and max.
func (m *machine) keysOf(thread *starlark.Thread, items []starlark.Value, key starlark.Value) ([]starlark.Value, error) {
	if key == nil || key == starlark.None {
		return items, nil
	}
	keys := make([]starlark.Value, len(items))
	for i, item := range items {
		var err error
		if keys[i], err = starlark.Call(thread, key, starlark.Tuple{item}, nil); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (m *machine) extreme(thread *starlark.Thread, a *arguments, want int) (starlark.Value, error) {
	key, without := a.keyword("key"), a.keyword("default")
	items := []starlark.Value(a.pos)
	if len(items) == 1 {
		var err error
		if items, err = m.elements(items[0]); err != nil {
			return nil, err
		}
	}
	a.pos = nil
	if len(items) == 0 {
		if without != nil {
			return without, a.end()
		}
		return nil, raise("ValueError", "%s() arg is an empty sequence", a.function)
	}
	keys, err := m.keysOf(thread, items, key)
	if err != nil {
		return nil, err
	}
	best := 0
	op := map[int]string{1: ">", -1: "<"}[want]
	for i := range items {
		order, err := m.order(keys[i], keys[best], op, 0)
		if err != nil {
			return nil, err
		}
		if i > 0 && order == want {
			best = i
		}
	}
	return items[best], a.end()
}

func (m *machine) sorted(thread *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	key, reverse := a.keyword("key"), a.truth("reverse", false)
	items, err := m.elements(v)
	if err != nil {
		return nil, err
	}
	keys, err := m.keysOf(thread, items, key)
	if err != nil {
		return nil, err
	}
	if items, err = m.sortBy(items, keys, reverse); err != nil {
		return nil, err
	}
	return starlark.NewList(items), a.end()
}
