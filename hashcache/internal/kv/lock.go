package kv

import (
	"errors"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// ErrBusy says that other programs held the file for longer than Options.Wait.
var ErrBusy = errors.New("another program holds the cache")

// lockPoll is the pause between two attempts at a lock. An attempt costs some 20 µs, a batch some 20 ms.
const lockPoll = 2 * time.Millisecond

// enter passes the turnstile, shared or exclusive, within wait and before done is closed, else it returns
// ErrBusy. Only a writer makes the turnstile's file: where there is none, nobody has written yet. The lock
// ends with leave or with the process.
func (db *DB) enter(exclusive bool, wait time.Duration, done <-chan struct{}) (leave func(), err error) {
	turnstile := flock.New(db.lockPath(), flock.SetFlag(os.O_RDONLY))
	try := turnstile.TryRLock
	if exclusive {
		turnstile = flock.New(db.lockPath(), flock.SetFlag(os.O_RDWR|os.O_CREATE))
		try = turnstile.TryLock
	}
	return func() { _ = turnstile.Close() }, poll(wait, done, try)
}

func (db *DB) lockPath() string { return db.path + ".lock" }

// poll calls try until it succeeds or fails. It returns ErrBusy when wait is over or done is closed.
func poll(wait time.Duration, done <-chan struct{}, try func() (bool, error)) error {
	for deadline := time.Now().Add(wait); ; {
		if ok, err := try(); ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return ErrBusy
		}
		select {
		case <-done:
			return ErrBusy
		case <-time.After(lockPoll):
		}
	}
}
