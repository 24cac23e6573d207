package uploader

import "time"

// Observer hears what happens to blobs, from any goroutine. Its method must be quick and must not call the
// uploader: requests wait for it. What it hears may be a moment older than what Pending.Wait and Stats say;
// when Close returns, it has heard everything.
type Observer interface {
	Observe(Event)
}

// Event is something that happened to one blob, or to several at once.
type Event struct {
	Kind  Kind
	Blobs int64  // how many it happened to; 0 for Moved
	Bytes int64  // their size; for Moved the bytes that went out since the last such event
	Name  string // of the blob, where it is a single one
	Err   error  // for Retried, Waiting and Failed

	Since time.Time // for Waiting: when it first failed or was put off
}

// Kind is what happened.
type Kind int

// Each blob that is given to Ensure is Checked, then Stored or Missing. Each Missing one is Uploaded or
// Failed in the end, with Config.CheckOnly neither.
const (
	Checked  Kind = iota // the Manager answered whether it has them
	Stored               // the Manager had them already
	Missing              // they have to be sent, and are queued for it
	Moved                // bytes went out, of large files while they do; negative: an attempt failed, its bytes count no more
	Uploaded             // sent, and the Manager has it
	Deferred             // somebody else is sending the same; put off
	Retried              // an attempt failed and will be made again; also of checks and checkouts (Blobs is 0)
	Failed               // it will not be tried again

	// Waiting: something is being tried again for more than five seconds. It is sent once for a blob, with
	// its Name, and once each time that the Manager as a whole is away or in trouble, without a Name (Blobs
	// is 0).
	Waiting
)

type nobody struct{}

func (nobody) Observe(Event) {}

// Stats are counts of a run, from its beginning to now. Read after Close, they are final.
type Stats struct {
	Unique, UniqueBytes     int64 // different blobs given to Ensure
	Stored, StoredBytes     int64 // that the Manager had already, or got from somebody else meanwhile
	Missing, MissingBytes   int64 // that it said it lacks
	Uploaded, UploadedBytes int64 // that were sent
	Direct                  int64 // of these, what was written into the store, see [Direct]
	Failed                  int64 // that could not be sent
	Left, LeftBytes         int64 // not stored and not failed yet

	Checks    int64 // requirements requests that were answered
	Uploads   int64 // upload requests that were answered or failed
	Deferred  int64 // uploads that were put off by the Manager (425)
	Retried   int64 // requests that were made again after a failure
	Checkouts int64 // made
	Abandoned int64 // checkouts whose answer was lost: they may exist on the Manager and are used by nobody

	InFlight    int // uploads at this moment
	Connections int // small uploads allowed at once, as adapted to the Manager
}
