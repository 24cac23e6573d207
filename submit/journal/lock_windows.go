package journal

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// lockAt is far behind the holder's text, because Windows keeps others from reading what is locked.
const lockAt = math.MaxUint32 - 1

func tryLock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0,
		&windows.Overlapped{Offset: lockAt})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

// syncDir has nothing to do: NTFS journals names.
func syncDir(string) error { return nil }
