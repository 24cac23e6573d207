package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Step is what an entry is about. Those that end in "ing" are written before a request, the others after
// its answer.
type Step string

// The steps of a job, in their order. A job that ends at a step in "ing" had no clear answer.
const (
	Begun       Step = "begun"        // first entry of a run
	CheckingOut Step = "checking-out" // a checkout is about to be asked for, under this path
	CheckedOut  Step = "checked-out"
	NoCheckout  Step = "no-checkout" // the Manager refused to make one
	Posting     Step = "posting"     // the job is about to be sent
	Posted      Step = "posted"
	Refused     Step = "refused" // the Manager said no, for good
	Releasing   Step = "releasing"
	Released    Step = "released" // of a held job: it may run now
	Canceled    Step = "canceled" // of an earlier job that a new one replaces
	Skipped     Step = "skipped"  // it was there already
	Failed      Step = "failed"   // before or after anything was sent for it
	Ended       Step = "ended"    // last entry of a run that ended by itself
)

// Entry is one line.
type Entry struct {
	Time time.Time `json:"time"`
	Step Step      `json:"step"`
	Head *Head     `json:"head,omitempty"` // of Begun only

	Key         string `json:"key,omitempty"`
	Name        string `json:"name,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Checkout    string `json:"checkout,omitempty"` // asked for, then returned
	Job         string `json:"job,omitempty"`      // the Manager's id
	Error       string `json:"error,omitempty"`

	// Of Ended. Seconds is how long the run took: two times do not tell when the clock was set in between.
	ExitCode int     `json:"exit_code,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
}

// Head says what a run is.
type Head struct {
	Run      string   `json:"run"`
	Manager  string   `json:"manager"` // URL without user and password
	Projects []string `json:"projects"`
}

// A line is the CRC-32C of the JSON behind it in 8 hex digits, a space, and the JSON.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const checksumSize = 8

func (e Entry) line() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	line := fmt.Appendf(nil, "%08x ", crc32.Checksum(text, castagnoli))
	return append(append(line, text...), '\n'), nil
}

var errDamaged = errors.New("damaged line")

func parseLine(line []byte) (e Entry, err error) {
	if len(line) < checksumSize+2 || line[checksumSize] != ' ' {
		return e, errDamaged
	}
	text := line[checksumSize+1:]
	if want := fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)); want != string(line[:checksumSize]) {
		return e, errDamaged
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, errDamaged
	}
	return e, nil
}

// parse reads lines up to the first that is cut off or damaged.
func parse(text []byte) (entries []Entry) {
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return entries
		}
		e, err := parseLine(line)
		if err != nil {
			return entries
		}
		entries = append(entries, e)
		text = rest
	}
}
