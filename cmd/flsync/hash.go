package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/internal/gate"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/walk"
)

func (a *app) hashCommand() *cobra.Command {
	var verify bool
	var exclude []string
	cmd := a.inSession(&cobra.Command{
		Use: "hash PATH…", Short: "Print SHA-256 digests of files, from the cache where they have not changed",
		Long:    "Prints lines that sha256sum -c accepts. Folders are walked as sync walks them.",
		Example: "  flsync hash textures > textures.sha256\n  sha256sum -c textures.sha256",
	}, func(ctx context.Context, s *session, args []string) error {
		if len(args) == 0 {
			return usagef("name files or folders to hash")
		}
		s.out.buffer()
		s.list()
		cache, err := s.openCache(hashcache.Config{Verify: verify, BLAKE3: true}, false)
		if err != nil {
			return err
		}
		for _, root := range args {
			if err := s.hashTree(ctx, cache, root, exclude); err != nil {
				return err
			}
		}
		if s.summary.Files.Failed > 0 {
			return fmt.Errorf("%w: %d files could not be read", pipeline.ErrPartial, s.summary.Files.Failed)
		}
		return nil
	})
	cmd.Flags().BoolVar(&verify, "verify", false, "trust no time stamp: read every file")
	cmd.Flags().StringArrayVar(&exclude, "exclude", nil, "leave out what matches this `GLOB`; may be repeated")
	return cmd
}

// hashed is the digest of a file, or why there is none.
type hashed struct {
	name string
	sum  hashcache.Sum
	err  error
}

// hashTree hashes a tree and prints digests in the order of the walk.
func (s *session) hashTree(ctx context.Context, cache *hashcache.Cache, root string, exclude []string) error {
	unlisted := 0
	abs, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	abs = new(place.Speller).Spell(abs)
	patterns, err := gate.ParsePatterns(exclude, abs)
	if err != nil {
		return usageError(fmt.Errorf("--exclude: %w", err))
	}
	list := func(ctx context.Context, pass func(walk.File) error) error {
		err := walk.Walk(ctx, walk.Options{Root: abs, Exclude: patterns, Warn: func(w walk.Warning) {
			s.sink.Emit(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message})
		}}, pass)
		if some, ok := errors.AsType[*walk.IncompleteError](err); ok {
			for _, e := range some.Errors {
				s.sink.Emit(report.Error{Code: e.Code, Path: e.Path, Message: e.Error()})
			}
			unlisted = some.Count
			return nil
		}
		return err
	}
	hash := func(ctx context.Context, f walk.File) hashed {
		sum, err := cache.Sum(ctx, f.Path, f.Info)
		return hashed{shownPath(root, abs, f.Path), sum, err}
	}
	flush := func() { _ = s.out.flush() } // a failure is remembered, and ends ctx
	err = pipeline.InOrder(ctx, hashcache.Workers(), hashesAhead, list, hash, flush, func(r hashed) {
		if ctx.Err() == nil { // else the file was not read to its end
			s.printHash(r)
		}
	})
	s.summary.Files.Failed += int64(unlisted)
	return err
}

// hashesAhead is how many digests may wait for that of a large file before them.
const hashesAhead = 1024

func (s *session) printHash(r hashed) {
	files := &s.summary.Files
	files.Total++
	if r.err != nil {
		files.Failed++
		s.sink.Emit(report.Error{Code: "unreadable", Path: r.name, Message: r.err.Error()})
		return
	}
	files.Bytes += r.sum.Size
	if r.sum.Source.Read() {
		files.Hashed++
		files.HashedBytes += r.sum.Size
	} else {
		files.Cached++
	}
	s.sink.Emit(report.Hash{
		Path: r.name, Size: r.sum.Size, Cached: !r.sum.Source.Read(),
		SHA256: hex.EncodeToString(r.sum.SHA256[:]), BLAKE3: hex.EncodeToString(r.sum.BLAKE3[:]),
	})
}

// shownPath names a file the way its root was named, so that sha256sum -c finds it.
func shownPath(root, abs, path string) string {
	rel, err := filepath.Rel(abs, path)
	if err != nil || filepath.IsAbs(root) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(filepath.Join(root, rel))
}
