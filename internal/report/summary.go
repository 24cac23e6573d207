package report

import (
	"fmt"
	"strings"
	"time"
)

// Summary closes a run; it is the last event, whatever happened before.
type Summary struct {
	OK        bool        `json:"ok"`
	ExitCode  int         `json:"exit_code"`
	Run       string      `json:"run"`
	Duration  float64     `json:"duration_s"` // seconds
	DryRun    bool        `json:"dry_run,omitempty"`
	Files     FileCounts  `json:"files"`
	Store     StoreCounts `json:"store"`
	Checkouts []Checkout  `json:"checkouts"`
	Jobs      JobCounts   `json:"jobs"`
	Lacks     LackCounts  `json:"lacks"`
	// Checked counts the shots of a check, Spoiled those of them whose frames would be wrong.
	Checked int          `json:"checked,omitempty"`
	Spoiled int          `json:"spoiled,omitempty"`
	Stages  []StageTimes `json:"stages,omitempty"`

	// What was sent, the largest shares first.
	SentByType   []Share `json:"sent_by_type,omitempty"`   // by the ending of the file's name
	SentByFolder []Share `json:"sent_by_folder,omitempty"` // absolute
}

// Share is a part of what was sent.
type Share struct {
	Name  string `json:"name"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
}

// FileCounts are about files on this machine. Hashed counts files whose contents were read, Cached
// those whose digest came from the cache unread.
type FileCounts struct {
	Total       int64 `json:"total"`
	Bytes       int64 `json:"bytes"`
	Hashed      int64 `json:"hashed"`
	HashedBytes int64 `json:"hashed_bytes"`
	Cached      int64 `json:"cached"`
	Missing     int64 `json:"missing"`
	Failed      int64 `json:"failed"`
	HeldBack    int64 `json:"held_back,omitempty"` // not let through, or not on the storage where workers read in place
}

// StoreCounts are about blobs in the Manager's store: one for each (digest, size).
type StoreCounts struct {
	Unique        int64 `json:"unique"`
	AlreadyStored int64 `json:"already_stored"`
	Uploaded      int64 `json:"uploaded"`
	UploadedBytes int64 `json:"uploaded_bytes"`
	Direct        int64 `json:"direct,omitempty"` // of the uploaded ones, what was written into the mounted store
	Deferred      int64 `json:"deferred"`
	Retried       int64 `json:"retried"`
	Wanted        int64 `json:"wanted,omitempty"`       // of a dry run: what would be uploaded
	WantedBytes   int64 `json:"wanted_bytes,omitempty"` // of a dry run
}

// JobCounts are about jobs of this run.
type JobCounts struct {
	Total     int `json:"total"`
	Submitted int `json:"submitted"`
	Skipped   int `json:"skipped"`
	Failed    int `json:"failed"`
}

// LackCounts are about what stands between jobs and right frames. What several jobs lack counts for each.
type LackCounts struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Jobs     int `json:"jobs"` // that were submitted, or would be, although frames will be wrong
}

// Count adds a lack.
func (c *LackCounts) Count(l Lack) {
	if l.Severity == "error" {
		c.Errors++
	} else {
		c.Warnings++
	}
}

// StageTimes says when a stage began and ended, in seconds since the run began.
type StageTimes struct {
	Stage Stage   `json:"stage"`
	Begin float64 `json:"begin_s"`
	End   float64 `json:"end_s"`
}

// Text implements [Event].
func (s Summary) Text() string {
	if s.Checked > 0 {
		return s.checkText()
	}
	var b strings.Builder
	took := time.Duration(s.Duration * float64(time.Second)).Round(time.Millisecond)
	if s.OK || s.Files.Total > 0 { // else it did not come to that
		s.filesText(&b)
	}
	if s.Jobs.Total > 0 {
		verb := "submitted"
		if s.DryRun {
			verb = "would be submitted"
		}
		fmt.Fprintf(&b, "jobs     %d: %d %s, %d skipped, %d failed\n", s.Jobs.Total, s.Jobs.Submitted, verb, s.Jobs.Skipped, s.Jobs.Failed)
	}
	if left := s.Store.Unique - s.Store.AlreadyStored - s.Store.Uploaded; !s.OK && !s.DryRun && left > 0 {
		fmt.Fprintf(&b, "left     %d blobs not sent; what was sent stays: run the same command again\n", left)
	}
	outcome := "done"
	switch {
	case s.DryRun && s.OK:
		outcome = "dry run, nothing was sent,"
	case s.ExitCode == 3:
		outcome = "done in part (exit 3)"
	case s.ExitCode == 130:
		outcome = "interrupted (exit 130)"
	case !s.OK:
		outcome = fmt.Sprintf("failed (exit %d)", s.ExitCode)
	}
	if n := s.Lacks.Jobs; n > 0 {
		verb := "submitted"
		if s.DryRun {
			verb = "would be submitted"
		}
		outcome += fmt.Sprintf(": %s, %s will lack files,", verb, Count(n, "job"))
	}
	fmt.Fprintf(&b, "%s after %s, run %s", outcome, took, s.Run)
	return b.String()
}

// checkText says in words what a check found.
func (s Summary) checkText() string {
	found := ""
	if n := s.Lacks.Warnings; n > 0 {
		found = ", " + Count(n, "warning")
	}
	switch {
	case s.Spoiled > 0:
		return fmt.Sprintf("%d of %s would go wrong: %s%s (exit %d)", s.Spoiled, Count(s.Checked, "shot"), Count(s.Lacks.Errors, "error"), found, s.ExitCode)
	case !s.OK:
		return fmt.Sprintf("the check did not come to its end (exit %d)", s.ExitCode)
	}
	return "nothing would go wrong in " + Count(s.Checked, "shot") + found
}

// filesText tells of files and blobs.
func (s Summary) filesText(b *strings.Builder) {
	fmt.Fprintf(b, "files    %d (%s): %d hashed (%s), %d from the cache", s.Files.Total, Bytes(s.Files.Bytes), s.Files.Hashed, Bytes(s.Files.HashedBytes), s.Files.Cached)
	for _, c := range []struct {
		n    int64
		what string
	}{{s.Files.Missing, "missing"}, {s.Files.Failed, "failed"}, {s.Files.HeldBack, "out of the workers' reach"}} {
		if c.n > 0 {
			fmt.Fprintf(b, ", %d %s", c.n, c.what)
		}
	}
	b.WriteByte('\n')
	if s.DryRun {
		fmt.Fprintf(b, "store    %d blobs: %d stored already, %d (%s) would be sent", s.Store.Unique, s.Store.AlreadyStored, s.Store.Wanted, Bytes(s.Store.WantedBytes))
	} else {
		fmt.Fprintf(b, "store    %d blobs: %d stored already, %d sent (%s)", s.Store.Unique, s.Store.AlreadyStored, s.Store.Uploaded, Bytes(s.Store.UploadedBytes))
	}
	if s.Store.Direct > 0 {
		fmt.Fprintf(b, ", %d of them straight into the Manager's store", s.Store.Direct)
	}
	if s.Store.Deferred+s.Store.Retried > 0 {
		fmt.Fprintf(b, ", %d deferred, %d retried", s.Store.Deferred, s.Store.Retried)
	}
	b.WriteByte('\n')
}
