package uploader

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"time"
)

// Seen are blobs that a Manager was seen to have, and when: what one run learns so that the next need not
// ask, see Config.Seen. It is kept as it is: for each blob the first 8 bytes of its SHA-256 and the seconds
// since 1970, both big-endian, in rising order. Anything else finds some blobs wrongly or not at all, which
// costs a request and no more.
type Seen []byte

const (
	seenDigest = 8
	seenEntry  = seenDigest + 4

	// seenFor is how long that is believed. The Manager removes nothing that was asked about in the last 31
	// days; half a day reaches from what was sent in the background while people worked to the night.
	seenFor = 12 * time.Hour
)

func (s Seen) len() int             { return len(s) / seenEntry }
func (s Seen) digest(i int) []byte  { return s[i*seenEntry:][:seenDigest] }
func (s Seen) seconds(i int) uint32 { return binary.BigEndian.Uint32(s[i*seenEntry+seenDigest:]) }

// recent reports whether a blob was seen lately. A clock that was set back makes none recent.
func (s Seen) recent(k key, now time.Time) bool {
	i, found := sort.Find(s.len(), func(i int) int { return bytes.Compare(k.sha[:seenDigest], s.digest(i)) })
	return found && believed(s.seconds(i), now)
}

func believed(seconds uint32, now time.Time) bool {
	age := now.Unix() - int64(seconds)
	return 0 <= age && age <= int64(seenFor/time.Second)
}

// Seen returns what this run has seen the Manager to have, together with what earlier has of other blobs that
// is not too old yet. It returns nil when there is nothing new. now is the time of the call.
func (u *Uploader) Seen(earlier Seen, now time.Time) Seen {
	type entry struct {
		digest  [seenDigest]byte
		seconds uint32
	}
	var all []entry
	u.mu.Lock()
	for k, r := range u.known {
		if u.underWay[k] == nil && !r.assumed && (r.seen > 0 || !u.doubted && !u.config.CheckOnly) {
			all = append(all, entry{[seenDigest]byte(k.sha[:seenDigest]), uint32(now.Unix())})
		}
	}
	u.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	for i := range earlier.len() {
		if believed(earlier.seconds(i), now) {
			all = append(all, entry{[seenDigest]byte(earlier.digest(i)), earlier.seconds(i)})
		}
	}
	slices.SortFunc(all, func(a, b entry) int { // the newest of each first
		return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), cmp.Compare(b.seconds, a.seconds))
	})
	all = slices.CompactFunc(all, func(a, b entry) bool { return a.digest == b.digest })
	s := make(Seen, 0, len(all)*seenEntry)
	for _, e := range all {
		s = binary.BigEndian.AppendUint32(append(s, e.digest[:]...), e.seconds)
	}
	return s
}

// assume takes a blob for stored that was seen to be lately. It is called under the lock.
func (u *Uploader) assume(k key) bool {
	if !u.config.Seen.recent(k, u.began) {
		return false
	}
	u.known[k] = record{assumed: true, stored: true}
	u.stats.Unique++
	u.stats.UniqueBytes += k.size
	u.stats.Stored++
	u.stats.StoredBytes += k.size
	u.assumed.blobs++
	u.assumed.bytes += k.size
	return true
}

// reportAssumed is called under the lock.
func (u *Uploader) reportAssumed() {
	u.reportTally(Checked, u.assumed)
	u.reportTally(Stored, u.assumed)
	u.assumed = tally{}
}

// assumeNothing forgets all assumptions, one of which may have been wrong. It is called under the lock.
func (u *Uploader) assumeNothing() {
	if u.config.Seen == nil {
		return
	}
	u.config.Seen = nil
	for k, r := range u.known {
		if r.assumed {
			u.known[k] = record{stored: true}
		}
	}
}
