package manifest

import (
	_ "embed"
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

// compiled returns the schema ready for use.
var compiled = sync.OnceValue(func() *jsonschema.Schema {
	const name = "manifest.schema.json"
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(schemaText))
	compiler := jsonschema.NewCompiler()
	if err == nil {
		err = compiler.AddResource(name, document)
	}
	if err != nil {
		panic(name + ": " + err.Error()) // a fault of this program, which any test finds
	}
	return compiler.MustCompile(name)
})

// validate checks a manifest against the schema and marks the values that are wrong.
func (s *source) validate(root *node) {
	var invalid *jsonschema.ValidationError
	if errors.As(compiled().Validate(root.plain()), &invalid) {
		s.addInvalid(root, invalid)
	}
}

// addInvalid reports what the schema does not allow in one value, or in those below it.
func (s *source) addInvalid(root *node, invalid *jsonschema.ValidationError) {
	at, name := root.find(invalid.InstanceLocation)
	message := ""
	switch k := invalid.ErrorKind.(type) {
	case *kind.AnyOf:
		message = "a job needs blend, glob, or for a job type without a blend file a name"
	case *kind.Not:
		at.wrong = true
		s.errs.Add(at.at("glob").pos, "a job has either blend or glob, not both")
		return
	case *kind.FalseSchema:
		message = "metadata that begins with flsync. is flsync's own"
	case *kind.AdditionalProperties:
		for _, property := range k.Properties {
			s.errs.Add(at.at(property).pos, "unknown field %s%s", property, nearest.Hint(property, fieldsAt(invalid.InstanceLocation)))
		}
		return
	case *kind.Required:
		s.errs.Add(at.pos, "%s is missing", strings.Join(k.Missing, ", "))
		if len(invalid.InstanceLocation) > 0 {
			at.wrong = true
		}
		return
	case *kind.Type:
		var want []string
		for _, typ := range k.Want {
			if typ != "null" {
				want = append(want, article(typ))
			}
		}
		message = fmt.Sprintf("%s is %s, it should be %s", name, article(k.Got), strings.Join(want, " or "))
		if slices.Contains(k.Want, "string") && (k.Got == "number" || k.Got == "boolean") {
			message += "; put it in quotes"
		}
	case *kind.Enum:
		var names []string
		for _, want := range k.Want {
			names = append(names, fmt.Sprint(want))
		}
		message = fmt.Sprintf("%s is %q, it can be %s%s", name, fmt.Sprint(k.Got), strings.Join(names, " or "), nearest.Hint(fmt.Sprint(k.Got), names))
	case *kind.Const:
		message = fmt.Sprintf("%s is %v, this program knows %v", name, k.Got, k.Want)
	case *kind.Minimum:
		message = fmt.Sprintf("%s is %s, the lowest is %s", name, k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		message = fmt.Sprintf("%s is %s, the highest is %s", name, k.Got.RatString(), k.Want.RatString())
	case *kind.MinLength, *kind.MinItems:
		message = name + " is empty"
	default:
		for _, cause := range invalid.Causes {
			s.addInvalid(root, cause)
		}
		if len(invalid.Causes) > 0 {
			return
		}
		message = fmt.Sprintf("%s does not keep to %s of the schema", name, strings.Join(k.KeywordPath(), "/"))
	}
	at.wrong = true
	s.errs.Add(at.pos, "%s", message)
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

// fieldsAt returns the fields that the schema has at a place.
func fieldsAt(path []string) []string {
	at := compiled()
	for _, step := range path {
		if at.Items2020 != nil {
			at = at.Items2020
		} else {
			at = at.Properties[step]
		}
		if at.Ref != nil {
			at = at.Ref
		}
	}
	return slices.Sorted(maps.Keys(at.Properties))
}
