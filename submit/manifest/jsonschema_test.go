package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// reference is the schema as a complete implementation of JSON Schema has it.
func reference(t testing.TB) *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schemaText))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("manifest.schema.json", document); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("manifest.schema.json")
}

// flatten lists what the reference finds wrong, as we have it.
func flatten(t testing.TB, err error) (list []violation) {
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("%v", err)
	}
	v := violation{path: invalid.InstanceLocation}
	switch k := invalid.ErrorKind.(type) {
	case *kind.AnyOf:
		v.keyword = "anyOf"
	case *kind.Not:
		v.keyword = "not"
	case *kind.FalseSchema:
		v.keyword = "false"
	case *kind.AdditionalProperties:
		v.keyword, v.names = "additionalProperties", k.Properties
		slices.Sort(v.names)
	case *kind.Required:
		v.keyword, v.names = "required", k.Missing
	case *kind.Type:
		v.keyword, v.got, v.want = "type", k.Got, k.Want
	case *kind.Enum:
		v.keyword, v.got, v.want = "enum", k.Got, k.Want
	case *kind.Const:
		v.keyword, v.got, v.want = "const", k.Got, k.Want
	case *kind.Minimum:
		v.keyword, v.got, v.want = "minimum", k.Got, k.Want
	case *kind.Maximum:
		v.keyword, v.got, v.want = "maximum", k.Got, k.Want
	case *kind.MinLength:
		v.keyword, v.got, v.want = "minLength", k.Got, k.Want
	case *kind.MinItems:
		v.keyword, v.got, v.want = "minItems", k.Got, k.Want
	default:
		if len(invalid.Causes) == 0 {
			t.Fatalf("%T is not known here", k)
		}
		for _, cause := range invalid.Causes {
			list = append(list, flatten(t, cause)...)
		}
		return list
	}
	return []violation{v}
}

// lines are violations in an order of their own, each as text.
func lines(list []violation) []string {
	out := []string{}
	for _, v := range list {
		switch v.keyword {
		case "not", "anyOf", "false":
			v.got = nil // the whole value, which the reference does not give
		}
		for _, number := range []*any{&v.got, &v.want} {
			if r, ok := (*number).(*big.Rat); ok {
				*number = r.RatString()
			}
		}
		out = append(out, fmt.Sprintf("%q %s %q %v %v", v.path, v.keyword, v.names, v.got, v.want))
	}
	slices.Sort(out)
	return out
}

// agree holds our reading of the schema against the reference.
func agree(t *testing.T, schema *jsonschema.Schema, v any) {
	t.Helper()
	if diff := cmp.Diff(lines(flatten(t, schema.Validate(v))), lines(compiled().validate(v))); diff != "" {
		t.Errorf("%v\n(-reference +ours)\n%s", v, diff)
	}
}

// parse reads a manifest of any format, as Load does; nil when it cannot be read.
func parse(name string, data []byte) *node {
	s := &source{name: name, data: data, errs: new(Errors)}
	if !s.clean() {
		return nil
	}
	switch filepath.Ext(name) {
	case ".json":
		return s.parseJSON("the manifest")
	case ".jsonl":
		return s.parseJSONL()
	case ".csv":
		return s.parseCSV()
	}
	return s.parseYAML()
}

