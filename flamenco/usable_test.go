package flamenco

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

const someID = "12345678-0000-4000-8000-000000000000"

// TestBadReplies: well-formed JSON whose fields cannot be used is an error that passes for no success, is not
// worth another attempt, and quotes little of what came.
func TestBadReplies(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	submit := func(ctx context.Context, c *Client) error {
		_, err := c.SubmitJob(ctx, api.SubmittedJob{})
		return err
	}
	checkout := func(ctx context.Context, c *Client) error {
		_, err := c.ShamanCheckout(ctx, api.ShamanCheckout{CheckoutPath: "a"})
		return err
	}
	jobs := func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx); return err }
	tags := func(ctx context.Context, c *Client) error { _, err := c.Tags(ctx); return err }
	types := func(ctx context.Context, c *Client) error { _, err := c.JobTypes(ctx); return err }
	configuration := func(ctx context.Context, c *Client) error { _, err := c.Configuration(ctx); return err }
	for name, test := range map[string]struct {
		call         func(context.Context, *Client) error
		reply, wants string // no failure is wanted when it is empty
	}{
		"job":                      {submit, `{"id":"` + someID + `"}`, ""},
		"job null":                 {submit, `null`, "no job id"},
		"job empty":                {submit, `{}`, "no job id"},
		"job id is a path":         {submit, `{"id":"../../../x"}`, `"../../../x" for a job id`},
		"job id in another form":   {submit, `{"id":"{` + someID + `}"}`, "for a job id"},
		"job id with escape codes": {submit, `{"id":"\u001b[2J` + someID[4:] + `"}`, "for a job id"},
		"job id is long":           {submit, `{"id":"` + long + `"}`, "for a job id"},
		"job status is long":       {submit, `{"id":"` + someID + `","status":"` + long + `"}`, "1048576 bytes for a job"},
		"job checkout is long":     {submit, `{"id":"` + someID + `","storage":{"shaman_checkout_id":"` + long + `"}}`, "for a checkout path"},
		"job in list":              {jobs, `{"jobs":[{"id":"` + someID + `"},{"id":".."}]}`, "for a job id"},
		"checkout":                 {checkout, `{"checkoutPath":"a/b"}`, ""},
		"checkout null":            {checkout, `null`, "no checkout path"},
		"checkout path leaves":     {checkout, `{"checkoutPath":"../a"}`, "for a checkout path"},
		"checkout path is long":    {checkout, `{"checkoutPath":"` + long + `"}`, "for a checkout path"},
		"tag":                      {tags, `{"tags":[{"id":"x","name":"GPU"}]}`, "for a tag id"},
		"job type":                 {types, `{"job_types":[{"name":"` + long + `"}]}`, "bytes for a job type"},
		"setting":                  {types, `{"job_types":[{"name":"a","settings":[{"key":"` + long + `","type":"string"}]}]}`, "bytes for a setting"},
		"storage":                  {configuration, `{"storageLocation":"` + long + `"}`, "bytes for a storage location"},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.reply) })
			err := test.call(t.Context(), client)
			if test.wants == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrBadReply) || IsTemporary(err) || !strings.Contains(err.Error(), test.wants) || len(err.Error()) > 500 {
				t.Errorf("got %.600v, temporary %v", err, IsTemporary(err))
			}
		})
	}
}
