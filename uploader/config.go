package uploader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Config configures an [Uploader]. The zero value of a field means its default; the comment of each has the
// reason for that default. Figures are of Flamenco Manager 3.9-beta1.
type Config struct {
	// Connections is the most small uploads at once. How many are used follows the round trip: 16 to a near
	// Manager, 128 at 40 ms. Default 128: half of the 256 shards; with more, waiting for a free shard costs
	// more than one more connection gains.
	Connections int

	// LargeFile is the size in bytes from which a file is large: sent in few connections, started early, and
	// with Expect: 100-continue. Default 8 MiB: without Expect a client has sent up to 4 MiB before it sees
	// that the Manager does not want them, so that below this size the extra round trip costs more than it
	// saves.
	LargeFile int64

	// LargeConnections is the most large uploads at once to a near Manager; up to four times as many go to a
	// far one, where a single connection is limited by the round trip. Default 4: 16 files of 100 MB took 6.1
	// s on one connection, 3.8 s on four, and no less on more.
	LargeConnections int

	// BytesInFlight bounds the bytes of all uploads at once, a large file counting as LargeFile bytes: no
	// more than that of it is on its way. How much of it is used adapts to the Manager: two seconds' worth,
	// half of it for large files. Default 256 MiB: what a line of 10 Gbit/s and 150 ms holds, and some.
	BytesInFlight int64

	// CheckBatch is the most files in one requirements request. Default 20,000: 2.5 MB, a third of a second
	// of the Manager's time; larger ones are no cheaper for each file and give the first answer later.
	CheckBatch int

	// Backlog is the most blobs between Ensure and the end of their upload; Ensure waits when it is reached.
	// Default 65,536: 250 for each shard, so that a free one is always found, in about 30 MB.
	Backlog int

	// Attempts is how often a request is sent that the Manager answers with a passing error. Default 10: with
	// growing waits these take 20 seconds or more, and a fault that hits one request in three is survived but
	// for one file in 60,000.
	Attempts int

	// Deferrals is how often an upload may be put off because somebody else is sending the same file (425),
	// before it is sent regardless. Default 5: with growing waits 3 seconds for a small file and half a
	// minute for a large one. If that was not enough, the other may have crashed, which leaves a file in
	// "uploading" for ever.
	Deferrals int

	// Patience is how long the Manager may fail or stay away, without any success in between, before the run
	// is given up. Default 3 minutes: a Manager that is restarted is back within 2.
	Patience time.Duration

	// CheckedFor is how long the Manager's word that it has a file is good for a checkout: a requirements
	// reply, or the answer to its upload. Default 10 minutes; the Manager collects garbage once a day and
	// only what nobody asked about for 31 days.
	CheckedFor time.Duration

	// Checkouts is the most requests for checkouts at once. Default 4: a checkout is links on the Manager's
	// disk, one after another; on a network file system each of them waits.
	Checkouts int

	// LimitUpload is the most bytes a second over all connections. Default 0: no limit. With a limit, file
	// contents pass through this process instead of being copied by the kernel.
	LimitUpload int64

	// GiveWay is called before each upload, from any goroutine, and returns when nothing more urgent wants the
	// line, or with an error that ends the upload. Default: nothing is more urgent.
	GiveWay func(context.Context) error

	// CheckOnly asks the Manager what is missing and sends nothing: for a dry run. Checkout then returns
	// ErrCheckOnly.
	CheckOnly bool

	// Seen are blobs that earlier runs have seen at the same Manager. Those of the last 12 hours are taken
	// for stored, until a checkout fails: then all of it is forgotten, and the Manager asked about each of
	// them. So it is for runs that make a checkout of whatever they send. Default: none.
	Seen Seen

	// Reopen finds a blob again that was stored and is no longer (the Manager collected garbage between check
	// and checkout). It may be called from several goroutines. Without it, such a checkout fails with a
	// MissingError.
	Reopen func(api.ShamanFileSpec) (Blob, error)

	// Observer hears what happens. Default: nobody.
	Observer Observer
}

// withDefaults returns c with the defaults in its empty fields.
func (c Config) withDefaults() Config {
	c.Connections = cmp.Or(c.Connections, 128)
	c.LargeFile = cmp.Or(c.LargeFile, 8<<20)
	c.LargeConnections = cmp.Or(c.LargeConnections, 4)
	c.BytesInFlight = cmp.Or(c.BytesInFlight, 256<<20)
	c.CheckBatch = cmp.Or(c.CheckBatch, 20_000)
	c.Backlog = cmp.Or(c.Backlog, 65_536)
	c.Attempts = cmp.Or(c.Attempts, 10)
	c.Deferrals = cmp.Or(c.Deferrals, 5)
	c.Patience = cmp.Or(c.Patience, 3*time.Minute)
	c.CheckedFor = cmp.Or(c.CheckedFor, 10*time.Minute)
	c.Checkouts = cmp.Or(c.Checkouts, 4)
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	return c
}

// Validate returns all that is wrong with the configuration at once.
func (c Config) Validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Connections", int64(c.Connections)},
		{"LargeFile", c.LargeFile},
		{"LargeConnections", int64(c.LargeConnections)},
		{"BytesInFlight", c.BytesInFlight},
		{"CheckBatch", int64(c.CheckBatch)},
		{"Backlog", int64(c.Backlog)},
		{"Attempts", int64(c.Attempts)},
		{"Deferrals", int64(c.Deferrals)},
		{"Patience", int64(c.Patience)},
		{"CheckedFor", int64(c.CheckedFor)},
		{"Checkouts", int64(c.Checkouts)},
		{"LimitUpload", c.LimitUpload},
	} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("uploader: %s is negative (%d)", f.name, f.value))
		}
	}
	return errors.Join(errs...)
}
