package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// apiDiff is how one description of an API differs from another. Each list is sorted.
type apiDiff struct {
	newOperations, goneOperations        []string // "GET /api/v3/jobs"
	newFields, goneFields, changedFields []string // "Job.activity"
}

// apiDocument is what of an OpenAPI document is compared.
type apiDocument struct {
	Paths      map[string]map[string]any `yaml:"paths" json:"paths"`
	Components struct {
		Schemas map[string]apiSchema `yaml:"schemas" json:"schemas"`
	} `yaml:"components" json:"components"`
}

type apiSchema struct {
	Type       string               `yaml:"type" json:"type"`
	Required   []string             `yaml:"required" json:"required"`
	Properties map[string]apiSchema `yaml:"properties" json:"properties"`
	AllOf      []apiSchema          `yaml:"allOf" json:"allOf"`
	Ref        string               `yaml:"$ref" json:"$ref"`
}

// compareAPI compares our document (YAML) with a Manager's (JSON). Documentation and examples do not count,
// nor operations that have nothing to do with a Manager's work (its web pages).
func compareAPI(ours, theirs []byte) (apiDiff, error) {
	var a, b apiDocument
	if err := yaml.Unmarshal(ours, &a); err != nil {
		return apiDiff{}, fmt.Errorf("our own description: %w", err)
	}
	if err := json.Unmarshal(theirs, &b); err != nil {
		return apiDiff{}, err
	}
	var d apiDiff
	d.newOperations, d.goneOperations, _ = compareKeys(operations(a), operations(b))
	// A schema that only one side has is a matter of how the document is written, not of the API.
	for name := range a.Components.Schemas {
		if _, both := b.Components.Schemas[name]; !both {
			delete(a.Components.Schemas, name)
		}
	}
	for name := range b.Components.Schemas {
		if _, both := a.Components.Schemas[name]; !both {
			delete(b.Components.Schemas, name)
		}
	}
	d.newFields, d.goneFields, d.changedFields = compareKeys(fields(a), fields(b))
	d.goneFields = slices.DeleteFunc(d.goneFields, func(f string) bool { return !required(a, f) })
	return d, nil
}

// operations maps "get /path" to nothing in particular. The description does not list itself.
func operations(d apiDocument) map[string]string {
	all := make(map[string]string)
	for path, methods := range d.Paths {
		if strings.HasSuffix(path, "/openapi3.json") {
			continue
		}
		for _, method := range []string{"get", "put", "post", "delete", "patch"} {
			if _, ok := methods[method]; ok {
				all[method+" "+path] = ""
			}
		}
	}
	return all
}

// fields maps "Schema.field" to its type, for schemas that operations of ours use.
func fields(d apiDocument) map[string]string {
	all := make(map[string]string)
	for name, s := range d.Components.Schemas {
		collectFields(all, d, name, s, 0)
	}
	return all
}

// required tells whether every object of its schema has a field "Schema.field". Others may be lacking in
// older Managers.
func required(d apiDocument, field string) bool {
	schema, name, _ := strings.Cut(field, ".")
	s := d.Components.Schemas[schema]
	if slices.Contains(s.Required, name) {
		return true
	}
	return slices.ContainsFunc(s.AllOf, func(part apiSchema) bool { return slices.Contains(part.Required, name) })
}

func collectFields(all map[string]string, d apiDocument, name string, s apiSchema, depth int) {
	const deepest = 8 // of allOf in allOf
	if depth > deepest {
		return
	}
	for field, f := range s.Properties {
		all[name+"."+field] = f.Type
	}
	for _, part := range s.AllOf {
		const prefix = "#/components/schemas/"
		if len(part.Ref) > len(prefix) {
			part = d.Components.Schemas[part.Ref[len(prefix):]]
		}
		collectFields(all, d, name, part, depth+1)
	}
}

func compareKeys(ours, theirs map[string]string) (added, gone, changed []string) {
	for k, t := range theirs {
		switch o, ok := ours[k]; {
		case !ok:
			added = append(added, k)
		case o != t && o != "" && t != "": // a $ref on one side says no type
			changed = append(changed, k)
		}
	}
	for k := range ours {
		if _, ok := theirs[k]; !ok {
			gone = append(gone, k)
		}
	}
	slices.Sort(added)
	slices.Sort(gone)
	slices.Sort(changed)
	return added, gone, changed
}
