// Package kv keeps keys and values in one bbolt file that several programs use at the same time, that may be cut
// off or damaged at any moment, and whose loss is never worth an error.
//
// # Basics
//
// [Open] takes the tables (bbolt's top-level buckets). [DB.Put] and [DB.Delete] go to memory and reach the file in
// batches; [DB.Get] and [DB.HasPrefix] see them at once. [DB.Close] writes what is left.
//
// # How programs share the file
//
// bbolt locks its file for as long as it is open: shared for reading, exclusive for writing. So nothing here keeps
// it open. Reading happens in views, read-only opens that live for [Options].View at most and serve every lookup in
// that time from one snapshot. A write opens the file, commits one batch and closes it.
//
// flock is not fair: readers that follow each other would keep a writer out for ever. Therefore a second file beside
// the first, PATH.lock, is a turnstile. A writer holds it exclusively from before it waits for the readers until it
// has closed the file; a reader holds it shared while it opens the file. So no reader starts once a writer
// waits, the readers that are in leave within one view's life, and readers wait for one batch at most. A lock that
// cannot be had within [Options].Wait counts as a miss, or leaves the batch in memory for the next attempt.
//
// # Damage
//
// Each value carries a checksum over its table, its key and itself: what was read is what was written, or it is a
// miss. Before a file is used for the first time its pages are checked with ordinary reads (see check.go), because
// bbolt follows page numbers without asking: a loop among branch pages would end the program, and a free list that
// names a used page would spread the damage. What bbolt still panics on, page faults of its map included, is caught.
// A file that is damaged or was written by a newer format is renamed to PATH.damaged or PATH.newer, a warning
// says so, and an empty file takes its place.
//
// # Caveats
//
// A batch that was not yet written is lost with the process. A cut-off write leaves the file as it was before that
// batch; that is bbolt's promise, as long as the disk keeps the order of its flushes. The file never shrinks but by
// [DB.Compact].
package kv
