package eval

import (
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

type function func(thread *starlark.Thread, args *arguments) (starlark.Value, error)

// names is everything that an expression can name.
func (m *machine) names() starlark.StringDict {
	names := starlark.StringDict{}
	// What Starlark has and Python has not, or has with effects, is unknown.
	for name := range starlark.Universe {
		switch name {
		case "None", "True", "False":
		default:
			names[name] = unknownFunction(name)
		}
	}
	for name, f := range m.functions() {
		names[name] = builtin(name, f)
	}
	for name, f := range m.operators() {
		names[name] = builtin(name, f)
	}
	names["py_inf"] = starlark.Float(inf)
	m.addScene(names)
	return names
}

func builtin(name string, f function) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		v, err := f(thread, &arguments{function: b.Name(), pos: args, kw: kwargs})
		if err != nil {
			return nil, err
		}
		return v, nil
	})
}

func unknownFunction(name string) *starlark.Builtin {
	return builtin(name, func(*starlark.Thread, *arguments) (starlark.Value, error) {
		return nil, &UnknownError{Name: name}
	})
}

// operators are the functions that Translate writes.
func (m *machine) operators() map[string]function {
	return map[string]function{
		"py_binary": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return m.binary(string(a.pos[0].(starlark.String)), a.pos[1], a.pos[2])
		},
		"py_unary": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return m.unary(string(a.pos[0].(starlark.String)), a.pos[1])
		},
		"py_compare": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return m.compare(string(a.pos[0].(starlark.String)), a.pos[1], a.pos[2])
		},
		"py_attr": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return m.attr(a.pos[0], string(a.pos[1].(starlark.String)))
		},
		"py_index": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) { return m.index(a.pos[0], a.pos[1]) },
		"py_slice": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) { return m.slice(a.pos[0], a.pos[1:]) },
		"py_join": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			return join(m, "", &arguments{pos: starlark.Tuple{a.pos}})
		},
		"py_format": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			v, err := m.convert(a.pos[0], string(a.pos[1].(starlark.String)))
			if err != nil {
				return nil, err
			}
			s, err := m.format(v, string(a.pos[2].(starlark.String)))
			return text(s), err
		},
		"py_chain": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			items, err := m.elements(iterables(a.pos)...)
			return starlark.Tuple(items), err
		},
		"py_list":  m.list,
		"py_tuple": m.tuple,
		"py_set":   m.set,
		"py_dict":  m.dictOf,
		"py_mapping": func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
			if _, ok := a.pos[0].(*starlark.Dict); !ok {
				return nil, raise("TypeError", "'%s' object is not a mapping", typeName(a.pos[0]))
			}
			return a.pos[0], nil
		},
	}
}

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

func iterables(values starlark.Tuple) []starlark.Value { return values }

// functions are Python's pure built-in functions.
func (m *machine) functions() map[string]function {
	return map[string]function{
		"abs":        m.abs,
		"all":        func(_ *starlark.Thread, a *arguments) (starlark.Value, error) { return m.anyTrue(a, false) },
		"any":        func(_ *starlark.Thread, a *arguments) (starlark.Value, error) { return m.anyTrue(a, true) },
		"ascii":      m.textOf("a"),
		"bin":        m.radix("#b"),
		"bool":       boolOf,
		"callable":   callable,
		"chr":        chrOf,
		"dict":       m.dict,
		"divmod":     m.divmod,
		"enumerate":  m.enumerate,
		"filter":     m.filter,
		"float":      m.float,
		"format":     m.formatOf,
		"frozenset":  m.set,
		"getattr":    m.getattr,
		"hex":        m.radix("#x"),
		"int":        m.int,
		"isinstance": isInstance,
		"len":        m.len,
		"list":       m.list,
		"map":        m.mapOver,
		"max":        func(t *starlark.Thread, a *arguments) (starlark.Value, error) { return m.extreme(t, a, 1) },
		"min":        func(t *starlark.Thread, a *arguments) (starlark.Value, error) { return m.extreme(t, a, -1) },
		"oct":        m.radix("#o"),
		"ord":        ordOf,
		"pow":        m.pow,
		"range":      m.rangeOf,
		"repr":       m.textOf("r"),
		"reversed":   m.reversed,
		"round":      roundOf,
		"set":        m.set,
		"sorted":     m.sorted,
		"str":        m.strOf,
		"sum":        m.sum,
		"tuple":      m.tuple,
		"zip":        m.zip,
	}
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

func (m *machine) abs(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	n, ok := number(v)
	if !ok {
		return nil, raise("TypeError", "bad operand type for abs(): '%s'", typeName(v))
	}
	switch n := n.(type) {
	case starlark.Int:
		return starlark.MakeBigInt(new(big.Int).Abs(n.BigInt())), a.end()
	case starlark.Float:
		if n < 0 || n == 0 {
			n = -n
		}
		if n == 0 {
			n = 0
		}
		return n, a.end()
	}
	return n, a.end()
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

func boolOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v := a.optional("")
	if v == nil {
		return starlark.False, a.end()
	}
	return v.Truth(), a.end()
}

func callable(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	_, ok := v.(starlark.Callable)
	return starlark.Bool(ok), a.end()
}

func (m *machine) strOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v := a.optional("object")
	if v == nil {
		return text(""), a.end()
	}
	s, err := m.str(v)
	if err != nil {
		return nil, err
	}
	return text(s), a.end()
}

