package manager

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/flamenco/api"
)

// document is what the Manager needs of the API document: its operations, and how their bodies have to look.
// Libraries for OpenAPI do far more, and take longer to start than the whole program.
type document struct {
	json       json.RawMessage // all of it
	operations []describedOperation
}

// describedOperation is an operation as the API document has it.
type describedOperation struct {
	id     string
	method string
	path   string
	body   *requestBody // nil when the operation has none
}

// apiDocument parses the API document once a process; nobody changes it.
var apiDocument = sync.OnceValues(func() (*document, error) { return parseDocument(api.Document()) })

// methods are the keys of a path that are operations.
var methods = map[string]string{
	"get": http.MethodGet, "put": http.MethodPut, "post": http.MethodPost, "delete": http.MethodDelete, "patch": http.MethodPatch,
	"head": http.MethodHead, "options": http.MethodOptions,
}

func parseDocument(text []byte) (*document, error) {
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	var described struct {
		Paths      map[string]map[string]json.RawMessage
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(encoded, &described); err != nil {
		return nil, err
	}
	doc := &document{json: encoded}
	schemas := schemaCompiler{components: described.Components.Schemas, done: map[string]*schema{}}
	for _, path := range slices.Sorted(maps.Keys(described.Paths)) {
		for key, raw := range described.Paths[path] {
			method, ok := methods[key]
			if !ok {
				continue // what all operations of the path share
			}
			op, err := parseOperation(raw, &schemas)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			op.method, op.path = method, path
			doc.operations = append(doc.operations, op)
		}
	}
	return doc, nil
}

func parseOperation(raw json.RawMessage, schemas *schemaCompiler) (op describedOperation, err error) {
	var described struct {
		OperationID string
		RequestBody *struct {
			Required bool
			Content  map[string]struct{ Schema map[string]any }
		}
	}
	if err := json.Unmarshal(raw, &described); err != nil {
		return op, err
	}
	op.id = described.OperationID
	if described.RequestBody == nil {
		return op, nil
	}
	op.body = &requestBody{required: described.RequestBody.Required, content: map[string]*schema{}}
	for contentType, media := range described.RequestBody.Content {
		if op.body.content[contentType], err = schemas.compile(media.Schema); err != nil {
			return op, err
		}
	}
	return op, nil
}

// requestBody is how the body of a request has to look.
type requestBody struct {
	required bool
	content  map[string]*schema // by media type
}

// schemaOf finds the schema for a Content-Type, whose parameters do not matter.
func (b *requestBody) schemaOf(contentType string) (*schema, bool) {
	mediaType, _, _ := strings.Cut(contentType, ";")
	s, ok := b.content[mediaType]
	return s, ok
}
