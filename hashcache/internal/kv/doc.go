// Package kv keeps keys and values in one bbolt file that several programs use at the same time. The file may
// be cut off or damaged at any moment, and its loss is never worth an error.
//
// # Basics
//
// [Open] takes the tables (bbolt's top-level buckets). [DB.Put] and [DB.Delete] go to memory and reach the
// file in batches; [DB.Get] sees them at once. [DB.Close] writes the rest.
//
// # How programs share the file
//
// bbolt locks its file for as long as it is open: shared for reading, exclusive for writing. So no program
// keeps the file open. A view, a read-only open that lives for [Options].View at most, serves every lookup in
// that time from one snapshot. A write opens the file, commits one batch and closes it.
//
// flock is not fair: readers that follow each other would keep a writer out for ever. Therefore a second
// file, PATH.lock, is a turnstile. A writer holds it exclusively from before it waits for the readers until
// it has closed the database; a reader holds it shared while it opens the database. So no reader starts once
// a writer waits, the readers inside leave within one view's life, and readers wait for one batch at most. A
// lock that cannot be had within [Options].Wait counts as a miss, or leaves the batch in memory for the next
// attempt.
//
// # Damage
//
// Each value carries a checksum over its table, its key and itself: Get returns it as it was written, or not
// at all. Each batch is read back after its commit: with a damaged list of free pages bbolt writes over pages
// in use. What bbolt panics on is caught, page faults of its memory map included; loops among pages, which
// would end the program, are looked for beforehand. A damaged file is renamed to PATH.damaged, one of a newer
// format to PATH.newer, a warning says so, and an empty file takes its place. A file that is not recognisably
// ours stays where it is, and Open returns [ErrForeign].
//
// # Caveats
//
// A batch that was not yet written is lost with the process. A write that is cut off leaves the file as it
// was before that batch; bbolt promises that as long as the disk keeps the order of its flushes. Only
// [DB.Compact] makes the file smaller.
package kv
