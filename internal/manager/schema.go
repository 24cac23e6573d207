package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// schema is how a JSON value has to look, as OpenAPI 3.0 describes it. It knows the keywords that bodies of requests have
// in the API document; compiling fails on any other.
type schema struct {
	name       string // "#/components/schemas/…" where it is referred to, else ""
	typ        string // "" for any but null, which OpenAPI has to allow by name
	format     string
	enum       []any
	minimum    *float64
	maximum    *float64
	properties map[string]*schema
	required   []string
	additional *schema // for properties not listed; nil for anything, null too
	items      *schema
	fallback   any // for a property that is missing or null; only numbers have one
}

// schemaCompiler makes schemas out of the parsed document.
type schemaCompiler struct {
	components map[string]map[string]any
	done       map[string]*schema // by name, from the moment that they are begun: they may refer to themselves
}

func (c *schemaCompiler) compile(raw map[string]any) (*schema, error) {
	if ref, ok := raw["$ref"].(string); ok { // what stands beside it does not count in OpenAPI 3.0
		return c.reference(ref)
	}
	s := new(schema)
	return s, c.into(s, raw)
}

func (c *schemaCompiler) reference(ref string) (*schema, error) {
	if s, ok := c.done[ref]; ok {
		return s, nil
	}
	raw, ok := c.components[strings.TrimPrefix(ref, "#/components/schemas/")]
	if !ok {
		return nil, fmt.Errorf("there is no schema %s", ref)
	}
	s := &schema{name: ref}
	c.done[ref] = s
	return s, c.into(s, raw)
}

func (c *schemaCompiler) into(s *schema, raw map[string]any) error {
	for _, keyword := range slices.Sorted(maps.Keys(raw)) {
		if err := c.keyword(s, keyword, raw[keyword]); err != nil {
			return fmt.Errorf("%s: %w", keyword, err)
		}
	}
	return nil
}

var errKeyword = errors.New("not a value, or not a keyword, that is known here")

