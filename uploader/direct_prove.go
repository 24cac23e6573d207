package uploader

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// Prove returns nil if blobs can be written here: what the Manager is sent appears here and can be removed
// here; what is written here the Manager reports as stored, touches (which keeps it from garbage collection)
// and links in a checkout; and the Manager can write, and so remove, in a folder made here. All that is made
// for it is removed again, as is what earlier runs left that were killed.
func (d *Direct) Prove(ctx context.Context) (err error) {
	if err := d.Look(); err != nil {
		return err
	}
	theirs, ours := newProbe(), newProbe()
	defer func() {
		err = errors.Join(err, d.remove(theirs), d.remove(ours))
		if err != nil { // the Manager must not meet folders that it cannot write in
			_ = os.Remove(filepath.Dir(filepath.Dir(d.blobPath(ours.sha, ours.size()))))
			folders, _ := filepath.Glob(d.path(writingFolders + "*"))
			for _, folder := range folders {
				_ = os.Remove(folder) // one that another run uses is not empty, or made again
			}
		}
	}()

	if err := d.sendProbe(ctx, theirs); err != nil {
		return err
	}
	info, err := os.Lstat(d.blobPath(theirs.sha, theirs.size()))
	if err != nil {
		return fmt.Errorf("it is not the Manager's store: what the Manager was sent is not there: %w", err)
	}
	if err := d.remove(theirs); err != nil {
		return err
	}
	if err := d.adopt(info); err != nil {
		return err
	}
	if _, err := d.write(ctx, ours.upload()); err != nil {
		return err
	}
	if err := d.awaitTouch(ctx, ours); err != nil {
		return err
	}
	if err := d.probeCheckout(ctx, ours); err != nil {
		return err
	}
	if err := os.Remove(d.blobPath(ours.sha, ours.size())); err != nil { // not its folder
		return err
	}
	if err := d.sendProbe(ctx, ours); err != nil {
		return fmt.Errorf("the Manager cannot write in folders made here: %w", err)
	}
	return nil
}

// probe is a small blob that nobody has.
type probe struct {
	data []byte
	sha  string
}

func newProbe() probe {
	data := []byte("flsync probe " + rand.Text())
	sum := sha256.Sum256(data)
	return probe{data, hex.EncodeToString(sum[:])}
}

func (p probe) size() int64 { return int64(len(p.data)) }

func (p probe) upload() flamenco.Upload {
	return flamenco.Upload{SHA256: p.sha, Size: p.size(), Name: "flsync probe", Body: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(p.data)), nil
	}}
}

// remove removes a probe and its folder. The folder above stays, since another upload may be about to use it.
func (d *Direct) remove(p probe) error {
	path := d.blobPath(p.sha, p.size())
	for _, path := range []string{path, filepath.Dir(path)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sendProbe has the Manager store a probe.
func (d *Direct) sendProbe(ctx context.Context, p probe) (err error) {
	const tries = 3 // other uploads may get in its way, see queue
	for range tries {
		var outcome flamenco.UploadOutcome
		if outcome, err = d.Shaman.ShamanUpload(ctx, p.upload()); err == nil && outcome != flamenco.Stored {
			return fmt.Errorf("the Manager did not take a probe: %v", outcome)
		}
		if !flamenco.IsTemporary(err) {
			break
		}
	}
	return err
}

// adopt learns from a file that the Manager has written which permissions its own have, and removes what is
// left of killed runs.
func (d *Direct) adopt(theirs fs.FileInfo) error {
	d.fileMode, d.dirMode, d.chmod = 0, 0, false
	ours, err := d.newFile()
	if err != nil {
		return err
	}
	mode := theirs.Mode().Perm()
	if mode != ours.Mode().Perm() {
		d.fileMode, d.dirMode = mode, mode|mode&0o444>>2
		if ours, err = d.newFile(); err != nil {
			return err
		}
		d.chmod = mode != ours.Mode().Perm() // the umask takes something away
	}
	if !mayUse(ours, theirs) {
		return fmt.Errorf("files written here belong to another user than the Manager's own, whose mode %v lets only its user change them: "+
			"run flsync and the Manager as one user, or in one group with umask 002", mode)
	}
	before := ours.ModTime().Add(-abandonedAfter)                                      // by the clock of the file system
	stale, _ := filepath.Glob(d.path(strings.TrimSuffix(writingFolders, "-") + "*/*")) // earlier releases had one folder
	checkouts, _ := filepath.Glob(filepath.Join(d.path(jobsFolder), probeCheckout+"*"))
	for _, path := range append(stale, checkouts...) {
		if info, err := os.Lstat(path); err == nil && info.ModTime().Before(before) {
			_ = os.RemoveAll(path) // another user's may stay
		}
	}
	return nil
}

// newFile returns what a file of ours is like.
func (d *Direct) newFile() (fs.FileInfo, error) {
	temp, err := d.create(d.temporary("0"))
	if err != nil {
		return nil, err
	}
	info, err := temp.Stat()
	return info, errors.Join(err, temp.Close(), os.Remove(temp.Name()))
}

// awaitTouch returns nil when the Manager reports a probe as stored and has renewed its time.
func (d *Direct) awaitTouch(ctx context.Context, p probe) error {
	const (
		age      = 48 * time.Hour
		patience = 5 * time.Second // network file systems may show an earlier time for some seconds
		poll     = 5 * time.Millisecond
	)
	path := d.blobPath(p.sha, p.size())
	old := time.Now().Add(-age)
	if err := os.Chtimes(path, old, old); err != nil {
		return err
	}
	spec := api.ShamanFileSpec{Sha: p.sha, Size: p.size(), Path: checkPath}
	reply, err := d.ShamanRequirements(ctx, api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{spec}})
	if err != nil {
		return err
	}
	if len(reply.Files) > 0 {
		return errors.New("the Manager does not see what is written here")
	}
	for began := time.Now(); time.Since(began) < patience; {
		file, err := os.Open(path) // which has network file systems look
		if err != nil {
			return err
		}
		info, err := file.Stat()
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		if info.ModTime().After(old.Add(age / 2)) {
			return nil
		}
		if err := sleep(ctx, poll); err != nil {
			return err
		}
	}
	return errors.New("the Manager cannot touch what is written here: its user needs the right to write it")
}

// probeCheckout has the Manager make a checkout of a probe, and removes it.
func (d *Direct) probeCheckout(ctx context.Context, p probe) error {
	made, err := d.ShamanCheckout(ctx, api.ShamanCheckout{
		CheckoutPath: probeCheckout + strings.ToLower(rand.Text()), Files: []api.ShamanFileSpec{{Sha: p.sha, Size: p.size(), Path: "probe"}},
	})
	if err != nil {
		return fmt.Errorf("the Manager makes no checkout of what is written here: %w", err)
	}
	if !strings.HasPrefix(made, probeCheckout) || strings.ContainsAny(made, `/\`) {
		return fmt.Errorf("the Manager made a checkout %q instead of %s…", made, probeCheckout)
	}
	folder := filepath.Join(d.path(jobsFolder), made)
	if _, err = os.Lstat(filepath.Join(folder, "probe")); err != nil {
		err = fmt.Errorf("the Manager's checkout is not there: %w", err)
	}
	return errors.Join(err, os.RemoveAll(folder))
}
