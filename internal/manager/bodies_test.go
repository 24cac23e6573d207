package manager

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/routers/legacy/pathpattern"
)

// bodySeeds are bodies for all operations: right ones, wrong ones, and nonsense.
var bodySeeds = []string{
	"", "{", "null", "true", "[]", "1", `"x"`, "{}", "{} ", "{} trailing", "1e999", `{"priority": 1e999}`,
	`{"name": "n", "type": "t", "submitter_platform": "linux"}`, `{"name": "n", "type": "t", "priority": 1.5, "submitter_platform": "linux"}`,
	`{"name": "n", "type": "t", "submitter_platform": "linux", "metadata": {"a/b": null}, "settings": {"n": 12345678901234567890}}`,
	`{"name": null, "type": 3}`, `{"status": "odd", "reason": "r"}`, `{"status": "paused", "reason": 5}`, `{"priority": 101}`,
	`{"last_updated_max": "2024-02-30T10:00:00Z"}`, `{"files": [{"sha": "a", "size": 1, "path": "p"}]}`, `{"files": [null]}`,
	`{"checkoutPath": "c", "files": [{"sha": 1, "size": "1", "path": "p"}]}`, `{"tag_ids": ["a", 1]}`,
	`[{"worker_id": "w", "task_type": "t"}]`, `{"id": "x", "name": "n", "description": null, "other": null}`,
	`{"is_active": "yes", "days_of_week": "mo", "start_time": "", "end_time": ""}`, `{"taskStatus": "odd", "steps_completed": 1.5}`,
}

// validate checks a body for an operation, as decode does.
func validate(op *operation, body string) error {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	q := &request{r: r, op: op}
	var value any
	return q.decodeBody([]byte(body), &value)
}

// operations lists those below a node of the routes.
func operations(n *pathpattern.Node) (all []*operation) {
	if methods, ok := n.Value.(map[string]*operation); ok {
		all = slices.Collect(maps.Values(methods))
	}
	for _, s := range n.Suffixes {
		all = append(all, operations(s.Node)...)
	}
	return all
}

// FuzzBodies: a body is taken or refused with 400, and what follows a JSON value does not matter.
func FuzzBodies(f *testing.F) {
	for _, seed := range bodySeeds {
		f.Add(seed)
	}
	routes, err := new(Manager).newRoutes()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, op := range operations(routes) {
			if op.body == nil || op.body.Content["application/json"] == nil {
				continue
			}
			err := validate(op, body)
			var refused *apiError
			if err != nil && (!errors.As(err, &refused) || refused.status != http.StatusBadRequest) {
				t.Errorf("%s: %v", op.id, err)
			}
			if strings.TrimSpace(body) == "" {
				continue
			}
			if trailing := validate(op, body+" \n"); (err == nil) != (trailing == nil) {
				t.Errorf("%s: %v, and with trailing space %v", op.id, err, trailing)
			}
		}
	})
}

// TestTrailingBytes: what follows the JSON value of a body is ignored.
func TestTrailingBytes(t *testing.T) {
	routes, err := new(Manager).newRoutes()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations(routes) {
		if op.id != "submitJobCheck" {
			continue
		}
		const job = `{"name": "n", "type": "t", "submitter_platform": "linux", "priority": 50}`
		for _, end := range []string{"", " ", "\n", " trailing", "{"} {
			if err := validate(op, job+end); err != nil {
				t.Errorf("with %q at its end: %v", end, err)
			}
		}
	}
}
