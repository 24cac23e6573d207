// Package faults lets everything go wrong that can go wrong at night, and checks that the promises hold:
// every job once, every checkout whole, nobody else's harmed, nothing sent without need, nothing left open,
// and a summary that says what happened. It has tests only.
//
// # Basics
//
// TestMatrix runs seeds: each decides which faults meet which requests of a night, so that a seed that fails
// can be repeated:
//
//	FLSYNC_FAULT_SEED=7 go test -v -run TestMatrix ./internal/lab/faults
//
// TestKill kills a real process. `go test` runs a few of each, FLSYNC_LONG=1 more, and `make chaos` runs
// 1,000 seeds and 200 kills and writes the figures of docs/reliability.md.
//
// # Caveats
//
// A plan fixes what happens to a request, not the order of concurrent requests. A failure that depends on
// that order may need some runs of its seed to come back.
package faults
