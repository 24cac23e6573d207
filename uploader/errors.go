package uploader

import (
	"errors"
	"fmt"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

var (
	// ErrChanged says that a source is no longer what was hashed. The error around it is a [*BlobError].
	ErrChanged = errors.New("it changed while it was being sent")

	// ErrClosed says that the uploader was closed.
	ErrClosed = errors.New("uploader: closed")

	// ErrCheckOnly says that the uploader was told to send nothing.
	ErrCheckOnly = errors.New("uploader: dry run, no checkout is made")
)

// BlobError says why one blob could not be sent.
type BlobError struct {
	Name     string // as in the Blob
	SHA256   string
	Size     int64
	Attempts int // requests that were made for it
	Err      error
}

func (e *BlobError) Error() string {
	if e.Attempts > 1 {
		return fmt.Sprintf("sending %s (after %d attempts): %v", e.Name, e.Attempts, e.Err)
	}
	return fmt.Sprintf("sending %s: %v", e.Name, e.Err)
}

func (e *BlobError) Unwrap() error { return e.Err }

// GaveUpError says that the Manager stayed away, or kept failing, for longer than Config.Patience, and that
// the whole run was given up. What is done is kept by the Manager: another run sends only what is left.
type GaveUpError struct {
	Done, Left           int64         // blobs
	DoneBytes, LeftBytes int64         // bytes of these; what was there already counts as done
	Failing              time.Duration // since the first failures after the last success; 0: everything was refused
	Err                  error         // the last failure
}

func (e *GaveUpError) Error() string {
	why := "the run was given up"
	if e.Failing > 0 {
		why += fmt.Sprintf(" after nothing got through to the Manager for %v", e.Failing.Round(time.Second))
	}
	return fmt.Sprintf("%s; %d files are stored, %d of %d bytes in all are left, and another run sends only these: %v",
		why, e.Done, e.Left, e.LeftBytes, e.Err)
}

func (e *GaveUpError) Unwrap() error { return e.Err }

// PathError says why a path cannot be part of a checkout.
type PathError struct {
	Path   string
	Reason string // completes the sentence "path …"
}

func (e *PathError) Error() string { return fmt.Sprintf("path %q %s", e.Path, e.Reason) }

// MissingError says that files of a checkout are not in the Manager's store and could not be brought there.
type MissingError struct {
	Files []api.ShamanFileSpec
	Err   error // why sending one of them failed while Checkout waited; a failure before that is known to its Pending
}

func (e *MissingError) Error() string {
	text := fmt.Sprintf("%d files of the checkout are not in the Manager's store, %q among them", len(e.Files), e.Files[0].Path)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *MissingError) Unwrap() error { return e.Err }
