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
// Read first, in this order:
//
//   - cmd/flsync/submit.go: what the user asks for becomes pipeline options.
//   - internal/pipeline/jobrun.go: the main flow, from blend file to job id. A job is one value with a state, and
//     advance takes it from state to state; each step stands in the file that is named beside it.
//   - uploader/uploader.go: run, the loop that checks and uploads contents.
//
// Questions that come up early:
//
//   - Where is a job posted? postJob in internal/pipeline/post.go; Post in submit/once sends it exactly once.
//   - Where may a file be held back? internal/gate has the rules; reportPlan in internal/pipeline/plan.go reports it.
//   - Where is the Manager's 425 handled? upload in uploader/upload.go, which puts the content off.
//   - Where does a run end, and with which exit code? result in internal/pipeline/meter.go, and cmd/flsync/exit.go.
//
// The stages (deps, internal/walk, hashcache, uploader, submit) do not know each other. Only
// internal/pipeline joins them and hands data from one to the next; imports_test.go holds that.
package flsync
