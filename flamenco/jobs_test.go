package flamenco

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/lab/long"
)

// TestJobsList: only a whole list is one. What is no list must not pass for "there are no jobs", because then
// jobs would be submitted twice.
func TestJobsList(t *testing.T) {
	for name, test := range map[string]struct {
		reply     string
		jobs      int
		failure   string
		temporary bool
	}{
		"none":          {reply: `{"jobs":[]}`},
		"some":          {reply: `{"new":{"jobs":[1]},"jobs":[{"id":"` + someID + `"},{"id":"` + someID + `"}],"more":[]}`, jobs: 2},
		"null":          {reply: `null`, failure: "null where {"},
		"no list":       {reply: `{}`, failure: "no list of jobs"},
		"null for list": {reply: `{"jobs":null}`, failure: "null where ["},
		"a list alone":  {reply: `[]`, failure: "[ where {"},
		"cut off":       {reply: `{"jobs":[{"id":"a"}`, failure: "breaks off", temporary: true},
		"cut at a job":  {reply: `{"jobs":[{"id":"a"},`, failure: "breaks off", temporary: true},
		"cut in a job":  {reply: `{"jobs":[{"id":"a`, failure: "breaks off", temporary: true},
		"cut at end":    {reply: `{"jobs":[{"id":"a"}]`, failure: "breaks off", temporary: true},
		"no id":         {reply: `{"jobs":[{"id":"` + someID + `"},{}]}`, failure: "no job id"},
		"id is a path":  {reply: `{"jobs":[{"id":"../../../x"}]}`, failure: `"../../../x" for a job id`},
		"too many":      {reply: `{"jobs":[` + strings.Repeat("{},", maxJobs) + `{}]}`, failure: "more than 250000 jobs"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "too many" {
				long.Test(t)
			}
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.reply) })
			jobs, err := client.Jobs(t.Context())
			if test.failure == "" {
				if err != nil || len(jobs) != test.jobs {
					t.Errorf("%d jobs, want %d: %v", len(jobs), test.jobs, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.failure) || IsTemporary(err) != test.temporary {
				t.Errorf("got %v, temporary %v", err, IsTemporary(err))
			}
		})
	}
}
