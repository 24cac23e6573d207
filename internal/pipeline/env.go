package pipeline

import (
	"cmp"
	"errors"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// ErrPartial reports that some jobs or files failed and the others were done. The Sink got one event for each
// that failed.
var ErrPartial = errors.New("done in part")

// ErrNoneDone reports that every job, or every file, failed. The Sink got one event for each.
var ErrNoneDone = errors.New("nothing could be done")

// ErrUnsupported reports that the Manager, as it is, cannot do what was asked for. Nothing was sent.
var ErrUnsupported = errors.New("this Manager cannot do it")

// ErrPattern reports a pattern that means nothing, or lies elsewhere.
var ErrPattern = errors.New("wrong pattern")

// ErrNothing reports that there was nothing to do where something was expected.
var ErrNothing = errors.New("no files")

// ErrTooManyFailures reports that a run was ended because of failed jobs.
var ErrTooManyFailures = errors.New("too many jobs failed")

// Env holds what a run works with. The caller opens and closes it.
type Env struct {
	Manager *flamenco.Client
	// Configuration is the digest of the Manager's configuration that [Greet] returned. While it is the same, the cache
	// has what the Manager answered about its storage and variables. "": ask again.
	Configuration string

	Cache *hashcache.Cache
	Sink  report.Sink

	// HashWorkers is how many files are read and hashed at once. Default: [hashcache.Workers].
	HashWorkers int

	// Upload configures the uploader; its zero value has good defaults.
	Upload uploader.Config

	Storage Storage

	// DryRun sends nothing and makes nothing: the run reports what it would do.
	DryRun bool

	// Folder returns where a checkout lies on this machine, or "" where that is not known. It may be nil.
	Folder func(checkout string) string
}

func (e Env) hashWorkers() int { return cmp.Or(e.HashWorkers, hashcache.Workers()) }
