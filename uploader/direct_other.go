//go:build !linux

package uploader

import (
	"errors"
	"os"
)

func cloneFile(_, _ *os.File) error { return errors.ErrUnsupported }