func (c *schemaCompiler) keyword(s *schema, keyword string, value any) (err error) {
	ok := true
	switch keyword {
	case "description":
	case "type":
		s.typ, ok = value.(string)
	case "format":
		s.format, ok = value.(string)
		ok = ok && slices.Contains([]string{"date-time", "int64", "binary"}, s.format)
	case "enum":
		s.enum, ok = value.([]any)
		ok = ok && !slices.ContainsFunc(s.enum, func(v any) bool { _, isText := v.(string); return !isText })
	case "minimum":
		s.minimum = new(float64)
		*s.minimum, ok = value.(float64)
	case "maximum":
		s.maximum = new(float64)
		*s.maximum, ok = value.(float64)
	case "default":
		var number float64
		number, ok = value.(float64)
		s.fallback = json.Number(fmt.Sprint(number)) // as the body's own numbers are
	case "items":
		s.items, err = c.child(value)
	case "additionalProperties":
		if value != true {
			s.additional, err = c.child(value)
		}
	case "required":
		var list []any
		list, ok = value.([]any)
		for _, name := range list {
			s.required = append(s.required, fmt.Sprint(name))
		}
	case "properties":
		var properties map[string]any
		properties, ok = value.(map[string]any)
		s.properties = map[string]*schema{}
		for name, raw := range properties {
			if s.properties[name], err = c.child(raw); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	default:
		ok = strings.HasPrefix(keyword, "x-")
	}
	if err == nil && !ok {
		err = errKeyword
	}
	return err
}

func (c *schemaCompiler) child(raw any) (*schema, error) {
	described, ok := raw.(map[string]any)
	if !ok {
		return nil, errKeyword
	}
	return c.compile(described)
}

// check holds a request's body against what is described, in the words that the real Manager has for what is wrong. It
// returns the body with defaults filled in.
func (b *requestBody) check(contentType string, data []byte) ([]byte, error) {
	if len(data) == 0 {
		if b.required {
			return nil, errors.New("value is required but missing")
		}
		return data, nil
	}
	s, ok := b.schemaOf(contentType)
	if !ok {
		return nil, fmt.Errorf("header Content-Type has unexpected value %q", contentType)
	}
	if s.format == "binary" {
		return data, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // large numbers survive
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("failed to decode request body: %w", err)
	}
	c := checker{}
	if err := c.check(s, value, ""); err != nil {
		return nil, fmt.Errorf("doesn't match schema%s: %w", spaced(s.name), err)
	}
	if !c.filled {
		return data, nil
	}
	return json.Marshal(value)
}

func spaced(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

// checker checks one value.
type checker struct {
	filled bool // a default went into the value
}

// wrong makes the error for a value at a path, "" for the whole.
func wrong(path, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	if path == "" {
		return errors.New(reason)
	}
	return errors.New(`Error at "` + path + `": ` + reason)
}

// check stops at the first thing that is wrong: enum before type, and properties in the order of their names.
func (c *checker) check(s *schema, value any, path string) error {
	if s.enum != nil && !slices.Contains(s.enum, value) {
		allowed, err := json.Marshal(s.enum)
		if err != nil {
			return err
		}
		return wrong(path, "value is not one of the allowed values %s", allowed)
	}
	if value == nil {
		return wrong(path, "Value is not nullable")
	}
	if s.typ == "" {
		return nil
	}
	switch value := value.(type) {
	case json.Number:
		return s.checkNumber(value, path)
	case string:
		if s.typ == "string" {
			return s.checkString(value, path)
		}
	case bool:
		if s.typ == "boolean" {
			return nil
		}
	case []any:
		if s.typ == "array" {
			return c.checkArray(s, value, path)
		}
	case map[string]any:
		if s.typ == "object" {
			return c.checkObject(s, value, path)
		}
	}
	return s.wrongType(path)
}

func (s *schema) wrongType(path string) error {
	article := "a"
	switch s.typ {
	case "array", "object", "integer":
		article = "an"
	}
	return wrong(path, "value must be %s %s", article, s.typ)
}

func (s *schema) checkNumber(number json.Number, path string) error {
	value, err := number.Float64()
	switch {
	case err != nil:
		return wrong(path, "%v", err)
	case s.typ == "integer":
		if !big.NewFloat(value).IsInt() {
			return wrong(path, "value must be an integer")
		}
	case s.typ != "number":
		return s.wrongType(path)
	}
	switch {
	case s.minimum != nil && value < *s.minimum:
		return wrong(path, "number must be at least %g", *s.minimum)
	case s.maximum != nil && value > *s.maximum:
		return wrong(path, "number must be at most %g", *s.maximum)
	}
	return nil
}

// dateTimePattern is quoted in what the real Manager says.
const dateTimePattern = `^[0-9]{4}-(0[1-9]|10|11|12)-(0[1-9]|[12][0-9]|3[01])T([0-1][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?(Z|(\+|-)[0-9]{2}:[0-9]{2})$`

var dateTime = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(dateTimePattern) })

func (s *schema) checkString(value, path string) error {
	if s.format == "date-time" && !dateTime().MatchString(value) {
		return wrong(path, `string doesn't match the format "date-time": string doesn't match pattern "%s"`, dateTimePattern)
	}
	return nil
}

func (c *checker) checkArray(s *schema, list []any, path string) error {
	if s.items == nil {
		return nil
	}
	for i, item := range list {
		if err := c.check(s.items, item, path+"/"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) checkObject(s *schema, object map[string]any, path string) error {
	for name, property := range s.properties {
		if property.fallback != nil && object[name] == nil {
			object[name] = property.fallback
			c.filled = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		property, ok := s.properties[name]
		if !ok {
			property = s.additional
		}
		if property == nil {
			continue
		}
		if err := c.check(property, object[name], path+"/"+name); err != nil {
			return err
		}
	}
	for _, name := range s.required {
		if _, ok := object[name]; !ok {
			return wrong(path+"/"+name, "property %q is missing", name)
		}
	}
	return nil
}
