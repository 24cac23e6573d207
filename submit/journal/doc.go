// Package journal keeps what a run is about to do and has done to the Manager's jobs and checkouts, so
// that it survives the run's sudden end.
//
// # Basics
//
//	run, err := journal.Create(dir, journal.Head{Run: id, Manager: url, Projects: projects})
//	err = run.Record(ctx, journal.Entry{Step: journal.Posting, Key: key, …})  // before the request
//	err = run.Record(ctx, journal.Entry{Step: journal.Posted, Key: key, Job: id}) // after it
//	err = run.Close()
//
// Each run has a file of its own, a line an entry, so that runs side by side never wait for each other.
// [Record] returns when the line is on the disk; lines that come at the same time share one sync.
// [List] reads all runs; [Lock] keeps two runs from working on one project at once.
//
// # Caveats
//
// A line that was cut off by a crash counts as not written, and so does everything behind a damaged one:
// what was to follow from it cannot have been done, because Record had not returned. The journal says what
// was tried; what is there is known by the Manager alone.
package journal
