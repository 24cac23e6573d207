package manager

import (
	"errors"
	"syscall"
)

// errDiskFull is what a write to a full disk fails with: ERROR_DISK_FULL.
const errDiskFull = syscall.Errno(112)

func isDiskFull(err error) bool {
	const handleDiskFull = syscall.Errno(39)
	return errors.Is(err, errDiskFull) || errors.Is(err, handleDiskFull)
}
