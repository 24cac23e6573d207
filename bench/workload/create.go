package workload

import (
	"cmp"
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
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco/api"
)

// markSize is the most that Freshen changes in each file: long enough that no two marks are the same.
const markSize = 24

// Create makes the tree below root, which may exist. Contents are random, so that nothing on the way can
// compress or guess them.
func (s Spec) Create(ctx context.Context, root string, seed uint64) error {
	return s.each(ctx, func(f File) error {
		path := filepath.Join(root, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		_, err = io.CopyN(out, contents(seed, f.Index), f.Size)
		return cmp.Or(err, mark(out, f, seed), out.Close())
	})
}

// Freshen gives every file of an existing tree contents that it never had, by writing a mark at its start.
// Empty files stay empty.
func (s Spec) Freshen(ctx context.Context, root string, seed uint64) error {
	return s.each(ctx, func(f File) error {
		if f.Size == 0 {
			return nil
		}
		out, err := os.OpenFile(filepath.Join(root, filepath.FromSlash(f.Path)), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return cmp.Or(mark(out, f, seed), out.Close())
	})
}

// mark writes what is unique to the seed and the file. A picture begins with its signature, else it counts as
// broken.
func mark(out *os.File, f File, seed uint64) error {
	var m [markSize]byte
	if strings.HasSuffix(f.Path, ".png") {
		copy(m[:], "\x89PNG\r\n\x1a\n")
	}
	binary.BigEndian.PutUint64(m[8:], seed)
	binary.BigEndian.PutUint64(m[16:], uint64(f.Index))
	_, err := out.WriteAt(m[:min(f.Size, markSize)], 0)
	return err
}

// contents is an endless supply of random bytes, faster than a disk.
func contents(seed uint64, index int) io.Reader {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:], seed)
	binary.BigEndian.PutUint64(key[8:], uint64(index))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has a length that AES knows
	}
	return cipher.StreamReader{S: cipher.NewCTR(block, make([]byte, aes.BlockSize)), R: zeros{}}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Manifest lists the tree with the digests of its files, as the Manager's API names them: what a client knows
// that has every digest beforehand.
func (s Spec) Manifest(ctx context.Context, root string) ([]api.ShamanFileSpec, error) {
	var mu sync.Mutex
	var specs []api.ShamanFileSpec
	err := s.each(ctx, func(f File) error {
		one, err := Describe(root, f.Path)
		mu.Lock()
		defer mu.Unlock()
		specs = append(specs, one)
		return err
	})
	return specs, err
}

// Describe reads the file of that name below root, with slashes, and describes it as the Manager's API does.
func Describe(root, name string) (api.ShamanFileSpec, error) {
	in, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return api.ShamanFileSpec{}, err
	}
	defer in.Close()
	h := sha256.New()
	size, err := io.Copy(h, in)
	return api.ShamanFileSpec{Path: name, Sha: hex.EncodeToString(h.Sum(nil)), Size: size}, err
}

// Touch gives every file below root a new modification time and leaves its contents alone, as an unpacked
// archive does.
func Touch(ctx context.Context, root string, when time.Time) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			err = os.Chtimes(path, when, when)
		}
		return cmp.Or(err, ctx.Err())
	})
}

// each calls work for all files, on one goroutine a core.
func (s Spec) each(ctx context.Context, work func(File) error) error {
	group, until := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for f := range s.All() {
		if until.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := work(f); err != nil {
				return fmt.Errorf("workload %s: %w", s.Name, err)
			}
			return nil
		})
	}
	return cmp.Or(group.Wait(), context.Cause(ctx))
}
