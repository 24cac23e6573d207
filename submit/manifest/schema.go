package manifest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/flsync/flsync/submit/internal/nearest"
)

//go:embed manifest.schema.json
var schemaText string

// compiled returns the schema ready for use.
var compiled = sync.OnceValue(func() *schema {
	s, err := compileSchema(schemaText)
	if err != nil {
		panic("manifest.schema.json: " + err.Error()) // a fault of this program, which any test finds
	}
	return s
})

// validate checks a manifest against the schema and returns the places of the
// values that are wrong, as paths, so that they can be left out.
func (s *source) validate(root *node) map[string]bool {
	wrong := map[string]bool{}
	for _, v := range compiled().validate(root.plain()) {
		s.addViolation(root, v, wrong)
	}
	return wrong
}

// addViolation puts what is wrong with one value into words.
func (s *source) addViolation(root *node, v violation, wrong map[string]bool) {
	at, name := root.find(v.path)
	path := strings.Join(v.path, "/")
	switch v.keyword {
	case "anyOf":
		s.errs.Add(at.pos, "a job needs blend, glob, or for a job type without a blend file a name")
	case "not":
		s.errs.Add(at.key("glob").pos, "a job has either blend or glob, not both")
	case "false":
		s.errs.Add(at.pos, "metadata that begins with flsync. is flsync's own")
	case "additionalProperties":
		for _, property := range v.names {
			s.errs.Add(at.key(property).pos, "unknown field %s%s", property, nearest.Hint(property, fieldsAt(v.path)))
		}
		return
	case "required":
		s.errs.Add(at.pos, "%s is missing", strings.Join(v.names, ", "))
		return
	default:
		s.errs.Add(at.pos, "%s", explain(name, v))
	}
	wrong[path] = true
}

// explain says what is wrong with one value.
func explain(name string, v violation) string {
	switch v.keyword {
	case "type":
		got, want := v.got.(string), v.want.([]string)
		text := fmt.Sprintf("%s is %s, it should be %s", name, article(got), alternatives(want))
		if slices.Contains(want, "string") && (got == "number" || got == "boolean") {
			text += "; put it in quotes"
		}
		return text
	case "enum":
		var names []string
		for _, want := range v.want.([]any) {
			names = append(names, fmt.Sprint(want))
		}
		return fmt.Sprintf("%s is %q, it can be %s%s", name, fmt.Sprint(v.got), strings.Join(names, " or "), nearest.Hint(fmt.Sprint(v.got), names))
	case "const":
		return fmt.Sprintf("%s is %v, this program knows %v", name, v.got, v.want)
	case "minimum":
		return fmt.Sprintf("%s is %s, the lowest is %s", name, v.got.(*big.Rat).RatString(), v.want.(*big.Rat).RatString())
	case "maximum":
		return fmt.Sprintf("%s is %s, the highest is %s", name, v.got.(*big.Rat).RatString(), v.want.(*big.Rat).RatString())
	case "minLength", "minItems":
		return name + " is empty"
	}
	return fmt.Sprintf("%s does not keep to %s of the schema", name, v.keyword)
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
