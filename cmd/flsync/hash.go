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
	walk.File
	known bool // the cache had the digest
	sum   hashcache.Sum
	err   error
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
	list := func(ctx context.Context, pass func([]hashed) error) error {
		var known []hashed // passed on together: the way through InOrder takes longer than a lookup
		passKnown := func() error {
			group := known
			if known = nil; len(group) == 0 {
				return nil
			}
			return pass(group)
		}
		err := walk.Walk(ctx, walk.Options{Root: abs, Exclude: patterns, Warn: func(w walk.Warning) {
			s.sink.Emit(report.Warning{Code: w.Code, Path: w.Path, Message: w.Message})
		}}, func(f walk.File) error {
			sum, ok := cache.Lookup(f.Path, f.Info)
			if ok {
				if known == nil {
					known = make([]hashed, 0, groupSize)
				}
				known = append(known, hashed{File: f, known: true, sum: sum})
				if len(known) < groupSize {
					return nil
				}
			}
			err := passKnown()
			if err == nil && !ok {
				err = pass([]hashed{{File: f}})
			}
			return err
		})
		if lost := passKnown(); err == nil {
			err = lost
		}
		if some, ok := errors.AsType[*walk.IncompleteError](err); ok {
			for _, e := range some.Errors {
				s.sink.Emit(report.Error{Code: e.Code, Path: e.Path, Message: e.Error()})
			}
			unlisted = some.Count
			return nil
		}
		return err
	}
	hash := func(ctx context.Context, group []hashed) []hashed {
		if f := &group[0]; !f.known {
			f.sum, f.err = cache.Sum(ctx, f.Path, f.Info)
		}
		return group
	}
	flush := func() { _ = s.out.flush() } // a failure is remembered, and ends ctx
	err = pipeline.InOrder(ctx, hashcache.Workers(), hashesAhead, list, hash, flush, func(group []hashed) {
		for _, f := range group {
			if ctx.Err() == nil { // else the file was not read to its end
				s.printHash(shownPath(root, abs, f.Path), f)
			}
		}
	})
	s.summary.Files.Failed += int64(unlisted)
	return err
}

// hashesAhead is how many digests, or groups of groupSize known ones, may wait for that of a large file before them.
const (
	hashesAhead = 1024
	groupSize   = 64
)

func (s *session) printHash(name string, r hashed) {
	files := &s.summary.Files
	files.Total++
	if r.err != nil {
		files.Failed++
		s.sink.Emit(report.Error{Code: "unreadable", Path: name, Message: r.err.Error()})
		return
	}
	files.Bytes += r.sum.Size
	if r.sum.Source.Read() {
		files.Hashed++
		files.HashedBytes += r.sum.Size
	} else {
		files.Cached++
	}
	digits := string(hex.AppendEncode(hex.AppendEncode(make([]byte, 0, 128), r.sum.SHA256[:]), r.sum.BLAKE3[:]))
	s.sink.Emit(report.Hash{Path: name, Size: r.sum.Size, Cached: !r.sum.Source.Read(), SHA256: digits[:64], BLAKE3: digits[64:]})
}

// shownPath names a file the way its root was named, so that sha256sum -c finds it.
func shownPath(root, abs, path string) string {
	if !filepath.IsAbs(root) {
		if rel, err := filepath.Rel(abs, path); err == nil {
			path = filepath.Join(root, rel)
		}
	}
	return filepath.ToSlash(path)
}