// TestSchemaAgrees: our reading of the schema finds the same as a complete
// implementation, in all manifests of the tests and in values that try each keyword.
func TestSchemaAgrees(t *testing.T) {
	schema := reference(t)
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if root := parse(filepath.Base(file), data); root != nil && filepath.Ext(file) != ".txt" {
			agree(t, schema, root.plain())
			checked++
		}
	}
	if checked < 8 {
		t.Errorf("only %d manifests could be read", checked)
	}
	for _, content := range []string{exampleYAML, exampleJSON} {
		agree(t, schema, parse("m.yaml", []byte(content)).plain())
	}

	// Every value in every place of a manifest.
	values := []any{
		nil, true, "", "x", "é", "queued", int64(0), int64(1), int64(-1), int64(100), int64(101), 1.0, 1.5, 0.1, 100.5, -1e300, 1e300,
		[]any{}, []any{""}, []any{"a", int64(1), nil}, []any{[]any{}}, map[string]any{}, map[string]any{"a": "b"}, map[string]any{"a": []any{}},
		map[string]any{"flsync.key": "x", "flsyncs": "y", "": nil}, map[string]any{"blend": "", "glob": int64(1)},
		map[string]any{"blend": "a", "glob": "b", "x-a": 1.5}, map[string]any{"name": nil, "neme": nil, "x-": nil},
	}
	fields := append(fieldsAt([]string{"jobs", "0"}), "x-a", "ax-", "other")
	for _, v := range values {
		agree(t, schema, v)
		for _, field := range append(fieldsAt(nil), "x-a", "ax-", "other") {
			agree(t, schema, map[string]any{field: v})
			agree(t, schema, map[string]any{field: v, "jobs": []any{map[string]any{"name": "n"}}})
		}
		agree(t, schema, map[string]any{"jobs": []any{v, v}})
		for _, field := range fields {
			job := map[string]any{field: v}
			agree(t, schema, map[string]any{"jobs": []any{job}, "defaults": job})
		}
	}
}

func FuzzSchema(f *testing.F) {
	schema := reference(f)
	for _, seed := range []string{
		`{"version": 1.0, "jobs": [{"blend": "a", "priority": 70.0, "settings": {"a": null}, "metadata": {"flsync.x": "y"}}]}`,
		`{"version": "1", "defaults": {"priority": -1, "files": ""}, "jobs": []}`, `[]`, `{"jobs": [{"blend": "a", "glob": "b", "x": 1}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		var v any
		if json.Unmarshal([]byte(content), &v) != nil {
			t.Skip("no JSON")
		}
		agree(t, schema, v)
	})
}

// TestUnknownKeywords: what our reading of schemas does not know it refuses, wherever it is.
func TestUnknownKeywords(t *testing.T) {
	for _, tt := range []struct{ schema, want string }{
		{`{"type": "string", "format": "date"}`, "format:"},
		{`{"properties": {"a": {"items": {"uniqueItems": true}}}}`, "properties: a: items: uniqueItems:"},
		{`{"$defs": {"a": {"oneOf": []}}}`, "a: oneOf:"},
		{`{"anyOf": [{"maxLength": 3}]}`, "anyOf: maxLength:"},
		{`{"patternProperties": {"^a": {"pattern": "b"}}}`, "patternProperties: ^a: pattern:"},
		{`{"patternProperties": {"(": {}}}`, "patternProperties: error parsing regexp"},
		{`{"type": "text"}`, "type:"},
		{`{"type": 3}`, "type:"},
		{`{"const": [1]}`, "const:"},
		{`{"enum": [{}]}`, "enum:"},
		{`{"minimum": "1"}`, "minimum:"},
		{`{"minLength": -1}`, "minLength:"},
		{`{"minItems": 1.5}`, "minItems:"},
		{`{"required": "a"}`, "required:"},
		{`{"not": 1}`, "not: 1 is no schema"},
		{`{"$ref": "#/$defs/none"}`, "$ref: #/$defs/none is not in $defs"},
		{`{"$ref": "other.json"}`, "$ref: other.json is not in $defs"},
		{`[]`, "cannot unmarshal"},
	} {
		if _, err := compileSchema(tt.schema); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.schema, err, tt.want)
		}
	}
}

// TestSchemaRefersToItself: a definition may contain itself.
func TestSchemaRefersToItself(t *testing.T) {
	s, err := compileSchema(`{"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if !s.accepts([]any{[]any{}, []any{[]any{}}}) || s.accepts([]any{[]any{[]any{"x"}}}) {
		t.Error("the tree is not checked to its leaves")
	}
}
