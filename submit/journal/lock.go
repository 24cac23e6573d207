package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/flsync/flsync/internal/place"
)

// Holder is who holds a lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
}

// LockedError reports that another run works on the same project.
type LockedError struct {
	Project string
	Holder  Holder // zero when it cannot be read
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("another flsync is submitting %s now; wait for it, or look for it among the processes", e.Project)
	}
	return fmt.Sprintf("another flsync (run %s, process %d on %s) has been submitting %s since %s; wait for it to end",
		e.Holder.Run, e.Holder.PID, e.Holder.Host, e.Project, e.Holder.Since.Local().Format(time.DateTime))
}

// Held is a lock that was taken.
type Held struct{ lock *flock.Flock }

// Lock makes this run the only one on this machine that submits a project to a Manager, until Unlock or the
// end of the process, however it ends. It does not wait: the error is a [*LockedError] while another
// run has the lock.
func Lock(dir, manager, project, run string) (*Held, error) {
	dir = filepath.Join(dir, "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	name := sha256.Sum256([]byte(manager + "\x00" + new(place.Drives).Identity(project)))
	path := filepath.Join(dir, hex.EncodeToString(name[:16]))
	lock, who := flock.New(path+".lock"), path+".holder" // apart: Windows keeps others from reading what is locked
	switch taken, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("journal: locking %s: %w", lock.Path(), err)
	case !taken:
		locked := &LockedError{Project: project}
		if text, err := os.ReadFile(who); err == nil {
			_ = json.Unmarshal(text, &locked.Holder) // what cannot be read is not said
		}
		return nil, locked
	}
	host, _ := os.Hostname() // only for a message
	text, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Run: run, Since: time.Now()})
	if err == nil {
		err = os.WriteFile(who, text, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), lock.Unlock())
	}
	return &Held{lock}, nil
}

// Unlock gives the lock back.
func (h *Held) Unlock() error { return h.lock.Unlock() }
