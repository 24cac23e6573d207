package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// apiDiff is how one description of an API differs from another. Each list is sorted.
type apiDiff struct {
	newOperations, goneOperations        []string // "get /api/v3/jobs"
	newFields, goneFields, changedFields []string // "Job.activity"
}

// compareAPI compares our document with a Manager's. Documentation and examples do not count. A schema that
// only one of them has is a matter of how the document is written, not of the API.
func compareAPI(ours, theirs []byte) (d apiDiff, err error) {
	a, err := openapi3.NewLoader().LoadFromData(ours)
	if err != nil {
		return d, fmt.Errorf("our own description: %w", err)
	}
	b, err := openapi3.NewLoader().LoadFromData(theirs)
	if err != nil {
		return d, err
	}
	d.newOperations, d.goneOperations, _ = compareKeys(operations(a), operations(b))
	d.newFields, d.goneFields, d.changedFields = compareKeys(fields(a, b), fields(b, a))
	d.goneFields = slices.DeleteFunc(d.goneFields, func(f string) bool {
		name, field, _ := strings.Cut(f, ".")
		return !required(schemas(a)[name].Value, field)
	})
	return d, nil
}

// operations maps "get /path" to nothing in particular. The description does not list itself.
func operations(d *openapi3.T) map[string]string {
	all := make(map[string]string)
	for path, item := range d.Paths.Map() {
		for method := range item.Operations() {
			if !strings.HasSuffix(path, "/openapi3.json") {
				all[strings.ToLower(method)+" "+path] = ""
			}
		}
	}
	return all
}

func schemas(d *openapi3.T) openapi3.Schemas {
	if d.Components == nil {
		return nil
	}
	return d.Components.Schemas
}

// fields maps "Schema.field" to its type, for schemas that the other document has too.
func fields(d, other *openapi3.T) map[string]string {
	all := make(map[string]string)
	for name, s := range schemas(d) {
		if schemas(other)[name] != nil {
			collectFields(all, name, s.Value, 0)
		}
	}
	return all
}

func collectFields(all map[string]string, name string, s *openapi3.Schema, depth int) {
	const deepest = 8 // of allOf in allOf
	if depth > deepest {
		return
	}
	for field, f := range s.Properties {
		all[name+"."+field] = ""
		if f.Ref == "" && f.Value.Type != nil {
			all[name+"."+field] = strings.Join(f.Value.Type.Slice(), " ")
		}
	}
	for _, part := range s.AllOf {
		collectFields(all, name, part.Value, depth+1)
	}
}

// required reports whether every object of a schema has a field. Others may be lacking in older Managers.
func required(s *openapi3.Schema, field string) bool {
	return slices.Contains(s.Required, field) ||
		slices.ContainsFunc(s.AllOf, func(part *openapi3.SchemaRef) bool {
			return part.Ref == "" && slices.Contains(part.Value.Required, field)
		})
}

// compareKeys compares types by name. One that is not known, as that of a $ref, agrees with every other.
func compareKeys(ours, theirs map[string]string) (added, gone, changed []string) {
	for _, k := range sortedKeys(theirs) {
		switch o, ok := ours[k]; {
		case !ok:
			added = append(added, k)
		case o != theirs[k] && o != "" && theirs[k] != "":
			changed = append(changed, k)
		}
	}
	for _, k := range sortedKeys(ours) {
		if _, ok := theirs[k]; !ok {
			gone = append(gone, k)
		}
	}
	return added, gone, changed
}
