package settings

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
)

// TestDiffOfStored: what the Manager fills in is no difference.
func TestDiffOfStored(t *testing.T) {
	newer := api.JobSettings{"chunk_size": 5, "render_output_path": "/mnt/r/sh010/{timestamp}/######", "root": "/mnt/r"}
	for output, want := range map[string][]string{
		"/mnt/r/sh010/2026-11-30_004856/######":  {"chunk_size 3 → 5"},
		"{nas}/r/sh010/2026-11-30_004856/######": {"chunk_size 3 → 5"},
		"/mnt/q/sh010/2026-11-30_004856/######":  {"chunk_size 3 → 5", "render_output_path /mnt/q/sh010/2026-11-30_004856/###### → /mnt/r/sh010/{timestamp}/######"},
		"{nas}/r/sh020/2026-11-30_004856/######": {"chunk_size 3 → 5", "render_output_path {nas}/r/sh020/2026-11-30_004856/###### → /mnt/r/sh010/{timestamp}/######"},
	} {
		older := api.JobSettings{"chunk_size": float64(3), "render_output_path": output, "root": "{nas}/r"}
		if diff := cmp.Diff(want, Diff(older, newer)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", output, diff)
		}
	}
}
