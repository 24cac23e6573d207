package eval

import "go.starlark.net/starlark"

// arguments hands out the arguments of a call one by one.
type arguments struct {
	function string
	pos      starlark.Tuple
	kw       []starlark.Tuple
}

// required takes the next positional argument.
func (a *arguments) required() (starlark.Value, error) {
	if len(a.pos) == 0 {
		return nil, raise("TypeError", "%s() takes more arguments", a.function)
	}
	v := a.pos[0]
	a.pos = a.pos[1:]
	return v, nil
}

func (a *arguments) mustStr() (string, error) {
	v, err := a.required()
	if err != nil {
		return "", err
	}
	s, ok := v.(starlark.String)
	if !ok {
		return "", raise("TypeError", "%s() wants a str, not %s", a.function, typeName(v))
	}
	return string(s), nil
}

// optional takes the next positional argument or the one of that name, else nil.
func (a *arguments) optional(name string) starlark.Value {
	if len(a.pos) > 0 {
		v := a.pos[0]
		a.pos = a.pos[1:]
		return v
	}
	return a.keyword(name)
}

// keyword takes the argument of that name, else nil.
func (a *arguments) keyword(name string) starlark.Value {
	for i, kv := range a.kw {
		if string(kv[0].(starlark.String)) == name {
			a.kw = append(append([]starlark.Tuple{}, a.kw[:i]...), a.kw[i+1:]...)
			return kv[1]
		}
	}
	return nil
}

func (a *arguments) int(name string, without int) (int, error) {
	v := a.optional(name)
	if v == nil {
		return without, nil
	}
	return toIndex(v)
}

func (a *arguments) str(name, without string) (string, error) {
	v := a.optional(name)
	if v == nil {
		return without, nil
	}
	s, ok := v.(starlark.String)
	if !ok {
		return "", raise("TypeError", "%s() wants a str, not %s", a.function, typeName(v))
	}
	return string(s), nil
}

// truth is a flag given by name.
func (a *arguments) truth(name string, without bool) bool {
	if v := a.keyword(name); v != nil {
		return bool(v.Truth())
	}
	return without
}

// end refuses arguments that nobody took.
func (a *arguments) end() error {
	if len(a.pos) > 0 {
		return raise("TypeError", "%s() got too many arguments", a.function)
	}
	if len(a.kw) > 0 {
		return raise("TypeError", "%s() got an unexpected keyword argument %s", a.function, a.kw[0][0])
	}
	return nil
}
