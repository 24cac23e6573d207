package eval

import (
	"fmt"
	"math"
	"slices"

	"go.starlark.net/starlark"
)

var inf = math.Inf(1)

// attr is v.name.
func (m *machine) attr(v starlark.Value, name string) (starlark.Value, error) {
	switch v := v.(type) {
	case *namespace:
		return v.attr(name)
	case pyPath:
		return m.pathAttr(v, name)
	case starlark.String:
		if name == "format" {
			return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
				s, err := m.strFormat(string(v), args, kwargs)
				return text(s), err
			}), nil
		}
		if method, ok := stringMethods[name]; ok {
			return builtin(name, func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
				if err := m.charge(len(v)); err != nil {
					return nil, err
				}
				return method(m, string(v), a)
			}), nil
		}
		if slices.Contains([]string{"encode", "translate", "maketrans", "format_map"}, name) {
			return nil, &UnknownError{Name: "str." + name}
		}
	case *starlark.List, starlark.Tuple:
		if method := m.sequenceMethod(v, name); method != nil {
			return builtin(name, method), nil
		}
		return m.native(v, name)
	case *starlark.Dict, *starlark.Set:
		if name == "copy" {
			return builtin(name, func(t *starlark.Thread, a *arguments) (starlark.Value, error) {
				a.pos = starlark.Tuple{v}
				if _, isDict := v.(*starlark.Dict); isDict {
					return m.dict(t, a)
				}
				return m.set(t, a)
			}), nil
		}
		return m.native(v, name)
	case *starlark.Builtin:
		return m.classAttr(v, name)
	case starlark.Int, starlark.Float, starlark.Bool:
		return m.numberAttr(v, name)
	}
	return nil, noAttribute(v, name)
}

func noAttribute(v starlark.Value, name string) error {
	return raise("AttributeError", "'%s' object has no attribute '%s'", typeName(v), name)
}

// native is a method that Starlark has like Python. What it may copy is charged first.
func (m *machine) native(v starlark.Value, name string) (starlark.Value, error) {
	has, ok := v.(starlark.HasAttrs)
	if !ok {
		return nil, noAttribute(v, name)
	}
	method, err := has.Attr(name)
	if method == nil || err != nil {
		return nil, noAttribute(v, name)
	}
	return builtin(name, func(t *starlark.Thread, a *arguments) (starlark.Value, error) {
		size := 1 + starlark.Len(v)
		for _, arg := range a.pos {
			if err := m.chargeKey(arg, 0); err != nil {
				return nil, err
			}
			if s, ok := arg.(starlark.Sequence); ok {
				size += min(s.Len(), m.limits.Bytes)
			}
		}
		if err := m.charge(16 * size); err != nil {
			return nil, err
		}
		result, err := starlark.Call(t, method, a.pos, a.kw)
		if err != nil {
			return nil, raise("TypeError", "%v", err)
		}
		return result, nil
	}), nil
}

// numberAttr has the few attributes of numbers that somebody uses.
func (m *machine) numberAttr(v starlark.Value, name string) (starlark.Value, error) {
	f, isFloat := v.(starlark.Float)
	switch {
	case name == "is_integer" && isFloat:
		return builtin(name, func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return starlark.Bool(float64(f) == math.Floor(float64(f)) && !math.IsInf(float64(f), 0)), a.end()
		}), nil
	case name == "real" || name == "numerator" && !isFloat:
		n, _ := number(v)
		return n, nil
	}
	return nil, &UnknownError{Name: typeName(v) + "." + name}
}

// classAttr lets a method be called on its class: str.upper(name), and Path.x.
func (m *machine) classAttr(class *starlark.Builtin, name string) (starlark.Value, error) {
	switch class.Name() {
	case "str", "list", "dict", "tuple":
		return builtin(name, func(t *starlark.Thread, a *arguments) (starlark.Value, error) {
			self, err := a.required()
			if err != nil {
				return nil, err
			}
			method, err := m.attr(self, name)
			if err != nil {
				return nil, err
			}
			return starlark.Call(t, method, a.pos, a.kw)
		}), nil
	}
	return nil, &UnknownError{Name: class.Name() + "." + name}
}

