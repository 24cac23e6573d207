package baseline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"
)

// HashPass says how files are gone over.
type HashPass struct {
	Digests []string // of "sha256" and "blake3": all are taken of each block in turn
	Threads int
	Block   int  // bytes read at a time
	Memory  bool // hash a block in memory over and over, as many bytes as the files have
}

// Validate says what is wrong with the pass.
func (h HashPass) Validate() error {
	if h.Threads < 1 || h.Block < 1 {
		return errors.New("a hash pass needs at least one thread and one byte a block")
	}
	_, err := h.hashers()
	return err
}

func (h HashPass) hashers() (all []hash.Hash, err error) {
	for _, name := range h.Digests {
		switch name {
		case "sha256":
			all = append(all, sha256.New())
		case "blake3":
			all = append(all, blake3.New())
		default:
			return nil, fmt.Errorf("unknown digest %q", name)
		}
	}
	return all, nil
}

type sizedFile struct {
	path string
	size int64
}

// Run goes over all files below root. Walking is not part of the time.
func (h HashPass) Run(ctx context.Context, root string) (Outcome, error) {
	if err := h.Validate(); err != nil {
		return Outcome{}, err
	}
	var files []sizedFile
	var outcome Outcome
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, sizedFile{path, info.Size()})
		outcome.Files++
		outcome.Bytes += info.Size()
		return nil
	})
	if err != nil {
		return outcome, err
	}

	start := time.Now()
	queue := make(chan sizedFile)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(queue)
		for _, f := range files {
			select {
			case queue <- f:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range h.Threads {
		group.Go(func() error {
			digests, err := h.hashers()
			if err != nil {
				return err
			}
			block := make([]byte, h.Block)
			for f := range queue {
				if err := h.one(f, digests, block); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	outcome.Seconds = time.Since(start).Seconds()
	return outcome, err
}

func (h HashPass) one(f sizedFile, digests []hash.Hash, block []byte) error {
	var in io.Reader = io.LimitReader(endless{}, f.size)
	if !h.Memory {
		file, err := os.Open(f.path)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	for _, d := range digests {
		d.Reset()
	}
	for {
		n, err := in.Read(block)
		for _, d := range digests {
			d.Write(block[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, d := range digests {
		d.Sum(nil)
	}
	return nil
}

// endless reads without a copy: the block is hashed as it is.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
