package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"syscall"

	"github.com/google/uuid"
)

// request is one request on its way.
type request struct {
	m      *Manager
	w      http.ResponseWriter
	r      *http.Request
	op     *operation
	params map[string]string
}

// apiError is a failure as the Manager words it.
type apiError struct {
	status  int
	message string
	bare    bool // without "code"; see refuseBare
}

func (e *apiError) Error() string { return e.message }

// refuse makes the error of a request that cannot be granted.
func refuse(status int, format string, args ...any) error {
	return &apiError{status: status, message: fmt.Sprintf(format, args...)}
}

// refuseBare makes the error of what comes from in front of the operations: routing, validation, authentication.
func refuseBare(status int, format string, args ...any) *apiError {
	return &apiError{status: status, message: fmt.Sprintf(format, args...), bare: true}
}

// errDiskFull is what a write to a full disk fails with.
const errDiskFull = syscall.ENOSPC

func isDiskFull(err error) bool {
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112) // of Windows
	windows := runtime.GOOS == "windows" && (errors.Is(err, handleDiskFull) || errors.Is(err, diskFull))
	return windows || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// fail answers with err.
func (m *Manager) fail(q *request, err error) {
	var known *apiError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
	case errors.As(err, &tooLarge):
		known = &apiError{status: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("request body is larger than %d bytes", tooLarge.Limit)}
	case isDiskFull(err):
		known = &apiError{status: http.StatusInsufficientStorage, message: "the Manager's disk is full: " + err.Error()}
	default:
		known = &apiError{status: http.StatusInternalServerError, message: "unexpected error: " + err.Error()}
	}
	if known.status >= 500 && q.r.Context().Err() == nil {
		m.log.Error("request failed", "operation", q.op.id, "path", q.r.URL.Path, "error", err)
	}
	writeError(q.w, known)
}

func writeError(w http.ResponseWriter, e *apiError) {
	body := struct {
		Code    int    `json:"code,omitempty"`
		Message string `json:"message"`
	}{e.status, e.message}
	if e.bare {
		body.Code = 0
	}
	writeJSON(w, e.status, body)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body := append(encode(value), '\n')
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone; nobody is left to tell
}

// reply answers 200 with value as JSON.
func (q *request) reply(value any) error {
	writeJSON(q.w, http.StatusOK, value)
	return nil
}

// empty answers with a status and no body.
func (q *request) empty(status int) error {
	q.w.WriteHeader(status)
	return nil
}

// ok answers 204 when err is nil.
func (q *request) ok(err error) error {
	if err != nil {
		return err
	}
	return q.empty(http.StatusNoContent)
}

// id returns the UUID in a path parameter, or a 400 with the message that the real Manager has for it.
func (q *request) id(param, message string) (string, error) {
	id := q.params[param]
	if !validID(id) {
		return "", refuse(http.StatusBadRequest, "%s", message)
	}
	return id, nil
}

func validID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// decode validates the JSON body against the API document and reads it into value. It ignores what follows
// the value, as the real Manager does.
func (q *request) decode(value any) error {
	data, err := q.body()
	if err != nil {
		return err
	}
	return q.decodeBody(data, value)
}

func (q *request) decodeBody(data []byte, value any) error {
	data, err := q.check(data)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(value); err != nil {
		return refuse(http.StatusBadRequest, "invalid format")
	}
	return nil
}

// body reads the whole body, up to Config.MaxBody.
func (q *request) body() ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, q.m.cfg.MaxBody))
	if err != nil && !errors.As(err, new(*http.MaxBytesError)) {
		err = refuse(http.StatusBadRequest, "reading the request body: %v", err)
	}
	return data, err
}
