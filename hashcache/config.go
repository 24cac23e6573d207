package hashcache

import (
	"cmp"
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

	// FactsBytes bounds what Facts keeps, in bytes; the oldest go first. Default 256 MiB: with some kilobytes
	// for each blend file that is enough for tens of thousands of them.
	FactsBytes int64

	// BatchAge is how long new entries may stay in memory only. Default 5 s: that is what a killed run loses.
	BatchAge time.Duration

	// ChangeWait is the pause before a file that changed while it was read is read again; the second is twice
	// as long. Default 100 ms: longer than a save of a small file takes, shorter than anybody notices.
	ChangeWait time.Duration
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch {
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
	c.FactsBytes = cmp.Or(c.FactsBytes, 256<<20)
	c.BatchAge = cmp.Or(c.BatchAge, 5*time.Second)
	c.ChangeWait = cmp.Or(c.ChangeWait, 100*time.Millisecond)
	return c
}
