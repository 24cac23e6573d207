package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// schema is a JSON Schema (draft 2020-12) ready for use. It knows the keywords that
// manifest.schema.json uses, and compiling fails on any other. There are libraries
// for all of JSON Schema; the one that says precisely enough what is wrong where
// takes longer to start than flsync does.
type schema struct {
	nothing    bool    // the schema false
	ref        *schema // holds in addition to the rest
	types      []string
	constant   any
	enum       []any
	minimum    *big.Rat
	maximum    *big.Rat
	minLength  int // characters
	minItems   int
	required   []string
	properties map[string]*schema
	patterns   []patternProperty
	additional *schema // for properties that neither properties nor patterns name
	items      *schema
	anyOf      []*schema
	not        *schema
}

type patternProperty struct {
	name   *regexp.Regexp
	schema *schema
}

// violation is one value that does not keep to the schema.
type violation struct {
	path    []string // keys and indexes from the root to the value
	keyword string   // that is violated; "false" for a schema that nothing keeps to
	names   []string // properties that are missing (required) or unknown (additionalProperties), sorted
	got     any      // the value; for type its type, for minimum and maximum a *big.Rat
	want    any      // what the schema has for the keyword; for type a []string
}

// typeNames are the types of JSON Schema in the order in which people are told of them.
var typeNames = []string{"null", "boolean", "number", "integer", "string", "array", "object"}

// schemaCompiler turns the parsed text of a schema into one that is ready for use.
type schemaCompiler struct {
	defs map[string]any
	done map[string]*schema // of defs, from the moment that they are begun: they may refer to themselves
}

// compileSchema fails on what is no schema and on any keyword that is not known here.
func compileSchema(text string) (*schema, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return nil, err
	}
	defs, _ := root["$defs"].(map[string]any)
	c := &schemaCompiler{defs: defs, done: map[string]*schema{}}
	for name := range defs { // those that nothing refers to as well: their keywords count
		if _, err := c.reference("#/$defs/" + name); err != nil {
			return nil, err
		}
	}
	return c.compile(root)
}

func (c *schemaCompiler) compile(raw any) (*schema, error) {
	s := new(schema)
	return s, c.into(s, raw)
}

func (c *schemaCompiler) into(s *schema, raw any) error {
	switch raw := raw.(type) {
	case bool:
		s.nothing = !raw
		return nil
	case map[string]any:
		for _, keyword := range slices.Sorted(maps.Keys(raw)) {
			if err := c.keyword(s, keyword, raw[keyword]); err != nil {
				return fmt.Errorf("%s: %w", keyword, err)
			}
		}
		return nil
	}
	return fmt.Errorf("%v is no schema", raw)
}

var errKeyword = errors.New("not a value, or not a keyword, that is known here")

