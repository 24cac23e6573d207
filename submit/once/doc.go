// Package once submits jobs so that each is there once, whatever happens on the way.
//
// # Basics
//
//	p := once.New(manager, journal, once.Config{Run: id})
//	existing, err := p.Find(ctx, key)        // what the Manager has of an earlier run
//	job, err := p.Post(ctx, once.Request{…}) // sends it, and makes sure of the answer
//	err = p.Release(ctx)                     // lets jobs of a held batch run
//
// A job carries its key, its fingerprint and its run in its metadata. When the answer to a submission is
// lost, the Manager's jobs are asked for a job of this key and this run before anything is sent again.
//
// # Caveats
//
// The Manager has neither transactions nor unique keys. Two computers that submit the same job within
// Config.Fresh both find nothing and both submit; on one computer a lock keeps them apart (package journal).
// [Poster.Earlier] does not see what other computers submitted.
package once
