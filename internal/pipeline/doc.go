// Package pipeline is the one place where the stages meet: it takes files from disk to the Manager's
// store, checkouts and jobs.
//
// # Basics
//
// [Sync] sends trees and makes one checkout; [Submit] sends what a list of jobs needs, makes a checkout
// for each, and submits them. Both take an [Env], which says what they talk to, tell what they do to its
// Sink, and return the counts of the run with an error that says how it ended: nil, one that wraps
// [ErrPartial], or another.
//
// # The order of ending
//
//	walk done → last files hashed → last requirements answered → uploads → deferred uploads → checkouts → jobs
//
// Nothing waits for a stage as a whole: in a bulk submission each job goes through this order by itself,
// while the files of all jobs share one hash cache and one uploader.
//
// # Caveats
//
// Paths are in memory for a whole run, about 250 bytes a file; contents never are.
package pipeline
