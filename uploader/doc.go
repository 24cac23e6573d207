// Package uploader sends files to the store of a Flamenco Manager (Shaman) and makes checkouts of them: it
// asks which of them are missing, in batches while more come in, sends these over several connections, and
// asks for a checkout when all are stored.
//
// # Basics
//
//	u, err := uploader.New(ctx, client, uploader.Config{})
//	...
//	pending := u.Ensure(ctx, uploader.Blob{
//		SHA256: "…", Size: info.Size(), Name: path,
//		Open: func() (io.ReadCloser, error) { return os.Open(path) },
//	})
//	... // more of them
//	err = pending.Wait(ctx)
//	path, err := u.Checkout(ctx, "film/sh010", files)
//	...
//	err = u.Close()
//
// A blob is checked and sent once for the whole run, however many files have its content and however many
// checkouts name it. One that fails stops no other, and may be given to Ensure again. Read [Uploader.run]
// first: it is the whole worker pool. check.go, upload.go and checkout.go have the three kinds of requests,
// queue.go the order of uploads, pace.go how many there are at once, retry.go what is tried again.
//
// # What the Manager is protected from
//
// Two uploads whose digests share their first two hex digits, in flight together, can make a Manager 3.9 fail
// one of them: that never happens here. Large files ask before they send (Expect: 100-continue), as do files
// that somebody else is sending. An upload that the Manager puts off (425) goes to the back of the queue, and
// is sent regardless after Config.Deferrals of these.
//
// A checkout that fails makes a Manager 3.9 erase whatever is at the path that was asked for. So each request
// names a path that was never used before, after a requirements reply that left none of its files out, to
// this run or to one of the last hours. The Manager follows ".." in the paths of files: [CheckPath] has what
// is never sent.
//
// [Direct] writes blobs into a store that is mounted on this machine, and falls back to the Manager.
//
// # Caveats
//
// A Manager that goes away for less than Config.Patience is waited for, with one request at a time; then the
// run is given up with a [*GaveUpError]. Only what can succeed is tried again. There is no way to continue an
// upload: a large file whose connection is cut starts anew.
//
// Names that differ only by case or Unicode form are different to this package; on a Manager with a file
// system that thinks otherwise they are not. Whoever lists the files has to notice.
//
// An upload that succeeded may still end in [ErrChanged], when Blob.Verify finds that the file has changed
// since: the Manager then has what the file was.
//
// Memory is about 100 bytes for each different blob of the run, and less than half a kilobyte for each of the
// up to Config.Backlog that are under way, besides what their Open functions hold.
package uploader
