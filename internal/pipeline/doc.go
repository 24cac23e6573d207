// Package pipeline is the one place where the stages meet: it takes files from disk to the Manager's
// store, checkouts and jobs.
//
// # Basics
//
// [Sync] sends trees and makes one checkout; [Submit] sends what a list of jobs needs, makes a checkout
// for each, and submits them. Both take an [Env] with what they work with, report what they do to its
// Sink, and return the counts of the run with an error that says how it ended: nil, one that wraps
// [ErrPartial], or another.
//
// # The main flow
//
// A job is one value, a jobRun, whose state says how far it has come. [submission.advance] in jobrun.go takes
// it from the first state to the last, one step a state:
//
//	begun ─► traced ─► planned ─► hashed ─► stored ─► checkedOut ─► posted
//	    trace.go  plan.go     hash.go   hash.go  checkout.go   post.go
//
// A job in any of these states may fail, or end because the Manager has it already. Jobs wait for each other
// in two places only: in traced if files from outside of their project must be planned together, in stored if
// they share a checkout. Sync goes the same way from hashed to checkedOut.
//
// A file waits in a digestFuture, which all jobs that name its path share: queued in the hashPool, known,
// sent to the store, stored. The order of ending is
//
//	walk done → last files hashed → last requirements answered → uploads → deferred uploads → checkouts → jobs
//
// Nothing waits for a stage as a whole: each job goes through this order by itself, while the files of all
// jobs share one hash cache, one hashPool and one store.
//
// # Caveats
//
// Of each file of a tree some 250 bytes are in memory for a whole run, and a few times that of one that a job
// names; of contents no more than 8 MiB are.
package pipeline
