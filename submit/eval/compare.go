package eval

import (
	"errors"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func (m *machine) compare(op string, x, y starlark.Value) (starlark.Value, error) {
	switch op {
	case "==", "!=":
		same, err := m.equal(x, y, 0)
		return starlark.Bool(same == (op == "==")), err
	case "is", "is not":
		same, err := m.equal(x, y, 0)
		same = same && x.Type() == y.Type()
		return starlark.Bool(same == (op == "is")), err
	case "in", "not in":
		found, err := m.contains(y, x)
		return starlark.Bool(found == (op == "in")), err
	}
	order, err := m.order(x, y, op, 0)
	if err != nil {
		return nil, err
	}
	switch op {
	case "<":
		return starlark.Bool(order == -1), nil
	case "<=":
		return starlark.Bool(order == -1 || order == 0), nil
	case ">":
		return starlark.Bool(order == 1), nil
	default:
		return starlark.Bool(order == 1 || order == 0), nil
	}
}

// equal is Python's ==, in which True is 1 and a value of another type is just not equal.
func (m *machine) equal(x, y starlark.Value, depth int) (bool, error) {
	if depth > maxNesting {
		return false, errTooDeep
	}
	if err := m.charge(8); err != nil {
		return false, err
	}
	if n, ok := number(x); ok {
		x = n
	}
	if n, ok := number(y); ok {
		y = n
	}
	switch a := x.(type) {
	case starlark.Float:
		if a != a {
			return false, nil // Starlark has NaN equal to itself
		}
	case starlark.String:
		if err := m.charge(len(a)); err != nil {
			return false, err
		}
	case *starlark.List:
		b, ok := y.(*starlark.List)
		if !ok {
			return false, nil
		}
		return m.equalSequences(a, b, depth)
	case starlark.Tuple:
		b, ok := y.(starlark.Tuple)
		if !ok {
			return false, nil
		}
		return m.equalSequences(a, b, depth)
	case *starlark.Dict:
		b, ok := y.(*starlark.Dict)
		if !ok {
			return false, nil
		}
		return m.equalDicts(a, b, depth)
	case *starlark.Set:
		b, ok := y.(*starlark.Set)
		if !ok || a.Len() != b.Len() {
			return false, nil
		}
		for e := range starlark.Elements(a) {
			if found, err := m.contains(b, e); !found || err != nil {
				return false, err
			}
		}
		return true, nil
	case pyPath:
		b, ok := y.(pyPath)
		return ok && a.text() == b.text(), nil
	case *namespace:
		b, ok := y.(*namespace)
		return ok && a.path == b.path, nil
	}
	same, err := starlark.EqualDepth(x, y, maxNesting)
	if err != nil {
		return false, errTooDeep
	}
	return same, nil
}

func (m *machine) equalSequences(x, y starlark.Indexable, depth int) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for i := range x.Len() {
		if same, err := m.equal(x.Index(i), y.Index(i), depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (m *machine) equalDicts(x, y *starlark.Dict, depth int) (bool, error) {
	if x.Len() != y.Len() {
		return false, nil
	}
	for _, item := range x.Items() {
		if err := m.chargeKey(item[0], 0); err != nil {
			return false, err
		}
		other, found, err := y.Get(item[0])
		if !found || err != nil {
			return false, hashError(err)
		}
		if same, err := m.equal(item[1], other, depth+1); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// chargeKey counts the work of hashing a key, which for nested tuples is more
// than their size.
func (m *machine) chargeKey(key starlark.Value, depth int) error {
	if depth > maxNesting {
		return errTooDeep
	}
	size := 8
	switch key := key.(type) {
	case starlark.String:
		size += len(key)
	case starlark.Tuple:
		for _, e := range key {
			if err := m.chargeKey(e, depth+1); err != nil {
				return err
			}
		}
	}
	return m.charge(size)
}

// order gives -1, 0 or 1, and 2 when the two are unordered (NaN).
func (m *machine) order(x, y starlark.Value, op string, depth int) (int, error) {
	if depth > maxNesting {
		return 0, errTooDeep
	}
	xn, xIsNumber := number(x)
	yn, yIsNumber := number(y)
	if xIsNumber && yIsNumber {
		for _, v := range []starlark.Value{xn, yn} {
			if f, ok := v.(starlark.Float); ok && f != f {
				return 2, nil
			}
		}
		return starlarkOrder(xn, yn)
	}
	switch a := x.(type) {
	case starlark.String:
		if b, ok := y.(starlark.String); ok {
			if err := m.charge(8 + min(len(a), len(b))); err != nil {
				return 0, err
			}
			return starlarkOrder(a, b) // the order of UTF-8 is the order of code points
		}
	case *starlark.List:
		if b, ok := y.(*starlark.List); ok {
			return m.orderSequences(a, b, op, depth)
		}
	case starlark.Tuple:
		if b, ok := y.(starlark.Tuple); ok {
			return m.orderSequences(a, b, op, depth)
		}
	case pyPath:
		if b, ok := y.(pyPath); ok {
			return m.orderSequences(a.partsTuple(), b.partsTuple(), op, depth)
		}
	}
	return 0, raise("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, typeName(x), typeName(y))
}

func starlarkOrder(x, y starlark.Value) (int, error) {
	if less, err := starlark.Compare(syntax.LT, x, y); err != nil || less {
		return -1, err
	}
	same, err := starlark.Compare(syntax.EQL, x, y)
	if same {
		return 0, err
	}
	return 1, err
}

func (m *machine) orderSequences(x, y starlark.Indexable, op string, depth int) (int, error) {
	for i := range min(x.Len(), y.Len()) {
		same, err := m.equal(x.Index(i), y.Index(i), depth+1)
		if err != nil {
			return 0, err
		}
		if !same {
			return m.order(x.Index(i), y.Index(i), op, depth+1)
		}
	}
	return starlarkOrder(starlark.MakeInt(x.Len()), starlark.MakeInt(y.Len()))
}

// contains is "item in container".
func (m *machine) contains(container, item starlark.Value) (bool, error) {
	switch c := container.(type) {
	case starlark.String:
		s, ok := item.(starlark.String)
		if !ok {
			return false, raise("TypeError", "'in <string>' requires string as left operand, not %s", typeName(item))
		}
		if err := m.charge(len(c)); err != nil {
			return false, err
		}
		return strings.Contains(string(c), string(s)), nil
	case *starlark.Dict:
		if err := m.chargeKey(item, 0); err != nil {
			return false, err
		}
		_, found, err := c.Get(item)
		return found, hashError(err)
	case *starlark.Set:
		if err := m.chargeKey(item, 0); err != nil {
			return false, err
		}
		found, err := c.Has(item)
		return found, hashError(err)
	case *namespace:
		return c.has(item)
	case starlark.Container: // range knows without looking at all of it
		found, err := c.Has(item)
		return found && err == nil, nil
	case starlark.Iterable:
		if err := m.charge(16 * max(starlark.Len(c), 0)); err != nil {
			return false, err
		}
		for e := range starlark.Elements(c) {
			if same, err := m.equal(e, item, 0); same || err != nil {
				return same, err
			}
		}
		return false, nil
	}
	return false, raise("TypeError", "argument of type '%s' is not iterable", typeName(container))
}

func hashError(err error) error {
	if err == nil {
		return nil
	}
	var ours *Exception
	if errors.As(err, &ours) {
		return err
	}
	return raise("TypeError", "%v", err)
}
