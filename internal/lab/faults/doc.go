// Package faults lets everything go wrong that can go wrong at two in the morning, and looks whether the
// promises hold: every job once, every checkout whole, nobody else's harmed, nothing sent without need,
// nothing left open, and a summary that says what happened.
//
// # Basics
//
//	result := faults.Run(ctx, faults.Config{Seed: 7, Dir: dir, Project: "testdata/project"})
//	fmt.Println(result.Plan, result.Broken) // what was broken of the promises; nothing, it is to be hoped
//
// A seed decides which faults meet which requests, so one that fails can be repeated:
//
//	go run ./internal/lab/faults/cmd/chaos -seed 7 -v
//
// The same command without -seed runs many and writes the figures of docs/reliability.md. `go test` runs
// some of everything; the kills are of a real process, and need the program to be built.
//
// # Caveats
//
// A plan fixes what happens to a request, not the order in which concurrent requests come. A failure that
// depends on that order may need some runs of its seed to come back.
package faults
