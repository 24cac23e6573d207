package manager

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// blobStore keeps files by digest and size, and makes checkouts of links to them:
//
//	file-store/uploading/<digest>-<size>-<n>.tmp   on its way
//	file-store/stored/<2 digits>/<62 digits>/<size>.blob
//	jobs/<checkout path>/…                         relative links to stored files
//
// The layout is that of Flamenco, so that a client may write there as well. A file is stored by renaming it,
// so that it is there whole or not at all. Its size is its name, so that a file that a power cut left empty
// is found out.
type blobStore struct {
	dir   string   // the shared storage
	jobs  *os.Root // checkouts
	fault func() *Faults

	buffers    sync.Pool     // of uploads, *[uploadBuffer]byte
	temp       atomic.Uint64 // names of temporary files
	checkoutMu sync.Mutex    // held while a free checkout path is looked for

	mu       sync.Mutex
	transfer map[blobKey]*transfer
	raced    map[blobKey]bool // failed once for the shard race
}

type blobKey struct {
	sha  string
	size int64
}

// transfer is all uploads of one file that run at a time.
type transfer struct {
	running int
	over    atomic.Bool // one of them ended in such a way that the others get a 208
}

const (
	storedDir    = "file-store/stored"
	uploadingDir = "file-store/uploading"

	// renewAfter is how old a stored file's time may be before it is renewed when somebody asks for the file.
	// The time only decides what is deleted after weeks.
	renewAfter = 24 * time.Hour
)

// openBlobStore opens the store in dir. What a killed Manager left in uploading is of no use and removed.
func openBlobStore(dir string, fault func() *Faults) (*blobStore, error) {
	b := &blobStore{
		dir: dir, fault: fault, transfer: make(map[blobKey]*transfer), raced: make(map[blobKey]bool),
	}
	if err := os.RemoveAll(filepath.Join(dir, uploadingDir)); err != nil {
		return nil, err
	}
	for _, sub := range []string{storedDir, uploadingDir, "jobs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	b.jobs, err = os.OpenRoot(filepath.Join(dir, "jobs"))
	return b, err
}

// valid reports whether k has a SHA-256 digest in lower case; nothing else can be stored.
func (k blobKey) valid() bool {
	return len(k.sha) == 64 && strings.Trim(k.sha, "0123456789abcdef") == "" && k.size >= 0
}

func (k blobKey) shard() string { return k.sha[:2] }

// relative is the path below the shared storage, with slashes.
func (k blobKey) relative() string {
	return storedDir + "/" + k.sha[:2] + "/" + k.sha[2:] + "/" + strconv.FormatInt(k.size, 10) + ".blob"
}

func (b *blobStore) path(k blobKey) string { return filepath.Join(b.dir, k.relative()) }

// stored reports whether a file is stored, and renews it.
func (b *blobStore) stored(k blobKey) bool {
	if !k.valid() {
		return false
	}
	path := b.path(k)
	info, err := os.Stat(path)
	if err != nil || info.Size() != k.size {
		return false
	}
	if now := time.Now(); now.Sub(info.ModTime()) > renewAfter {
		_ = os.Chtimes(path, now, now) // it may be deleted early then, which clients can live with
	}
	return true
}

// status is what the API calls the state of a file.
func (b *blobStore) status(k blobKey) api.ShamanFileStatus {
	if b.stored(k) {
		return api.ShamanFileStatusStored
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.uploading(k) {
		return api.ShamanFileStatusUploading
	}
	return api.ShamanFileStatusUnknown
}

func (b *blobStore) uploading(k blobKey) bool {
	return b.transfer[k] != nil || contains(b.fault().Stuck, k.sha)
}

var (
	errStored = errors.New("file is stored already")
	errDefer  = errors.New("file is being uploaded by somebody else")
)

// begin notes that an upload of k begins. It fails with errStored or errDefer when it need not. Every begin
// that does not fail must be ended.
func (b *blobStore) begin(k blobKey, canDefer bool) (*transfer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stored(k) {
		return nil, errStored
	}
	if canDefer && b.uploading(k) {
		return nil, errDefer
	}
	if b.fault().ShardRace && !b.raced[k] && b.beside(k) {
		b.raced[k] = true
		dir := filepath.Join(b.dir, uploadingDir, k.shard(), k.sha[2:])
		return nil, fmt.Errorf("opening file for writing uploaded data: %w", &fs.PathError{Op: "mkdir", Path: dir, Err: errNoSuchDir})
	}
	t := b.transfer[k]
	if t == nil {
		t = new(transfer)
		b.transfer[k] = t
	}
	t.running++
	return t, nil
}

// errNoSuchDir reads like the system's error, but is no reason to look for a missing folder.
var errNoSuchDir = errors.New("no such file or directory")

// end notes that an upload is over. The first that is stored sends the others away.
func (b *blobStore) end(k blobKey, t *transfer, stored bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if stored || b.fault().FalseStored {
		t.over.Store(true)
	}
	t.running--
	if (t.over.Load() || t.running == 0) && b.transfer[k] == t {
		delete(b.transfer, k)
	}
}

// beside reports whether another digest with the first two digits of k is on its way.
func (b *blobStore) beside(k blobKey) bool {
	for other := range b.transfer {
		if other != k && other.shard() == k.shard() {
			return true
		}
	}
	return false
}

// create makes a temporary file for an upload.
func (b *blobStore) create(k blobKey) (*os.File, error) {
	if b.fault().DiskFull {
		return nil, errDiskFull
	}
	name := k.sha + "-" + strconv.FormatInt(k.size, 10) + "-" + strconv.FormatUint(b.temp.Add(1), 10) + ".tmp"
	return os.OpenFile(filepath.Join(b.dir, uploadingDir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// keep moves a finished temporary file to where it is stored. A sweep may remove the folder in between.
func (b *blobStore) keep(temp string, k blobKey) error {
	const tries = 3
	target := b.path(k)
	for try := 1; ; try++ {
		err := os.Rename(temp, target)
		if !errors.Is(err, fs.ErrNotExist) || try == tries {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
	}
}

// keyOf reads back what path returned.
func keyOf(path string) (blobKey, bool) {
	folder, name := filepath.Split(path)
	shard, rest := filepath.Split(filepath.Clean(folder))
	sizeText, isBlob := strings.CutSuffix(name, ".blob")
	size, err := strconv.ParseInt(sizeText, 10, 64)
	k := blobKey{filepath.Base(shard) + rest, size}
	return k, isBlob && err == nil && k.valid()
}
