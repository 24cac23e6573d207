package baseline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"

	"github.com/flsync/flsync/flamenco/api"
)

// Serial works as Flamenco's add-on does: it hashes one file after the other,
// asks what is missing, asks again about each file before it uploads it, one
// at a time over one connection, and makes one checkout.
//
// It leaves out what makes the add-on slower still: a file of JSON for each
// digest, and a comparison of each file with all others.
func Serial(ctx context.Context, url, root string, files []api.ShamanFileSpec, checkout string) (Outcome, error) {
	c := newClient(url, 1)
	var sent int
	var bytes int64
	outcome, err := c.timed(func() error {
		hashed := make([]api.ShamanFileSpec, len(files))
		for i, f := range files {
			var err error
			if hashed[i], err = Spec(root, local(root, f.Path)); err != nil {
				return err
			}
		}
		missing, err := c.missing(ctx, hashed)
		if err != nil {
			return err
		}
		for _, f := range missing {
			if err := c.status(ctx, f.Sha, f.Size); err != nil {
				return err
			}
			if err := c.upload(ctx, local(root, f.Path), f.Sha, f.Size); err != nil {
				return err
			}
			sent++
			bytes += f.Size
		}
		_, err = c.checkout(ctx, checkout, hashed)
		return err
	})
	outcome.Files, outcome.Bytes = sent, bytes
	return outcome, err
}

// Spec reads a file below root and describes it as the Manager's API does.
func Spec(root, path string) (api.ShamanFileSpec, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return api.ShamanFileSpec{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return api.ShamanFileSpec{}, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	return api.ShamanFileSpec{Path: filepath.ToSlash(rel), Sha: hex.EncodeToString(h.Sum(nil)), Size: size}, err
}
