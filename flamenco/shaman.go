package flamenco

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Upload is one file on its way into the Manager's store.
type Upload struct {
	// SHA256 of the contents, 64 lower-case hex digits.
	SHA256 string
	// Size in bytes. No more are sent, even when the file has grown.
	Size int64
	// Name for the Manager's log; any string, it is made safe. Empty sends none.
	Name string
	// Body opens the contents at their beginning. Hand out an *os.File and the kernel copies it. It is called
	// again when a connection turns out to be closed; what it returns is closed each time.
	Body func() (io.ReadCloser, error)
	// Paced says that the contents come slowly, because of a limit of the caller's. They are then sent as
	// they come; else those of a small file are read to their end first, and leave in one write with the
	// headers.
	Paced bool
	// CanDefer says that other files can go first; the Manager then answers Deferred while somebody else
	// sends this one.
	CanDefer bool
	// Expect asks before the first byte of the contents is sent. It costs a round trip, and saves the
	// contents when the file is already stored or on its way: for large files, and those reported as
	// uploading.
	Expect bool
}

// UploadOutcome is what became of an upload.
type UploadOutcome int

const (
	// Stored: the Manager has taken and checked the contents.
	Stored UploadOutcome = iota + 1
	// AlreadyStored: the Manager had them, or somebody else was faster (208).
	AlreadyStored
	// Deferred: somebody else is uploading them now; nothing is stored yet (425).
	Deferred
)

func (o UploadOutcome) String() string {
	text := map[UploadOutcome]string{Stored: "stored", AlreadyStored: "already stored", Deferred: "deferred"}[o]
	return cmp.Or(text, "unknown")
}

// uploadRest: a Manager 3.9 crashes ("close of closed channel") when an upload begins while another of the
// same file is just ending there, as one does that was cut off in the middle.
const uploadRest = 100 * time.Millisecond

// ShamanUpload sends one file. A reply in the middle of the contents, after which the Manager closes the
// connection, is an outcome like any other. Status 417 means that the contents do not have that size or
// digest; a [*BodyError], that they could not be read.
func (c *Client) ShamanUpload(ctx context.Context, u Upload) (UploadOutcome, error) {
	if err := checkDigest(u.SHA256); err != nil {
		return 0, fmt.Errorf("upload of %s: %w", u.Name, err)
	}
	if u.Size < 0 {
		return 0, fmt.Errorf("upload of %s: a size of %d is impossible", u.Name, u.Size)
	}
	source := &bodySource{open: u.Body, size: u.Size, inMemory: u.Size <= smallBody && !u.Paced}
	reply, err := c.send(ctx, request{
		method:   http.MethodPost,
		path:     []string{"shaman", "files", u.SHA256, strconv.FormatInt(u.Size, 10)},
		open:     source.next,
		size:     u.Size,
		header:   uploadHeader(u),
		harmless: true,
		rest:     uploadRest,
	})
	if err != nil {
		if failed := source.failure(); failed != nil && ctx.Err() == nil {
			return 0, &BodyError{Name: u.Name, Err: failed}
		}
		return 0, err
	}
	switch reply.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		defer reply.finish()
		if err := reply.plainStatus(); err != nil {
			return 0, err
		}
		source.received()
		return Stored, nil
	case http.StatusAlreadyReported:
		reply.close() // these two say all with their status; the connection mostly ends with them
		return AlreadyStored, nil
	case http.StatusTooEarly:
		reply.close()
		return Deferred, nil
	}
	defer reply.finish()
	return 0, reply.failure()
}

func uploadHeader(u Upload) http.Header {
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	if name := headerName(u.Name); name != "" {
		header.Set("X-Shaman-Original-Filename", name)
	}
	if u.CanDefer {
		header.Set("X-Shaman-Can-Defer-Upload", "true")
	}
	if u.Expect && u.Size > 0 {
		header.Set("Expect", "100-continue")
	}
	return header
}

// ShamanFileStatus reports whether a file is stored.
func (c *Client) ShamanFileStatus(ctx context.Context, sha256 string, size int64) (api.ShamanFileStatus, error) {
	if err := checkDigest(sha256); err != nil {
		return "", err
	}
	status, err := get[api.ShamanSingleFileStatus](ctx, c, "shaman", "files", sha256, strconv.FormatInt(size, 10))
	return status.Status, err
}

// ShamanRequirements returns which of the files are not stored, each digest and size once, under the first
// path that named it.
func (c *Client) ShamanRequirements(ctx context.Context, wanted api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error) {
	path := []string{"shaman", "checkout", "requirements"}
	if err := checkFiles(wanted.Files); err != nil {
		return api.ShamanRequirementsResponse{}, fmt.Errorf("requirements: %w", err)
	}
	// A reply without the list must not pass for "all are stored".
	var missing struct {
		Files *[]api.ShamanFileSpecWithStatus `json:"files"`
	}
	r := request{method: http.MethodPost, path: path, harmless: true, limit: maxListReply}.withBody("application/json", appendRequirements(nil, wanted.Files))
	if _, err := c.call(ctx, r, nil, &missing); err != nil {
		return api.ShamanRequirementsResponse{}, err
	}
	if missing.Files == nil {
		return api.ShamanRequirementsResponse{}, c.incomplete(http.MethodPost, "list of files", path...)
	}
	return api.ShamanRequirementsResponse{Files: *missing.Files}, nil
}

// ShamanCheckout makes a folder of links to stored files and returns its path, which is not always the one
// that was asked for. Ask only for a path that cannot exist, and only when ShamanRequirements came back
// empty: a checkout that fails makes a Manager 3.9 erase the folder at the path that was asked for, even
// somebody else's. A missing file gives status 500 there, which is [IsTemporary] by its number only.
func (c *Client) ShamanCheckout(ctx context.Context, checkout api.ShamanCheckout) (path string, err error) {
	segments := []string{"shaman", "checkout", "create"}
	if err := checkCheckout(checkout); err != nil {
		return "", fmt.Errorf("checkout %q: %w", checkout.CheckoutPath, err)
	}
	r := request{method: http.MethodPost, path: segments, silence: c.config.CheckoutSilence}.withBody("application/json", appendCheckout(nil, checkout))
	var result api.ShamanCheckoutResult
	if _, err := c.call(ctx, r, nil, &result); err != nil {
		return "", err
	}
	if result.CheckoutPath == "" {
		return "", c.incomplete(http.MethodPost, "checkout path", segments...)
	}
	return result.CheckoutPath, nil
}
