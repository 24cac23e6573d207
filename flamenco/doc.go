// Package flamenco is a client for the HTTP interface of a Flamenco Manager: one short method an operation,
// and uploads to its file store (Shaman) that are as fast as the kernel copies.
//
// # Basics
//
//	client, err := flamenco.New(flamenco.Config{URL: "http://manager.lan:8080"})
//	version, err := client.Version(ctx)
//	jobs, err := client.Jobs(ctx)
//
// The data types are those of package flamenco/api. Methods are sorted by what they are about: meta.go has
// the Manager itself, jobs.go, tasks.go, workers.go and tags.go what their names say, shaman.go files and
// checkouts, workerside.go what a worker calls. A Client is safe for use by any number of goroutines.
//
// # Errors
//
// A reply that is not the one hoped for is an [*Error]: it has the HTTP status and the Manager's own words.
// No reply, or half of one, is an [*UnreachableError], which also knows whether the request may have taken
// effect. A file that could not be read while it was sent is a [*BodyError]. [IsTemporary] says of any of
// them whether the same call may succeed a little later; the client itself repeats nothing except a request
// that met a connection the Manager had closed before a byte of it was written.
//
// # Caveats
//
// Timeouts watch for silence: a call ends when nothing has moved in either direction for Config.Silence,
// however long it takes as a whole; of an answer that has begun, 4 KiB a second have to come. Pass a context
// with a deadline to limit the whole.
//
// Redirects are never followed, so that headers never go to another host; they are errors that name the new
// address.
//
// Only HTTP/1.1 is spoken. Uploads over one shared HTTP/2 connection are slower, and sendfile does not work
// there.
//
// What the Manager does not check is checked here: digests (a malformed one makes a Manager 3.9 panic) and
// paths in a checkout (".." would make a link outside of it). Both are refused before anything is sent.
package flamenco
