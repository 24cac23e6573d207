package manager

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
)

// outcome is what became of a body.
type outcome struct{ Body, Error string }

// reference checks a body with the library that the real Manager uses.
func reference(body *openapi3.RequestBody, contentType, data string) outcome {
	r, err := http.NewRequest(http.MethodPost, "/", strings.NewReader(data))
	if err != nil {
		return outcome{Error: err.Error()}
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	input := &openapi3filter.RequestValidationInput{Request: r}
	if err := openapi3filter.ValidateRequestBody(r.Context(), input, body); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\nSchema:\n") // from there on it repeats the whole schema
		return outcome{Error: strings.TrimPrefix(first, "request body has an error: ")}
	}
	left, err := io.ReadAll(r.Body)
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Body: string(left)}
}

func ours(body *requestBody, contentType, data string) outcome {
	left, err := body.check(contentType, []byte(data))
	if err != nil {
		return outcome{Error: err.Error()}
	}
	return outcome{Body: string(bytes.TrimSpace(left))}
}

// bodies pairs each operation's body with that of the library, by operationId.
func bodies(t testing.TB) (map[string]*requestBody, map[string]*openapi3.RequestBody) {
	doc, err := apiDocument()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	a, b := map[string]*requestBody{}, map[string]*openapi3.RequestBody{}
	for _, op := range doc.operations {
		described := theirs.Paths.Value(op.path).GetOperation(op.method)
		if described == nil || described.OperationID != op.id || (described.RequestBody == nil) != (op.body == nil) {
			t.Fatalf("%s %s %s is not what the document has", op.id, op.method, op.path)
		}
		if op.body != nil {
			a[op.id], b[op.id] = op.body, described.RequestBody.Value
		}
	}
	return a, b
}

// seeds are bodies for all operations: right ones, wrong ones, and nonsense.
var seeds = []string{
	"", "{", "null", "true", "[]", "1", `"x"`, "{}", `{} trailing`, "1e999", `{"priority": 1e999}`,
	`{"name": "n", "type": "t", "submitter_platform": "linux"}`, `{"name": "n", "type": "t", "priority": 1.5, "submitter_platform": "linux"}`,
	`{"name": "n", "type": "t", "priority": null, "submitter_platform": "linux", "metadata": {"a": 1}}`,
	`{"name": "n", "type": "t", "submitter_platform": "linux", "metadata": {"a/b": null}, "settings": {"x": null, "n": 12345678901234567890}}`,
	`{"name": "n", "type": "t", "submitter_platform": "linux", "initial_status": "odd", "storage": {"shaman_checkout_id": []}}`,
	`{"name": null, "type": 3}`, `{"status": "odd", "reason": "r"}`, `{"status": 3}`, `{"status": null, "reason": ""}`, `{"status": "paused", "reason": 5}`,
	`{"priority": -1}`, `{"priority": 101}`, `{"priority": 50.0}`, `{"priority": "50"}`, `{"priority": []}`,
	`{"last_updated_max": "2024-02-30T10:00:00Z"}`, `{"last_updated_max": "yesterday"}`, `{"last_updated_max": null}`,
	`{"files": [{"sha": "a", "size": 1, "path": "p"}, {"sha": "a", "size": 1.5, "path": "p"}]}`, `{"files": [{"sha": "a", "size": 1}]}`, `{"files": [null]}`, `{"files": {}}`,
	`{"checkoutPath": "c", "files": [{"sha": 1, "size": "1", "path": "p"}]}`, `{"path": false}`, `{"tag_ids": ["a", 1]}`,
	`[{"worker_id": "w", "task_type": "t"}]`, `[{"worker_id": 1}]`, `{"id": "x", "name": "n", "description": null, "workers": [1], "other": null}`,
	`{"is_active": "yes", "days_of_week": "mo", "start_time": "", "end_time": "", "other": null}`,
	`{"taskStatus": "odd", "steps_completed": 1.5}`, `{"is_lazy": 1, "status": "asleep"}`, `{"name": "é\n<b>", "<a>": null}`,
}

// TestBodiesAgree: bodies are judged as the library judges them that the real Manager uses, in the same words.
func TestBodiesAgree(t *testing.T) {
	a, b := bodies(t)
	for id := range a {
		for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "text/plain", "image/png", ""} {
			for _, body := range seeds {
				if diff := cmp.Diff(reference(b[id], contentType, body), ours(a[id], contentType, body)); diff != "" {
					t.Errorf("%s %s %s (-library +ours)\n%s", id, contentType, body, diff)
				}
			}
		}
	}
}

func FuzzBodies(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	a, b := bodies(f)
	huge := regexp.MustCompile(`[eE]\+?[0-9]{3}|[0-9]{300}`) // the library forgets the place of some of them
	f.Fuzz(func(t *testing.T, body string) {
		if huge.MatchString(body) {
			t.Skip()
		}
		for id := range a {
			if diff := cmp.Diff(reference(b[id], "application/json", body), ours(a[id], "application/json", body)); diff != "" {
				t.Errorf("%s (-library +ours)\n%s", id, diff)
			}
		}
	})
}

// TestUnknownKeywords: what our reading of schemas does not know it refuses, wherever it is.
func TestUnknownKeywords(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{`{type: string, pattern: a}`, "pattern:"},
		{`{type: object, properties: {a: {type: array, items: {oneOf: []}}}}`, "properties: a: items: oneOf:"},
		{`{type: object, additionalProperties: false}`, "additionalProperties:"},
		{`{type: string, format: uuid}`, "format:"},
		{`{enum: [1]}`, "enum:"},
		{`{$ref: "#/components/schemas/None"}`, "there is no schema"},
	} {
		text := "paths: {/a: {post: {operationId: a, requestBody: {content: {application/json: {schema: " + test.schema + "}}}}}}"
		if _, err := parseDocument([]byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.schema, err, test.want)
		}
	}
}
