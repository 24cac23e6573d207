package uploader

import (
	"context"
	"errors"
	"fmt"
)

// changesTaken is how often a file that changes while it is sent is taken again, before it is an error: a file that is
// being saved settles by then, one that is being written for hours does not.
const changesTaken = 3

// EnsureFresh is Ensure and Wait for a file that may change meanwhile: when it did, rehash takes it again, and the blob
// that it is now goes to the Manager, up to three times. It returns the blob that the Manager has: what to put into a
// checkout. rehash must read the file, because its digest was just proven wrong.
//
// An error after the third time is an [ErrChanged] with the file's name.
func (u *Uploader) EnsureFresh(ctx context.Context, b Blob, rehash func(context.Context) (Blob, error)) (Blob, error) {
	for taken := 0; ; taken++ {
		err := u.Ensure(ctx, b).Wait(ctx)
		if !errors.Is(err, ErrChanged) {
			return b, err
		}
		if taken == changesTaken {
			return b, fmt.Errorf("%s was taken %d times, and changed each time; wait until nothing writes to it, then run again: %w",
				b.Name, taken+1, err)
		}
		fresh, rehashErr := rehash(ctx)
		if rehashErr != nil {
			return b, fmt.Errorf("hashing %s again: %w", b.Name, rehashErr)
		}
		b = fresh
	}
}
