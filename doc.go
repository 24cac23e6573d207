// Package flsync leads a reader into the program; it has no code of its own.
//
// flsync finds every file that a set of Blender files needs, sends a Flamenco farm only what it lacks,
// and submits the jobs. One process, one pass, safe to run again.
//
//	targets ──► deps ──► walk ──► hashcache ──► uploader ───────────────────────────► submit
//	(.blend,    (trace)  (stat)   (sha256 +     check ► upload ► checkout             (check ► post ► release)
//	 manifest)                     blake3)      batches  bytes    one a job             bulk, keyed
//	                     └────────────── one pipeline, all stages at once ───────┘
//
// Read first:
//
//   - cmd/flsync/submit.go: what the user asks for becomes pipeline options.
//   - internal/pipeline/jobrun.go: what happens to one job, from blend file to job id.
//   - uploader/doc.go: how bytes reach the store.
//
// The stages (deps, internal/walk, hashcache, uploader, submit) do not know each other. Only
// internal/pipeline joins them and hands data from one to the next; imports_test.go holds that.
package flsync
