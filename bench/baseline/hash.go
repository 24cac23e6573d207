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

// HashPass reads all files of a tree and takes digests of each block in turn.
type HashPass struct {
	Digests []string `json:"digests"` // of "sha256" and "blake3"
	Threads int      `json:"threads"`
	Block   int      `json:"block"`  // bytes read at a time
	Memory  bool     `json:"memory"` // hash a block in memory over and over, as many bytes as the files have
}

// Run goes over all files below root. The walk is not part of the time.
func (h HashPass) Run(ctx context.Context, root string) (o Outcome, err error) {
	if h.Threads < 1 || h.Block < 1 {
		return o, errors.New("a hash pass needs at least one thread and one byte a block")
	}
	sizes := map[string]int64{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sizes[path] = info.Size()
			o.Files++
			o.Bytes += info.Size()
		}
		return err
	})
	if err != nil {
		return o, err
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(h.Threads)
	for path, size := range sizes {
		group.Go(func() error { return errors.Join(context.Cause(ctx), h.one(path, size)) })
	}
	err = group.Wait()
	o.Seconds = time.Since(start).Seconds()
	return o, err
}

func (h HashPass) one(path string, size int64) error {
	var digests []io.Writer
	for _, name := range h.Digests {
		digest, known := map[string]func() hash.Hash{
			"sha256": sha256.New, "blake3": func() hash.Hash { return blake3.New() },
		}[name]
		if !known {
			return fmt.Errorf("unknown digest %q", name)
		}
		digests = append(digests, digest())
	}
	var in io.Reader = io.LimitReader(endless{}, size)
	if !h.Memory {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		in = io.LimitReader(file, size) // hides WriteTo, with which a file would not use the buffer
	}
	_, err := io.CopyBuffer(io.MultiWriter(digests...), in, make([]byte, h.Block))
	return err
}

// endless reads without a copy: the block is hashed as it is.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
