package manager

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

const (
	// uploadBuffer is read at once; a file that fits is checked before anything is written.
	uploadBuffer = 256 << 10

	// maxExcess is how much more than it announced an upload may send before it is cut off. The real Manager
	// reads all.
	maxExcess = 64 << 20
)

// withShaman refuses an operation when Shaman is off.
func (m *Manager) withShaman(handle handler) handler {
	if m.cfg.NoShaman {
		return func(*request) error { return refuse(http.StatusServiceUnavailable, "shaman server not active") }
	}
	return handle
}

// fileStatus reports whether a file is stored.
func (m *Manager) fileStatus(q *request) error {
	k, err := q.blobKey()
	if err != nil {
		return err
	}
	return q.reply(api.ShamanSingleFileStatus{Status: m.blobs.status(k)})
}

// blobKey reads digest and size from the path. The real Manager crashes on digests of less than two
// characters.
func (q *request) blobKey() (blobKey, error) {
	size, err := strconv.ParseInt(q.params["filesize"], 10, 64)
	if err != nil {
		return blobKey{}, badParameter("filesize", err)
	}
	k := blobKey{q.params["checksum"], size}
	if len(k.sha) < 2 {
		return blobKey{}, errCrash
	}
	return k, nil
}

// errCrash is what the real Manager answers after a handler of its crashed.
var errCrash = refuseBare(http.StatusInternalServerError, "Internal Server Error")

func badParameter(name string, err error) error {
	return refuseBare(http.StatusBadRequest, "Invalid format for parameter %s: error binding string parameter: %v", name, err)
}

// upload stores a file. It answers without reading the body when the file is stored, or when it is on its way
// and the client can defer; the server then closes the connection if more of the body is to come.
func (m *Manager) upload(q *request) error {
	k, err := q.blobKey()
	if err != nil {
		return err
	}
	canDefer, err := q.canDefer()
	if err != nil {
		return err
	}
	if name := q.r.Header.Get("X-Shaman-Original-Filename"); name != "" {
		if _, err := new(mime.WordDecoder).DecodeHeader(name); err != nil {
			return refuse(http.StatusBadRequest, "invalid X-Shaman-Original-Filename header: %q", name)
		}
	}
	transfer, err := m.blobs.begin(k, canDefer)
	if err == nil {
		err = m.blobs.receive(q, k, transfer)
		m.blobs.end(k, transfer, err == nil)
	}
	switch {
	case err == nil:
		return q.empty(http.StatusOK)
	case !errors.Is(err, errStored) && !errors.Is(err, errDefer):
		return err
	}
	q.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	if errors.Is(err, errDefer) {
		return q.empty(http.StatusTooEarly)
	}
	return q.empty(http.StatusAlreadyReported)
}

func (q *request) canDefer() (bool, error) {
	const header = "X-Shaman-Can-Defer-Upload"
	text := q.r.Header.Get(header)
	if text == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, badParameter(header, err)
	}
	return value, nil
}

// receive reads and stores a file. It fails with errStored when another upload of the same file ends first.
func (b *blobStore) receive(q *request, k blobKey, t *transfer) error {
	buffer, pooled := b.buffers.Get().(*[uploadBuffer]byte)
	if !pooled {
		buffer = new([uploadBuffer]byte)
	}
	defer b.buffers.Put(buffer)
	r := &receiver{store: b, key: k, transfer: t, hash: sha256.New()}
	defer r.cleanUp()
	for {
		n, err := io.ReadFull(q.r.Body, buffer[:])
		r.received += int64(n)
		if t.over.Load() {
			return errStored
		}
		// a short last read looks like a broken connection, unless as much came as was announced (-1: nothing
		// was)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && r.received >= q.r.ContentLength
		if err != nil && !last {
			return fmt.Errorf("unable to copy request body to file: %w", err)
		}
		if err := r.add(buffer[:n], last); err != nil || last {
			return err
		}
	}
}

// receiver takes the parts of a file.
type receiver struct {
	store    *blobStore
	key      blobKey
	transfer *transfer
	hash     hash.Hash
	received int64
	file     *os.File
	kept     bool
}

// add takes a part. With the last one the file is checked and stored.
func (r *receiver) add(part []byte, last bool) error {
	r.hash.Write(part)
	if !last {
		if r.received > r.key.size+maxExcess {
			return r.sizeMismatch()
		}
		return r.write(part)
	}
	if r.received != r.key.size {
		return r.sizeMismatch()
	}
	if sum := hex.EncodeToString(r.hash.Sum(nil)); sum != r.key.sha {
		return refuse(http.StatusExpectationFailed, "file SHA256 mismatched, declared %s but received %s", r.key.sha, sum)
	}
	if err := r.write(part); err != nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("closing local file: %w", err)
	}
	if err := r.store.keep(r.file.Name(), r.key); err != nil {
		return err
	}
	r.kept = true
	return nil
}

func (r *receiver) sizeMismatch() error {
	return refuse(http.StatusExpectationFailed, "file size mismatched, declared %d but received %d bytes", r.key.size, r.received)
}

// write appends to the temporary file, which is made with the first part. What cannot be stored anyway is not
// written.
func (r *receiver) write(part []byte) (err error) {
	if !r.key.valid() || r.received > r.key.size {
		return nil
	}
	if r.file == nil {
		if r.file, err = r.store.create(r.key); err != nil {
			return fmt.Errorf("opening file for writing uploaded data: %w", err)
		}
	}
	if r.store.fault().DiskFull {
		return errDiskFull
	}
	if _, err := r.file.Write(part); err != nil {
		return fmt.Errorf("unable to copy request body to file: %w", err)
	}
	return nil
}

func (r *receiver) cleanUp() {
	if r.file != nil && !r.kept {
		_ = r.file.Close() // it may be closed already
		_ = os.Remove(r.file.Name())
	}
}

// requirements lists the files that are not stored, each digest and size once, under the first path that
// names it.
func (m *Manager) requirements(q *request) error {
	var sent api.ShamanRequirementsRequest
	if err := q.decodeFiles(&sent, &sent.Files); err != nil {
		return err
	}
	reply := api.ShamanRequirementsResponse{Files: []api.ShamanFileSpecWithStatus{}}
	seen := make(map[blobKey]bool, len(sent.Files))
	for _, file := range sent.Files {
		k := blobKey{file.Sha, file.Size}
		if seen[k] {
			continue
		}
		seen[k] = true
		if len(k.sha) < 2 {
			return errCrash
		}
		if status := m.blobs.status(k); status != api.ShamanFileStatusStored {
			reply.Files = append(reply.Files, api.ShamanFileSpecWithStatus{
				Path: file.Path, Sha: file.Sha, Size: file.Size, Status: status,
			})
		}
	}
	return q.reply(reply)
}

// decodeFiles is decode for the long lists of Shaman. It validates only lists that look wrong, because
// validation takes ten times as long as reading.
func (q *request) decodeFiles(value any, files *[]api.ShamanFileSpec) error {
	data, err := q.body()
	if err != nil {
		return err
	}
	isJSON := strings.HasPrefix(q.r.Header.Get("Content-Type"), "application/json")
	if isJSON && json.Unmarshal(data, value) == nil && *files != nil && !anySuspicious(*files) {
		return nil
	}
	return q.decodeBody(data, value)
}

func anySuspicious(files []api.ShamanFileSpec) bool {
	const emptyFile = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for i := range files {
		if f := &files[i]; f.Sha == "" || f.Path == "" || f.Size == 0 && f.Sha != emptyFile {
			return true
		}
	}
	return false
}
