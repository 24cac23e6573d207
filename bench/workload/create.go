package workload

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco/api"
)

// markSize is the length of what Freshen changes in each file: long enough
// that no two marks are ever the same.
const markSize = 16

// Create makes the tree below root, which may exist. Contents are random, so
// that nothing on the way can compress or guess them.
func (s Spec) Create(ctx context.Context, root string, seed uint64) error {
	made := ""
	return s.each(ctx, func(f File) error {
		dir := filepath.Join(root, filepath.FromSlash(f.Path), "..")
		if dir == made { // files of a folder come together
			return nil
		}
		made = dir
		return os.MkdirAll(dir, 0o777)
	}, func(f File, buf []byte) (err error) {
		out, err := os.Create(filepath.Join(root, filepath.FromSlash(f.Path)))
		if err != nil {
			return err
		}
		defer func() { err = errorOr(err, out.Close()) }()
		content := stream(seed, f.Index)
		for left := f.Size; left > 0; {
			block := buf[:min(left, int64(len(buf)))]
			clear(block)
			content.XORKeyStream(block, block)
			if _, err := out.Write(block); err != nil {
				return err
			}
			left -= int64(len(block))
		}
		return mark(out, f, seed)
	})
}

// Freshen gives every file of an existing tree contents that it never had, by
// writing a mark at its start. Empty files stay empty.
func (s Spec) Freshen(ctx context.Context, root string, seed uint64) error {
	return s.each(ctx, nil, func(f File, _ []byte) (err error) {
		if f.Size == 0 {
			return nil
		}
		out, err := os.OpenFile(filepath.Join(root, filepath.FromSlash(f.Path)), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer func() { err = errorOr(err, out.Close()) }()
		return mark(out, f, seed)
	})
}

// mark writes what is unique to the seed and the file.
func mark(out *os.File, f File, seed uint64) error {
	if f.Size == 0 {
		return nil
	}
	var m [markSize]byte
	binary.BigEndian.PutUint64(m[:8], seed)
	binary.BigEndian.PutUint64(m[8:], uint64(f.Index))
	_, err := out.WriteAt(m[:min(f.Size, markSize)], 0)
	return err
}

// stream is an endless supply of random bytes, faster than a disk.
func stream(seed uint64, index int) cipher.Stream {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], seed)
	binary.BigEndian.PutUint64(key[8:], uint64(index))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a length that AES knows
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize))
}

// Manifest lists the tree with the digests of its files, as the Manager's API
// names them: what a client knows that has every digest beforehand.
func (s Spec) Manifest(ctx context.Context, root string) ([]api.ShamanFileSpec, error) {
	var mu sync.Mutex
	var specs []api.ShamanFileSpec
	err := s.each(ctx, nil, func(f File, buf []byte) error {
		sum, err := digest(filepath.Join(root, filepath.FromSlash(f.Path)), buf)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		specs = append(specs, api.ShamanFileSpec{Path: f.Path, Sha: sum, Size: f.Size})
		return nil
	})
	return specs, err
}

func digest(path string, buf []byte) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, onlyReader{in}, buf); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// onlyReader hides WriteTo, with which a file would not use the buffer.
type onlyReader struct{ io.Reader }

// Touch gives every file below root a new modification time and leaves its
// contents alone, as a checkout or an unpacked archive does.
func Touch(ctx context.Context, root string, when time.Time) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.Chtimes(path, when, when)
		}
		return errorOr(err, ctx.Err())
	})
}

// Copy copies the tree from root to another folder.
func (s Spec) Copy(ctx context.Context, from, to string) error {
	return s.each(ctx, func(f File) error {
		return os.MkdirAll(filepath.Join(to, filepath.FromSlash(f.Path), ".."), 0o777)
	}, func(f File, _ []byte) (err error) {
		in, err := os.Open(filepath.Join(from, filepath.FromSlash(f.Path)))
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(filepath.Join(to, filepath.FromSlash(f.Path)))
		if err != nil {
			return err
		}
		defer func() { err = errorOr(err, out.Close()) }()
		_, err = io.Copy(out, in)
		return err
	})
}

// each calls first (if any) for the files in order, and then work, on several
// goroutines, each with a buffer of its own.
func (s Spec) each(ctx context.Context, first func(File) error, work func(f File, buf []byte) error) error {
	group, ctx := errgroup.WithContext(ctx)
	files := make(chan File, 256)
	group.Go(func() error {
		defer close(files)
		for f := range s.All() {
			if first != nil {
				if err := first(f); err != nil {
					return err
				}
			}
			select {
			case files <- f:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			buf := make([]byte, 256<<10)
			for f := range files {
				if err := work(f, buf); err != nil {
					return fmt.Errorf("workload %s: %w", s.Name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func errorOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