func (c *schemaCompiler) keyword(s *schema, keyword string, value any) (err error) {
	ok := true
	switch keyword {
	case "$schema", "$defs", "title", "description": // they demand nothing
	case "$ref":
		s.ref, err = c.reference(fmt.Sprint(value))
	case "type":
		if one, isOne := value.(string); isOne {
			value = []any{one}
		}
		s.types, ok = texts(value)
		slices.SortFunc(s.types, func(a, b string) int { return slices.Index(typeNames, a) - slices.Index(typeNames, b) })
		ok = ok && !slices.ContainsFunc(s.types, func(name string) bool { return !slices.Contains(typeNames, name) })
	case "const":
		s.constant, ok = value, isScalar(value) && value != nil
	case "enum":
		s.enum, ok = value.([]any)
		ok = ok && !slices.ContainsFunc(s.enum, func(v any) bool { return !isScalar(v) })
	case "minimum":
		s.minimum, ok = rat(value)
	case "maximum":
		s.maximum, ok = rat(value)
	case "minLength":
		s.minLength, ok = count(value)
	case "minItems":
		s.minItems, ok = count(value)
	case "required":
		s.required, ok = texts(value)
	case "properties":
		s.properties = map[string]*schema{}
		var properties map[string]any
		properties, ok = value.(map[string]any)
		for name, raw := range properties {
			if s.properties[name], err = c.compile(raw); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	case "patternProperties":
		var patterns map[string]any
		patterns, ok = value.(map[string]any)
		for _, pattern := range slices.Sorted(maps.Keys(patterns)) {
			p := patternProperty{}
			if p.name, err = regexp.Compile(pattern); err != nil {
				return err
			}
			if p.schema, err = c.compile(patterns[pattern]); err != nil {
				return fmt.Errorf("%s: %w", pattern, err)
			}
			s.patterns = append(s.patterns, p)
		}
	case "additionalProperties":
		s.additional, err = c.compile(value)
	case "items":
		s.items, err = c.compile(value)
	case "not":
		s.not, err = c.compile(value)
	case "anyOf":
		var list []any
		list, ok = value.([]any)
		for _, raw := range list {
			one, err := c.compile(raw)
			if err != nil {
				return err
			}
			s.anyOf = append(s.anyOf, one)
		}
	default:
		ok = false
	}
	if err == nil && !ok {
		err = errKeyword
	}
	return err
}

// reference finds a schema below $defs.
func (c *schemaCompiler) reference(ref string) (*schema, error) {
	name, ok := strings.CutPrefix(ref, "#/$defs/")
	raw, known := c.defs[name]
	if !ok || !known {
		return nil, fmt.Errorf("%s is not in $defs", ref)
	}
	if s, ok := c.done[name]; ok {
		return s, nil
	}
	s := new(schema)
	c.done[name] = s
	if err := c.into(s, raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// texts returns a list that holds only strings.
func texts(value any) ([]string, bool) {
	list, ok := value.([]any)
	var out []string
	for _, item := range list {
		text, isText := item.(string)
		out, ok = append(out, text), ok && isText
	}
	return out, ok
}

func isScalar(v any) bool {
	name := typeName(v)
	return name != "array" && name != "object"
}

// count returns a whole number that is not negative.
func count(value any) (int, bool) {
	number, ok := value.(json.Number)
	n, err := strconv.Atoi(string(number))
	return n, ok && err == nil && n >= 0
}

// rat returns the exact value of a number.
func rat(v any) (*big.Rat, bool) {
	switch v.(type) {
	case json.Number, int64, float64:
		return new(big.Rat).SetString(fmt.Sprint(v))
	}
	return nil, false
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// same compares scalars; 1 and 1.0 are the same.
func same(a, b any) bool {
	if !isScalar(a) || !isScalar(b) {
		return false
	}
	x, isNumber := rat(a)
	if y, both := rat(b); isNumber && both {
		return x.Cmp(y) == 0
	}
	return a == b
}

// validate returns all that is wrong in v, which is of nil, bool, string, int64,
// float64, []any and map[string]any.
func (s *schema) validate(v any) []violation {
	var found []violation
	s.check(v, nil, func(wrong violation) { found = append(found, wrong) })
	return found
}

// accepts says whether v keeps to the schema.
func (s *schema) accepts(v any) bool { return len(s.validate(v)) == 0 }

// check tells of all that is wrong in v. Of a value of the wrong type or other than
// those allowed, nothing else is told.
func (s *schema) check(v any, path []string, tell func(violation)) {
	wrong := func(keyword string, got, want any, names ...string) {
		tell(violation{path: path, keyword: keyword, names: names, got: got, want: want})
	}
	switch {
	case s.nothing:
		wrong("false", v, nil)
		return
	case s.types != nil && !s.allowsType(v):
		wrong("type", typeName(v), s.types)
		return
	case s.constant != nil && !same(v, s.constant):
		wrong("const", v, s.constant)
		return
	case s.enum != nil && !slices.ContainsFunc(s.enum, func(allowed any) bool { return same(v, allowed) }):
		wrong("enum", v, s.enum)
		return
	}
	if s.ref != nil {
		s.ref.check(v, path, tell)
	}
	switch v := v.(type) {
	case map[string]any:
		s.checkObject(v, path, tell)
	case []any:
		if len(v) < s.minItems {
			wrong("minItems", len(v), s.minItems)
		}
		if s.items != nil {
			for i, item := range v {
				s.items.check(item, below(path, strconv.Itoa(i)), tell)
			}
		}
	case string:
		if n := utf8.RuneCountInString(v); n < s.minLength {
			wrong("minLength", n, s.minLength)
		}
	case int64, float64:
		number, _ := rat(v)
		if s.minimum != nil && number.Cmp(s.minimum) < 0 {
			wrong("minimum", number, s.minimum)
		}
		if s.maximum != nil && number.Cmp(s.maximum) > 0 {
			wrong("maximum", number, s.maximum)
		}
	}
	if s.not != nil && s.not.accepts(v) {
		wrong("not", v, nil)
	}
	if s.anyOf != nil && !slices.ContainsFunc(s.anyOf, func(one *schema) bool { return one.accepts(v) }) {
		wrong("anyOf", v, nil)
	}
}

// allowsType says whether v has one of the types. A number without a fraction is an integer too.
func (s *schema) allowsType(v any) bool {
	name := typeName(v)
	if slices.Contains(s.types, name) {
		return true
	}
	number, ok := rat(v)
	return ok && slices.Contains(s.types, "integer") && number.IsInt()
}

func (s *schema) checkObject(object map[string]any, path []string, tell func(violation)) {
	var missing, unknown []string
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			missing = append(missing, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		value, known := object[name], false
		if property, ok := s.properties[name]; ok {
			known = true
			property.check(value, below(path, name), tell)
		}
		for _, p := range s.patterns {
			if p.name.MatchString(name) {
				known = true
				p.schema.check(value, below(path, name), tell)
			}
		}
		switch {
		case known || s.additional == nil:
		case s.additional.nothing:
			unknown = append(unknown, name)
		default:
			s.additional.check(value, below(path, name), tell)
		}
	}
	if missing != nil {
		tell(violation{path: path, keyword: "required", names: missing})
	}
	if unknown != nil {
		tell(violation{path: path, keyword: "additionalProperties", names: unknown})
	}
}

// below returns a path one step further down, which shares no memory with others.
func below(path []string, step string) []string {
	return append(slices.Clip(path), step)
}
