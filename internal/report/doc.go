// Package report says what a run does: one struct for each kind of message, rendered as text for
// people and as JSON Lines for programs.
//
// # Basics
//
// A stage or a command makes an [Event] and hands it to a [Sink]. What the sink does with it is the
// caller's choice: [JSONLines] prints every event as one object a line, [Text] prints results to one
// writer and remarks to another, [Bars] draws progress on a terminal, and [Tee] feeds several.
//
//	sink := report.NewText(os.Stdout, os.Stderr, report.Normal)
//	sink.Emit(report.Warning{Code: "missing-file", Path: p, Message: "no such file"})
//
// # Caveats
//
// The JSON names are a contract with scripts: fields may be added, none may be renamed. The Summary
// is always the last event of a run, also of one that failed.
package report