// sequenceMethod has what lists and tuples of Starlark lack, or do otherwise.
func (m *machine) sequenceMethod(v starlark.Value, name string) function {
	items := v.(starlark.Indexable)
	list, isList := v.(*starlark.List)
	switch name {
	case "count":
		return func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			want, err := a.required()
			if err != nil {
				return nil, err
			}
			n := 0
			for i := range items.Len() {
				same, err := m.equal(items.Index(i), want, 0)
				if err != nil {
					return nil, err
				}
				if same {
					n++
				}
			}
			return starlark.MakeInt(n), a.end()
		}
	case "index":
		return func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			want, err := a.required()
			if err != nil {
				return nil, err
			}
			for i := range items.Len() {
				if same, err := m.equal(items.Index(i), want, 0); same || err != nil {
					return starlark.MakeInt(i), err
				}
			}
			what, err := m.repr(want)
			if err != nil {
				return nil, err
			}
			return nil, raise("ValueError", "%s is not in %s", what, typeName(v))
		}
	}
	if !isList {
		return nil
	}
	switch name {
	case "copy":
		return func(t *starlark.Thread, a *arguments) (starlark.Value, error) {
			a.pos = starlark.Tuple{list}
			return m.list(t, a)
		}
	case "reverse", "sort":
		return func(t *starlark.Thread, a *arguments) (starlark.Value, error) {
			a.pos = starlark.Tuple{list}
			ordered, err := m.reversed, error(nil)
			if name == "sort" {
				ordered = m.sorted
			}
			out, err := ordered(t, a)
			if err != nil {
				return nil, err
			}
			for i := range list.Len() {
				if err := list.SetIndex(i, out.(*starlark.List).Index(i)); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
			return starlark.None, nil
		}
	}
	return nil
}

// index is v[key].
func (m *machine) index(v, key starlark.Value) (starlark.Value, error) {
	switch c := v.(type) {
	case *starlark.Dict:
		if err := m.chargeKey(key, 0); err != nil {
			return nil, err
		}
		value, found, err := c.Get(key)
		if err != nil {
			return nil, hashError(err)
		}
		if !found {
			what, err := m.repr(key)
			if err != nil {
				return nil, err
			}
			return nil, raise("KeyError", "%s", what)
		}
		return value, nil
	case *namespace:
		return c.item(key)
	case starlark.String:
		n := runeLen(string(c))
		i, err := position(v, key, n)
		if err != nil {
			return nil, err
		}
		return text(sliceString(string(c), i, i+1)), nil
	case starlark.Indexable:
		i, err := position(v, key, c.Len())
		if err != nil {
			return nil, err
		}
		return c.Index(i), nil
	}
	return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(v))
}

// position turns an index into 0 … n-1.
func position(v, key starlark.Value, n int) (int, error) {
	if _, ok := number(key); !ok {
		return 0, raise("TypeError", "%s indices must be integers, not %s", typeName(v), typeName(key))
	}
	i, err := toIndex(key)
	if err != nil {
		return 0, err
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return 0, raise("IndexError", "%s index out of range", typeName(v))
	}
	return i, nil
}

// slice is v[from:to:step].
func (m *machine) slice(v starlark.Value, bounds starlark.Tuple) (starlark.Value, error) {
	var n int
	switch v := v.(type) {
	case starlark.String:
		n = runeLen(string(v))
	case *starlark.List, starlark.Tuple:
		n = starlark.Len(v)
	case starlark.Sliceable: // range
		n = v.Len()
	default:
		return nil, raise("TypeError", "'%s' object is not subscriptable", typeName(v))
	}
	from, to, step, err := sliceBounds(bounds, n)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(starlark.String); ok {
		if err := m.charge(len(s)); err != nil {
			return nil, err
		}
		if step == 1 {
			return text(sliceString(string(s), from, max(from, to))), nil
		}
		runes, out := []rune(string(s)), []rune{}
		for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
			out = append(out, runes[i])
		}
		return text(string(out)), nil
	}
	if err := m.charge(16 * n); err != nil {
		return nil, err
	}
	return v.(starlark.Sliceable).Slice(from, to, step), nil
}

// sliceBounds clamps as Python does. For a negative step, to may be -1.
func sliceBounds(bounds starlark.Tuple, n int) (from, to, step int, err error) {
	step = 1
	if bounds[2] != starlark.None {
		if step, err = toIndex(bounds[2]); err != nil {
			return
		}
		if step == 0 {
			return 0, 0, 0, raise("ValueError", "slice step cannot be zero")
		}
	}
	low, high := 0, n
	from, to = 0, n
	if step < 0 {
		low, high = -1, n-1
		from, to = n-1, -1
	}
	for i, bound := range []*int{&from, &to} {
		if bounds[i] == starlark.None {
			continue
		}
		var b int
		if b, err = toIndex(bounds[i]); err != nil {
			return
		}
		if b < 0 {
			b = max(b+n, low)
		}
		*bound = min(b, high)
	}
	if step > 0 {
		to = max(from, to)
	} else {
		to = min(from, to)
	}
	return from, to, step, nil
}
