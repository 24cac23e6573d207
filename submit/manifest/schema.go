package manifest

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/flsync/flsync/submit/internal/nearest"
)

//go:embed manifest.schema.json
var schemaText string

// Schema returns the JSON Schema of manifests, for editors.
func Schema() string { return schemaText }

// compiled returns the schema ready for use. It is compiled once, because that
// takes longer than reading most manifests.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schemaText))
	if err != nil {
		panic(err) // a fault of this program, which any test finds
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("manifest.schema.json", document); err != nil {
		panic(err)
	}
	return compiler.MustCompile("manifest.schema.json")
})

// validate checks a manifest against the schema and returns the places of the
// values that are wrong, as paths, so that they can be left out.
func (s *source) validate(root *node) map[string]bool {
	err := compiled().Validate(root.plain())
	wrong := map[string]bool{}
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		s.addSchemaErrors(root, invalid, wrong)
	} else if err != nil {
		s.errs.Add(root.pos, "%v", err)
	}
	return wrong
}

// addSchemaErrors puts the schema's errors into words, from the leaves on.
func (s *source) addSchemaErrors(root *node, e *jsonschema.ValidationError, wrong map[string]bool) {
	at, name := root.find(e.InstanceLocation)
	path := strings.Join(e.InstanceLocation, "/")
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf:
		s.errs.Add(at.pos, "a job needs blend, glob, or for a job type without a blend file a name")
		wrong[path] = true
		return
	case *kind.Not:
		if len(e.InstanceLocation) > 0 && at.isMap() {
			s.errs.Add(at.key("glob").pos, "a job has either blend or glob, not both")
			wrong[path] = true
		}
		return
	case *kind.FalseSchema:
		wrong[path] = true
		s.errs.Add(at.pos, "metadata that begins with flsync. is flsync's own")
		return
	case *kind.AdditionalProperties:
		for _, property := range k.Properties {
			s.errs.Add(at.key(property).pos, "unknown field %s%s", property, nearest.Hint(property, fieldsAt(e.InstanceLocation)))
		}
		return
	case *kind.Required:
		s.errs.Add(at.pos, "%s is missing", strings.Join(k.Missing, ", "))
		return
	}
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			s.addSchemaErrors(root, cause, wrong)
		}
		return
	}
	wrong[path] = true
	s.errs.Add(at.pos, "%s", explain(name, at, e.ErrorKind))
}

// explain says what is wrong with one value.
func explain(name string, at *node, k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		text := fmt.Sprintf("%s is %s, it should be %s", name, article(k.Got), alternatives(k.Want))
		if slices.Contains(k.Want, "string") && (k.Got == "number" || k.Got == "integer" || k.Got == "boolean") {
			text += "; put it in quotes"
		}
		return text
	case *kind.Enum:
		var names []string
		for _, want := range k.Want {
			names = append(names, fmt.Sprint(want))
		}
		return fmt.Sprintf("%s is %q, it can be %s%s", name, fmt.Sprint(k.Got), strings.Join(names, " or "), nearest.Hint(fmt.Sprint(k.Got), names))
	case *kind.Const:
		return fmt.Sprintf("%s is %v, this program knows %v", name, k.Got, k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("%s is %s, the lowest is %s", name, k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("%s is %s, the highest is %s", name, k.Got.RatString(), k.Want.RatString())
	case *kind.MinLength:
		return name + " is empty"
	case *kind.MinItems:
		return name + " is empty"
	}
	return fmt.Sprintf("%s: %s", name, k)
}

func article(typ string) string {
	switch typ {
	case "string":
		return "text"
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "integer":
		return "a whole number"
	case "null":
		return "nothing"
	case "boolean":
		return "true or false"
	}
	return "a " + typ
}

func alternatives(types []string) string {
	var names []string
	for _, typ := range types {
		if typ != "null" {
			names = append(names, article(typ))
		}
	}
	return strings.Join(names, " or ")
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
		next := n.get(step)
		if next == nil {
			break // the name of a property itself
		}
		n, name = next, step
	}
	return n, name
}

// fieldsAt are the fields that the schema has at a place.
func fieldsAt(path []string) []string {
	var schema struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(schemaText), &schema); err != nil {
		return nil
	}
	fields := schema.Properties
	switch {
	case len(path) == 1 && path[0] == "defaults":
		fields = schema.Defs["defaults"].Properties
	case len(path) == 2 && path[0] == "jobs":
		fields = schema.Defs["job"].Properties
	}
	return slices.Sorted(maps.Keys(fields))
}
