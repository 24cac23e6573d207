package managertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// testErrors sends what is wrong, and compares status and words of the answer. What the Manager checks against
// its API document has no "code" in the reply; what its operations refuse has.
func (s *suite) testErrors(t *testing.T) {
	for _, v := range vectors(t, "errors") {
		var status int
		var kind string
		must(t, failure(fmt.Sscan(v.lines[0], &status, &kind)))
		_, want, _ := strings.Cut(v.lines[0], kind+" ")
		call := append(strings.SplitN(v.head, " ", 3), "")
		method, path, body := call[0], call[1], call[2]
		t.Run(method+path, func(t *testing.T) {
			s.skipError(t, path+body)
			contentType := ""
			if body != "" {
				contentType = "application/json"
			}
			got, reply := s.raw(t, method, "/api/v3"+path, contentType, body)
			text, coded := message(reply)
			if !s.latest() { // words, and the status of what routing and validation refuse, are of each release
				if got != status && (kind == "coded" || got/100 != 4) {
					t.Errorf("%s\nis %d, %s, want %d", body, got, reply, status)
				}
				return
			}
			if got != status || !strings.HasPrefix(text, want) || coded != (kind == "coded") {
				t.Errorf("%s\nis   %d, %s\nwant %s", body, got, reply, v.lines[0])
			}
		})
	}
	status, reply := s.raw(t, http.MethodPost, "/api/v3/jobs", "text/plain", "{}")
	if text, _ := message(reply); status != 400 || s.latest() && text != `request body has an error: header Content-Type has unexpected value "text/plain"` {
		t.Errorf("content type: %d %s", status, reply)
	}
}

// skipError leaves out errors of operations that the Manager does not have.
func (s *suite) skipError(t *testing.T, call string) {
	for part, addition := range map[string]string{
		"/settag": "setJobTag", "/mass-delete": "deleteJobMass", "initial_status": "SubmittedJob.initial_status",
	} {
		if strings.Contains(call, part) && s.lacks(addition) {
			t.Skipf("%s is since %v", addition, api.Since(addition))
		}
	}
	if strings.Contains(call, "/shaman/") && !s.shaman {
		t.Skip("Shaman is off")
	}
}
