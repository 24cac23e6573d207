package hashcache

import (
	"time"

	"github.com/flsync/flsync/hashcache/internal/kv"
)

// Warning is something that costs time or a cached digest, but no correctness. Its Code is cache-damaged,
// cache-newer, cache-unsaved or cache-unread; its Message is for people and names the file.
type Warning = kv.Warning

// Config configures a Cache. The zero value is ready to use.
type Config struct {
	// Verify makes Sum read every file, whatever its stamp says, and compare it with the entry.
	Verify bool
	// BLAKE3 takes that digest of every file besides SHA-256, and reads a file again whose SHA-256 alone is
	// known. Otherwise BLAKE3 is taken only where it is the faster digest, to recognise the contents of a
	// file with new times: on amd64 processors without SHA instructions. Elsewhere Sum.BLAKE3 may be zero.
	BLAKE3 bool
	// ReadOnly uses what is known and keeps nothing: for a run that leaves no trace.
	ReadOnly bool
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Warn hears of trouble, at most once for each code. It is called from any goroutine. Nil: nobody hears.
	Warn func(Warning)
	// For tests; else the values below, and that of package kv.
	factsBytes           int64
	batchAge, changeWait time.Duration
}

const (
	// factsBytes bounds what Facts keeps; the oldest go first. With some kilobytes for each blend file that is
	// enough for tens of thousands of them.
	factsBytes = 256 << 20
	// changeWait is the pause before a file that changed while it was read is read again; the second is twice
	// as long. It is longer than a save of a small file takes, shorter than anybody notices.
	changeWait = 100 * time.Millisecond
)
