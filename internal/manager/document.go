package manager

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3filter"
)

func (m *Manager) getOpenAPI(q *request) error {
	document, err := document()
	if err != nil {
		return err
	}
	return q.reply(document)
}

// check validates a request's body against the API document and returns it with defaults filled in. The real
// Manager uses the same library, so that words and order of the complaints agree.
func (q *request) check(data []byte) ([]byte, error) {
	if q.op.body == nil {
		return data, nil
	}
	r := q.r.Clone(q.r.Context())
	r.Body = io.NopCloser(bytes.NewReader(data))
	err := openapi3filter.ValidateRequestBody(r.Context(), &openapi3filter.RequestValidationInput{Request: r}, q.op.body)
	if err == nil {
		return io.ReadAll(r.Body)
	}
	words, _, _ := strings.Cut(err.Error(), "\nSchema:\n") // what follows repeats the whole schema
	return nil, refuseBare(http.StatusBadRequest, "%s", words)
}
