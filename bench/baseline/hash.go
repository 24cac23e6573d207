package baseline

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
)

// block is how many bytes are read at a time.
const block = 256 << 10

// Hash takes SHA-256 of all files below root, on all cores. The walk is not part of the time.
func Hash(ctx context.Context, root string) (o Outcome, err error) {
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
	group.SetLimit(runtime.NumCPU())
	for path, size := range sizes {
		group.Go(func() error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			// The limit hides WriteTo, with which a file would not use the buffer.
			_, err = io.CopyBuffer(sha256.New(), io.LimitReader(file, size), make([]byte, block))
			return errors.Join(err, context.Cause(ctx))
		})
	}
	err = group.Wait()
	o.Seconds = time.Since(start).Seconds()
	return o, err
}
