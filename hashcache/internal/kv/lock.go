package kv

import (
	"errors"
	"os"
	"time"
)

// ErrBusy says that other programs kept the file for too long.
var ErrBusy = errors.New("another program holds the cache")

// lockPoll is the pause between two attempts at a lock. An attempt costs some 5 µs, a batch some 20 ms.
const lockPoll = 2 * time.Millisecond

// lockFile opens the file, makes it if need be, and locks it, shared or exclusive. Closing it releases the lock, and
// so does the end of the process. Each call opens the file anew, so the lock also holds between goroutines.
// Returns ErrBusy when wait has passed or done is closed.
func lockFile(path string, exclusive bool, wait time.Duration, done <-chan struct{}) (*os.File, error) {
	return lockOpened(path, os.O_RDWR|os.O_CREATE, exclusive, wait, done)
}

// lockOpened is lockFile for a file that is opened with these flags.
func lockOpened(path string, flags int, exclusive bool, wait time.Duration, done <-chan struct{}) (*os.File, error) {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		ok, err := tryLock(file, exclusive)
		if ok {
			return file, nil
		}
		if err == nil {
			select {
			case <-time.After(lockPoll):
				continue
			case <-timeout.C:
			case <-done:
			}
			err = ErrBusy
		}
		file.Close()
		return nil, err
	}
}
