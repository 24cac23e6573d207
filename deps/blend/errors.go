package blend

import (
	"errors"
	"fmt"
)

// What a caller may branch on. Each is wrapped in a [*FormatError].
var (
	// ErrNotBlend: the file does not begin as a Blender file does.
	ErrNotBlend = errors.New("not a Blender file")
	// ErrUnsupported: a Blender file of a form that this reader does not know.
	ErrUnsupported = errors.New("unsupported form of Blender file")
	// ErrTruncated: the file ends before it should.
	ErrTruncated = errors.New("file ends too early")
	// ErrCorrupt: lengths, counts or names in the file contradict each other.
	ErrCorrupt = errors.New("damaged Blender file")
	// ErrLimit: the file asks for more memory or work than a real one does.
	ErrLimit = errors.New("exceeds what is safe to read")
)

// A FormatError says what is wrong with the contents of a file, and where.
type FormatError struct {
	// Offset is where it is wrong, in bytes from the start of the decompressed file.
	Offset int64
	// Err is one of the sentinels of this package.
	Err error
	// Reason is the detail, for people.
	Reason string
}

func (e *FormatError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("%v (at byte %d)", e.Err, e.Offset)
	}
	return fmt.Sprintf("%v: %s (at byte %d)", e.Err, e.Reason, e.Offset)
}

func (e *FormatError) Unwrap() error { return e.Err }

func formatError(err error, offset int64, reason string, args ...any) *FormatError {
	return &FormatError{Offset: offset, Err: err, Reason: fmt.Sprintf(reason, args...)}
}
