//go:build !windows

package manager

import (
	"errors"
	"syscall"
)

// errDiskFull is what a write to a full disk fails with.
const errDiskFull = syscall.ENOSPC

func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
