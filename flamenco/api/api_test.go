package api

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

func TestDocument(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(Document())
	if err != nil {
		t.Fatal(err)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	operations := map[string]bool{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == "" || operation.Summary == "" || len(operation.Tags) != 1 {
				t.Errorf("%s %s lacks its name, summary or tag", method, path)
			}
			if operations[operation.OperationID] {
				t.Errorf("there are two of %s", operation.OperationID)
			}
			operations[operation.OperationID] = true
		}
	}
	if len(operations) != 58 {
		t.Errorf("%d operations, want the 57 of the Manager's own document and its document itself", len(operations))
	}
}

// What a newer Manager adds survives being read, changed and written, to the last digit.
func TestUnknownFieldsSurvive(t *testing.T) {
	for name, test := range map[string]struct {
		value any
		text  string
	}{
		"tag":      {new(WorkerTag), `{"colour":{"r":1.0},"id":"t","n":12345678901234567890,"name":"GPU"}`},
		"schedule": {new(WorkerSleepSchedule), `{"days_of_week":"","end_time":"18:00","is_active":false,"start_time":"09:00","zone":null}`},
	} {
		if err := json.Unmarshal([]byte(test.text), test.value); err != nil {
			t.Error(err)
		}
		got, err := json.Marshal(test.value)
		if diff := cmp.Diff(test.text, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

// A status that this package does not know is no error.
func TestUnknownStatus(t *testing.T) {
	var job Job
	if err := json.Unmarshal([]byte(`{"status":"dreaming"}`), &job); err != nil {
		t.Fatal(err)
	}
	if job.Status != "dreaming" || job.Status.Valid() || !JobStatusQueued.Valid() {
		t.Errorf("status %q, valid %v", job.Status, job.Status.Valid())
	}
}
