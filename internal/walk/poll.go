package walk

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io/fs"
	"path/filepath"
	"time"
)

// lookShare is which part of the time polling may spend on looking.
const lookShare = 20

// poll is [Watch] on systems where watching a tree holds a handle on each folder (Windows, where nobody can
// then rename it) or on each file (macOS, which limits them). It looks at sizes and times of all files each
// time quiet has passed, more rarely in a tree for which a look takes long. It also sees what other computers
// change on a network mount.
func poll(ctx context.Context, root string, quiet time.Duration, changed func(context.Context) error) error {
	const longest = 10 // looks
	seed := maphash.MakeSeed()
	var last, done uint64 // what the looks before and the last call have seen
	for looks, first := 0, true; ; first = false {
		began := time.Now()
		now, err := fingerprint(seed, root)
		if err != nil {
			return err
		}
		if looks++; now == done && !first {
			looks = 0
		} else if first || now == last || looks >= longest {
			done, looks = now, 0
			if err := changed(ctx); err != nil {
				return err
			}
		}
		last = now
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(max(quiet, lookShare*time.Since(began))):
		}
	}
}

// fingerprint returns what differs, but for one case in 2^64, when a file or folder below root has appeared,
// vanished or changed. Folders that cannot be read are left out; a sync tells of them.
func fingerprint(seed maphash.Seed, root string) (uint64, error) {
	var h maphash.Hash
	h.SetSeed(seed)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case path == root && err != nil:
			return err
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			return nil
		case err != nil:
			return err
		case path != root && unwatched(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		h.WriteString(path)
		h.WriteByte(0)
		if info, err := d.Info(); err == nil && !d.IsDir() {
			h.Write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(info.Size())), uint64(info.ModTime().UnixNano())))
		}
		return nil
	})
	return h.Sum64(), err
}
