package manifest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/flsync/flsync/submit/internal/nearest"
)

//go:embed manifest.schema.json
var schemaText string

// compiled returns the schema ready for use. It is made into schemas of OpenAPI 3.0, which lacks
// patternProperties; what a job must have one of is taken out as well, because a job without it would not be
// checked further: see [source.byHand].
var compiled = sync.OnceValue(func() *openapi3.Schema {
	var root map[string]any
	err := json.Unmarshal([]byte(strings.ReplaceAll(schemaText, "#/$defs/", "#/components/schemas/")), &root)
	var document *openapi3.T
	if err == nil {
		schemas := root["$defs"].(map[string]any)
		delete(root, "$defs")
		schemas["manifest"] = root
		var text []byte
		if text, err = json.Marshal(map[string]any{"openapi": "3.0.3", "components": map[string]any{"schemas": schemas}}); err == nil {
			document, err = openapi3.NewLoader().LoadFromData(text)
		}
	}
	if err != nil {
		panic("manifest.schema.json: " + err.Error()) // a fault of this program, which any test finds
	}
	job := document.Components.Schemas["job"].Value
	job.AnyOf, job.Not = nil, nil
	return document.Components.Schemas["manifest"].Value
})

// validate checks a manifest against the schema and marks the values that are wrong.
func (s *source) validate(root *node) {
	value := root.plain()
	if fields, ok := value.(map[string]any); ok {
		maps.DeleteFunc(fields, func(key string, _ any) bool { return strings.HasPrefix(key, "x-") })
	}
	s.addInvalid(root, compiled().VisitJSON(value, openapi3.MultiErrors()))
	s.byHand(root.at("defaults"), false)
	if jobs := root.at("jobs"); jobs != nil {
		for _, job := range jobs.value.items {
			s.byHand(&pair{value: job}, true)
		}
	}
}

// byHand checks a job, or the defaults for jobs, for what compiled leaves out.
func (s *source) byHand(of *pair, job bool) {
	if of == nil || !of.value.isMap() {
		return
	}
	n := of.value
	switch {
	case job && n.has("blend") && n.has("glob"):
		s.errs.Add(n.at("glob").pos, "a job has either blend or glob, not both")
		n.wrong = true
	case job && !n.has("blend") && !n.has("glob") && !n.has("name"):
		s.errs.Add(n.pos, "a job needs blend, glob, or for a job type without a blend file a name")
		n.wrong = true
	}
	if metadata := n.at("metadata"); metadata != nil {
		for _, p := range metadata.value.pairs {
			if strings.HasPrefix(p.key, "flsync.") {
				s.errs.Add(p.value.pos, "metadata that begins with flsync. is flsync's own")
				p.value.wrong = true
			}
		}
	}
}

// addInvalid reports what the schema does not allow.
func (s *source) addInvalid(root *node, err error) {
	var invalid *openapi3.SchemaError
	switch err := err.(type) {
	case nil:
		return
	case openapi3.MultiError:
		for _, one := range err {
			s.addInvalid(root, one)
		}
		return
	case *openapi3.SchemaError:
		invalid = err
	default:
		root.wrong = true
		s.errs.Add(root.pos, "%v", err)
		return
	}
	path, key := invalid.JSONPointer(), ""
	if invalid.SchemaField == "required" {
		path, key = path[:len(path)-1], path[len(path)-1]
	}
	at, name := root.find(path)
	message := ""
	switch schema := invalid.Schema; invalid.SchemaField {
	case "properties":
		_, _ = fmt.Sscanf(invalid.Reason, "property %q", &key) // nothing else names it
		s.errs.Add(at.at(key).pos, "unknown field %s%s", key, nearest.Hint(key, slices.Sorted(maps.Keys(schema.Properties))))
		return
	case "required":
		s.errs.Add(at.pos, "%s is missing", key)
		at.wrong = at.wrong || len(path) > 0
		return
	case "type", "nullable":
		var want []string
		for _, typ := range schema.Type.Slice() {
			if typ != "null" {
				want = append(want, article(typ))
			}
		}
		got := typeOf(invalid.Value)
		message = fmt.Sprintf("%s is %s, it should be %s", name, article(got), strings.Join(want, " or "))
		if schema.Type.Includes("string") && (got == "number" || got == "boolean") {
			message += "; put it in quotes"
		}
	case "enum":
		var names []string
		for _, want := range schema.Enum {
			names = append(names, fmt.Sprint(want))
		}
		got := fmt.Sprint(invalid.Value)
		message = fmt.Sprintf("%s is %q, it can be %s%s", name, got, strings.Join(names, " or "), nearest.Hint(got, names))
		if name == "version" {
			message = fmt.Sprintf("version is %s, this program knows %s", got, strings.Join(names, " and "))
		}
	case "minimum":
		message = fmt.Sprintf("%s is %s, the lowest is %v", name, decimal(invalid.Value), *schema.Min)
	case "maximum":
		message = fmt.Sprintf("%s is %s, the highest is %v", name, decimal(invalid.Value), *schema.Max)
	case "minLength":
		message = name + " is empty"
	default:
		message = fmt.Sprintf("%s does not keep to %s of the schema", name, invalid.SchemaField)
	}
	at.wrong = true
	s.errs.Add(at.pos, "%s", message)
}

func decimal(number any) string {
	if f, ok := number.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(number)
}

// typeOf names the type of a plain value as JSON Schema does.
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

func article(typ string) string {
	words := map[string]string{
		"string": "text", "object": "a mapping", "array": "a list", "integer": "a whole number", "number": "a number", "null": "nothing",
		"boolean": "true or false",
	}
	return words[typ]
}

// find follows a path of keys and numbers, and gives the last key as a name for people.
func (n *node) find(path []string) (*node, string) {
	name := "the manifest"
	for _, step := range path {
		if n.isSeq() {
			i, _ := strconv.Atoi(step)
			n = n.items[i]
			if name == "jobs" {
				name = "the job"
			}
			continue
		}
		n, name = n.at(step).value, step
	}
	return n, name
}
