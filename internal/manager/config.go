package manager

import (
	"cmp"
	"errors"
	"log/slog"
	"path/filepath"
	"time"
)

// Config is what [New] needs. Only Dir is required.
type Config struct {
	// Dir holds everything: the database, the configuration file, logs, images, blobs and checkouts. It is
	// made with mode 0700 when missing. One Manager at a time can have it open.
	Dir string

	// Name is what GET /version calls this Manager. Default "flsync".
	Name string

	// Log gets one line for each thing worth knowing afterwards. Default: nothing is logged.
	Log *slog.Logger

	// Durable makes each change reach the disk before it is answered, so that it survives a power cut.
	// Default off: a killed process loses nothing either way, and a change costs 0.1 ms instead of several.
	Durable bool

	// AllowedHosts are names under which browsers may reach this Manager besides localhost, this machine's
	// name and IP addresses. Other names are refused, because a web page can point a name of its own at this
	// machine.
	AllowedHosts []string

	// NoShaman answers 503 to every Shaman operation; the storage is then worked on directly. Default: Shaman
	// is on.
	NoShaman bool

	// MaxBody limits the JSON body of a request, in bytes. Default 256 MiB: a checkout of two million files.
	MaxBody int64

	// BlobMaxAge is how long a blob that no checkout links to is kept after it was last asked for. Default 31
	// days, as in Flamenco. Negative: for ever.
	BlobMaxAge time.Duration

	// Faults are those that the Manager has from the start; see also [Manager.SetFaults].
	Faults Faults
}

const (
	defaultMaxBody    = 256 << 20
	defaultBlobMaxAge = 31 * 24 * time.Hour
)

// withDefaults returns c with every default filled in and Dir absolute. The error says what is wrong with c.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Dir == "":
		return c, errors.New("manager: Config.Dir is empty: name the folder to keep everything in")
	case c.MaxBody < 0:
		return c, errors.New("manager: Config.MaxBody is negative")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return c, err
	}
	c.Dir, c.Name = dir, cmp.Or(c.Name, "flsync")
	c.MaxBody, c.BlobMaxAge = cmp.Or(c.MaxBody, defaultMaxBody), cmp.Or(c.BlobMaxAge, defaultBlobMaxAge)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
