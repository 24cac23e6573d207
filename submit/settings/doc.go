// Package settings makes the settings of a job: what the manifest gives, what follows from the scene, and
// what the job type has as default, each checked against the job type.
//
// # Basics
//
//	problems := settings.Static(job, types)              // before any blend file is opened
//	values, err := settings.Resolve(ctx, settings.Input{Job: job, Type: t, Facts: facts})
//
// Static finds what is wrong with a manifest whatever its blend files hold. Resolve goes on from there: a
// setting that nobody gave and that has an "eval" is evaluated over the scene's facts, in the way of
// Flamenco's add-on: hidden and read-only ones as well, each of them when another one asks for it.
//
// # Caveats
//
// The setting blendfile is not made here: it names a checkout, which comes later.
package settings
