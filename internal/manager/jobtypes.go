package manager

import (
	"bytes"
	"crypto/sha1"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/flsync/flsync/flamenco/api"
)

// jobTypesJSON are the job types as a Manager 3.9 publishes them, without their etags.
//
//go:embed jobtypes.json
var jobTypesJSON []byte

// jobType is one job type: as it is published, and what makes tasks of its jobs.
type jobType struct {
	name      string
	etag      string
	published json.RawMessage
	compile   compiler
}

// loadJobTypes reads the job types. The etag is the SHA-1 of the published form with an empty etag, which
// gives the same etags as the real Manager has for the same settings.
func loadJobTypes() ([]jobType, error) {
	var published []json.RawMessage
	if err := json.Unmarshal(jobTypesJSON, &published); err != nil {
		return nil, fmt.Errorf("manager: job types: %w", err)
	}
	compilers := map[string]compiler{"echo-sleep-test": compileEcho, "simple-blender-render": compileRender}
	types := make([]jobType, 0, len(published))
	for _, raw := range published {
		t := jobType{}
		var described api.AvailableJobType
		var compact bytes.Buffer
		if err := errors.Join(json.Unmarshal(raw, &described), json.Compact(&compact, raw)); err != nil {
			return nil, fmt.Errorf("manager: job types: %w", err)
		}
		if t.name, t.compile = described.Name, compilers[described.Name]; t.compile == nil {
			return nil, fmt.Errorf("manager: nothing compiles job type %q", t.name)
		}
		sum := sha1.Sum(compact.Bytes())
		t.etag = hex.EncodeToString(sum[:])
		t.published = bytes.Replace(compact.Bytes(), []byte(`"etag":""`), []byte(`"etag":"`+t.etag+`"`), 1)
		types = append(types, t)
	}
	return types, nil
}

func (m *Manager) getJobTypes(q *request) error {
	var published []json.RawMessage
	for _, t := range m.types {
		published = append(published, t.published)
	}
	return q.reply(map[string]any{"job_types": published})
}

func (m *Manager) getJobType(q *request) error {
	for _, t := range m.types {
		if t.name == q.params["typeName"] {
			return q.reply(t.published)
		}
	}
	return refuse(http.StatusNotFound, "no such job type known")
}
