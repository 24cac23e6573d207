// Package manifest reads what is to be submitted: manifests in YAML, JSON, JSON Lines and CSV, from files or
// standard input, and plain blend files named on the command line. All of them become the same [Job].
//
// Begin with [Load]. It reports every mistake at once, each with file, line and column; the schema that it
// checks against is manifest.schema.json, which editors complete from when a YAML manifest begins with
//
//	# yaml-language-server: $schema=/path/to/manifest.schema.json
//
// # Rules
//
// Paths are relative to the folder of the manifest, for standard input and for targets and options to the
// working directory. The project is the manifest's folder unless it names another; for a plain blend file it
// is that file's folder.
//
// What wins, from weak to strong: the defaults of the manifest, the job, the options of the command line.
// Settings and metadata are merged key by key.
//
// In every string of a job {stem}, {name} and {dir} stand for parts of its blend file's path. Other braces
// stay, because Flamenco has variables like {jobs} and {timestamp}; {{stem}} stays as {stem}.
//
// # Caveats
//
// Values from CSV and from the command line are text until the job type says what they are: see [Text].
package manifest
