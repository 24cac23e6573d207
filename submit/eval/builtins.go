package eval

import (
	"math/big"
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
			items, err := m.elements(a.pos...)
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
