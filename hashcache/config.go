package hashcache

import (
	"fmt"
	"time"
)

// Warning is something that costs time or a cached digest, but no correctness.
type Warning struct {
	Code    string // cache-damaged, cache-newer, cache-unsaved or cache-unread
	Message string // for people; names the file
}

// Config configures a Cache. The zero value is ready to use.
type Config struct {
	// Verify reads every file that Sum is asked for, whatever its stamp says, and compares it with the entry.
	Verify bool

	// BLAKE3 says when that digest is taken besides SHA-256. Default: of every file that is read.
	BLAKE3 Taking

	// ReadOnly uses what is known and keeps nothing: for a run that is to leave no trace.
	ReadOnly bool

	// Now is the clock. Nil: time.Now.
	Now func() time.Time

	// Warn is told of trouble, at most once for each code. It is called from any goroutine. Nil: nobody is told.
	Warn func(Warning)

	// FactsBytes bounds what Facts keeps, in bytes; the oldest go first. Default 256 MiB: some kilobytes for each blend file
	// come to tens of thousands of blend files.
	FactsBytes int64

	// BatchAge is how long something learned may stay in memory only. Default 5 s: that is what a killed run loses.
	BatchAge time.Duration

	// ChangeWait is the pause before a file that changed while it was read is read again; the second is twice as long.
	// Default 100 ms: longer than a save of a small file takes, shorter than anybody notices.
	ChangeWait time.Duration
}

// Taking says when BLAKE3 is taken.
type Taking int

const (
	// WhenRead: of every file that is read.
	WhenRead Taking = iota

	// WhenReadAgain: not of a file that is new to the cache, on a machine that takes SHA-256 of two files at once: BLAKE3 would
	// cost nearly as much again, for the day on which the file is touched. Sum.BLAKE3 is zero then. If such a file is
	// read again, both are taken.
	WhenReadAgain

	// Always: a file whose SHA-256 alone is known is read again.
	Always
)

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.BLAKE3 < WhenRead || c.BLAKE3 > Always:
		return fmt.Errorf("hash cache: BLAKE3 is %d, which stands for nothing", c.BLAKE3)
	case c.FactsBytes < 0:
		return fmt.Errorf("hash cache: FactsBytes is %d, it must not be negative", c.FactsBytes)
	case c.BatchAge < 0:
		return fmt.Errorf("hash cache: BatchAge is %v, it must not be negative", c.BatchAge)
	case c.ChangeWait < 0:
		return fmt.Errorf("hash cache: ChangeWait is %v, it must not be negative", c.ChangeWait)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Warn == nil {
		c.Warn = func(Warning) {}
	}
	if c.FactsBytes == 0 {
		c.FactsBytes = 256 << 20
	}
	if c.BatchAge == 0 {
		c.BatchAge = 5 * time.Second
	}
	if c.ChangeWait == 0 {
		c.ChangeWait = 100 * time.Millisecond
	}
	return c
}
