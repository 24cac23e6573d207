//go:build !linux

package uploader

import (
	"context"
	"errors"
	"os"
)

func cloneFile(context.Context, *os.File, *os.File, int64) error { return errors.ErrUnsupported }

func renameNew(_, _ string) error { return errors.ErrUnsupported }
