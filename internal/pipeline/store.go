package pipeline

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// A store takes the contents of files to where the farm's workers read them, and makes folders of them for
// jobs. Its methods may be called from any goroutine. The one implementation is [shaman].
type store interface {
	// put sees to it that the store has a content. It returns at once, unless very much is under way; the store
	// owns b from then on.
	put(ctx context.Context, b uploader.Blob) pending

	// has reports whether the store is known to have a content, which then need not be put. It may be false for one
	// that the store has.
	has(digest [sha256.Size]byte, size int64) bool

	// flush returns when all that was put is stored or has failed. The error is about the run as a whole.
	flush(ctx context.Context) error

	// checkOut makes a folder with files that are in the store, with a name like requested, and returns its path
	// below the farm's folder of jobs. record is called with each path before the store is asked for it.
	checkOut(ctx context.Context, requested string, files []api.ShamanFileSpec, record func(path string) error) (string, error)

	// keep protects a folder that checkOut made until its job is submitted, and reports whether it is still
	// there.
	keep(folder string) (there bool, err error)

	// close waits for what is under way, or drops it with abandon set.
	close(abandon bool) error

	// stats counts what was put; after close the counts are final.
	stats() uploader.Stats
}

// pending is a content on its way to the store.
type pending interface {
	// Wait returns nil when the store has the content. An error that wraps [uploader.ErrChanged] says that the
	// file is no longer what was put.
	Wait(ctx context.Context) error

	// Failed reports whether Wait would return an error at once, and Stored whether it would return nil.
	Failed() bool
	Stored() bool
}

// shaman is the store of a Manager whose Shaman is enabled.
type shaman struct {
	uploader *uploader.Uploader
	direct   *uploader.Direct // nil unless wanted
	abandon  context.CancelFunc

	facts   *hashcache.Facts // what each Manager was seen to have
	manager []byte
	earlier uploader.Seen
}

// seenStored is the namespace in which the cache keeps what each Manager was seen to have.
const seenStored = "seen stored 1"

// openShaman opens the Manager's store. See [openRun] for checksOut. reopen finds a content again that the
// store has lost since it was put.
func openShaman(ctx context.Context, env Env, checksOut bool, observer uploader.Observer,
	reopen func(context.Context, api.ShamanFileSpec) (uploader.Blob, error)) (*shaman, error) {
	s := &shaman{facts: env.Cache.Facts(seenStored), manager: []byte(env.Manager.URL())}
	s.earlier, _ = s.facts.Get(s.manager)
	config := env.Upload
	config.CheckOnly = env.DryRun
	if checksOut && !env.DryRun {
		config.Seen = s.earlier
	}
	config.Observer = observer
	config.Reopen = func(spec api.ShamanFileSpec) (uploader.Blob, error) { return reopen(ctx, spec) }
	manager, err := s.openDirect(ctx, env)
	if err != nil {
		return nil, err
	}
	sending, abandon := context.WithCancel(ctx)
	if s.uploader, err = uploader.New(sending, manager, config); err != nil {
		abandon()
		return nil, err
	}
	s.abandon = abandon
	return s, nil
}

// openDirect returns what the uploader talks to: the Manager, or its mounted store where that is wanted.
func (s *shaman) openDirect(ctx context.Context, env Env) (uploader.Shaman, error) {
	if mode := env.Storage.Direct; mode == "" || mode == DirectOff {
		return env.Manager, nil
	}
	here, err := storageHere(ctx, env)
	if err != nil {
		return nil, err
	}
	storage := here // --storage-path may name the storage itself; else the location is that of checkouts
	if uploader.NewDirect(env.Manager, here, nil).Look() != nil {
		storage = filepath.Dir(filepath.Clean(here))
	}
	s.direct = uploader.NewDirect(env.Manager, storage, func(err error) { reportDirect(env, storage, err) })
	if env.DryRun {
		reportDirect(env, storage, s.direct.Look())
	}
	return s.direct, nil
}

// reportDirect reports which way files go.
func reportDirect(env Env, storage string, err error) {
	message := fmt.Sprintf("direct: files go straight into the Manager's store in %s", storage)
	if err != nil {
		message = fmt.Sprintf("direct: files go to the Manager instead of its store in %s: %v", storage, err)
	}
	if err != nil && env.Storage.Direct == DirectOn {
		env.Sink.Emit(report.Warning{Code: "not-direct", Message: message})
	} else {
		env.Sink.Emit(report.Note{Message: message, Detail: err != nil})
	}
}

func (s *shaman) put(ctx context.Context, b uploader.Blob) pending { return s.uploader.Ensure(ctx, b) }

func (s *shaman) has(digest [sha256.Size]byte, size int64) bool { return s.uploader.Has(digest, size) }

func (s *shaman) keep(string) (bool, error) { return true, nil } // the Manager removes checkouts with their jobs

func (s *shaman) flush(ctx context.Context) error { return s.uploader.Flush(ctx) }

func (s *shaman) stats() uploader.Stats {
	stats := s.uploader.Stats()
	if s.direct != nil {
		stats.Direct = s.direct.Written()
	}
	return stats
}

func (s *shaman) checkOut(ctx context.Context, requested string, files []api.ShamanFileSpec, record func(string) error) (string, error) {
	return s.uploader.RecordedCheckout(ctx, requested, files, record)
}

func (s *shaman) close(abandon bool) error {
	if abandon {
		s.abandon()
	}
	err := s.uploader.Close()
	s.abandon()
	if now := s.uploader.Seen(s.earlier, time.Now()); now != nil {
		s.facts.Put(s.manager, now)
	}
	return err
}