func (m *machine) textOf(conversion string) function {
	return func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		v, err := a.required()
		if err != nil {
			return nil, err
		}
		return m.convert(v, conversion)
	}
}

func (m *machine) formatOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	spec, err := a.str("format_spec", "")
	if err != nil {
		return nil, err
	}
	s, err := m.format(v, spec)
	return text(s), err
}

func (m *machine) radix(spec string) function {
	return func(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
		v, err := a.required()
		if err != nil {
			return nil, err
		}
		n, _ := number(v)
		i, ok := n.(starlark.Int)
		if !ok {
			return nil, notInteger(v)
		}
		s, err := m.format(i, spec)
		return text(s), err
	}
}

func (m *machine) int(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v := a.optional("")
	if v == nil {
		return starlark.MakeInt(0), a.end()
	}
	base, err := a.int("base", -1)
	if err != nil {
		return nil, err
	}
	if base == -1 {
		base = 10
	} else if _, isString := v.(starlark.String); !isString {
		return nil, raise("TypeError", "int() can't convert non-string with explicit base")
	} else if base != 0 && (base < 2 || base > 36) {
		return nil, raise("ValueError", "int() base must be >= 2 and <= 36, or 0")
	}
	n, err := m.toInt(v, base)
	if err != nil {
		return nil, err
	}
	return n, a.end()
}

func (m *machine) float(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v := a.optional("")
	if v == nil {
		return starlark.Float(0), a.end()
	}
	f, err := m.toFloatValue(v)
	if err != nil {
		return nil, err
	}
	return f, a.end()
}

func roundOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v := a.optional("number")
	if v == nil {
		return nil, raise("TypeError", "round() missing required argument 'number' (pos 1)")
	}
	digits := a.optional("ndigits")
	if digits == nil {
		digits = starlark.None
	}
	n, err := round(v, digits)
	if err != nil {
		return nil, err
	}
	return n, a.end()
}

func (m *machine) divmod(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	if len(a.pos) != 2 {
		return nil, raise("TypeError", "divmod expected 2 arguments, got %d", len(a.pos))
	}
	quotient, err := m.binary("//", a.pos[0], a.pos[1])
	if err != nil {
		return nil, err
	}
	remainder, err := m.binary("%", a.pos[0], a.pos[1])
	return starlark.Tuple{quotient, remainder}, err
}

func (m *machine) pow(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	if len(a.pos) != 2 {
		return nil, &UnknownError{Name: "pow with a modulus"}
	}
	return m.binary("**", a.pos[0], a.pos[1])
}

func chr(i starlark.Int) (string, error) {
	n, ok := i.Int64()
	if !ok || n < 0 || n > 0x10ffff {
		return "", raise("ValueError", "chr() arg not in range(0x110000)")
	}
	if n >= 0xd800 && n < 0xe000 {
		return "", &UnknownError{Name: "a surrogate character"}
	}
	return string(rune(n)), nil
}

func chrOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	n, _ := number(v)
	i, ok := n.(starlark.Int)
	if !ok {
		return nil, notInteger(v)
	}
	s, err := chr(i)
	return text(s), err
}

func ordOf(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	s, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	runes := []rune(s)
	if len(runes) != 1 {
		return nil, raise("TypeError", "ord() expected a character, but string of length %d found", len(runes))
	}
	return starlark.MakeInt(int(runes[0])), a.end()
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
	if err := m.sortValues(items, keys, reverse); err != nil {
		return nil, err
	}
	return starlark.NewList(items), a.end()
}

func (m *machine) getattr(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	name, err := a.mustStr()
	if err != nil {
		return nil, err
	}
	got, err := m.attr(v, name)
	if e, ok := err.(*Exception); ok && e.Type == "AttributeError" && len(a.pos) == 1 {
		return a.pos[0], nil
	}
	return got, err
}

// isInstance knows the types by the functions of the same name.
func isInstance(_ *starlark.Thread, a *arguments) (starlark.Value, error) {
	v, err := a.required()
	if err != nil {
		return nil, err
	}
	of, err := a.required()
	if err != nil {
		return nil, err
	}
	types, isTuple := of.(starlark.Tuple)
	if !isTuple {
		types = starlark.Tuple{of}
	}
	name := strings.TrimPrefix(typeName(v), "Posix")
	for _, t := range types {
		b, ok := t.(*starlark.Builtin)
		if !ok {
			return nil, raise("TypeError", "isinstance() arg 2 must be a type or a tuple of types")
		}
		if b.Name() == name || b.Name() == "int" && name == "bool" {
			return starlark.True, nil
		}
	}
	return starlark.False, a.end()
}
