package settings

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

// Fingerprint identifies what a job renders: the name of its type, its settings, its files with their
// digests, and which of them is the blend file, by its path in the checkout ("" for none). Two jobs of one
// fingerprint render the same. Left out are priority, tag, status, metadata and the checkout's path; settings
// that stand at their default, so that one that a newer Flamenco adds changes nothing; and the type's etag,
// which differs with every release.
func Fingerprint(t *api.AvailableJobType, values api.JobSettings, blend string, files []api.ShamanFileSpec) (string, error) {
	changed := make(api.JobSettings, len(values))
	for key, value := range values {
		if s := find(t, key); s == nil || !reflect.DeepEqual(value, fallback(s)) {
			changed[key] = value
		}
	}
	return fingerprint("2\n%q\n%.0q%q\n%s\n", t, changed, blend, files)
}

// EarlierFingerprint is Fingerprint as jobs of earlier releases have it: with all settings and the type's
// etag.
func EarlierFingerprint(t *api.AvailableJobType, values api.JobSettings, blend string, files []api.ShamanFileSpec) (string, error) {
	return fingerprint("1\n%q\n%q\n%q\n%s\n", t, values, blend, files)
}

func fingerprint(format string, t *api.AvailableJobType, values api.JobSettings, blend string, files []api.ShamanFileSpec) (string, error) {
	h := sha256.New()
	text, err := json.Marshal(values) // keys sorted
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	fmt.Fprintf(h, format, t.Name, t.Etag, blend, text)
	var line, other []byte
	order := make([]int32, len(files)) // by their lines
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := strings.Compare(files[a].Sha, files[b].Sha); c != 0 {
			return c
		}
		line, other = appendLine(line[:0], &files[a]), appendLine(other[:0], &files[b])
		return bytes.Compare(line, other)
	})
	for _, i := range order {
		line = appendLine(line[:0], &files[i])
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// appendLine appends what a fingerprint has of a file.
func appendLine(b []byte, f *api.ShamanFileSpec) []byte {
	b = append(append(b, f.Sha...), ' ')
	b = append(strconv.AppendInt(b, f.Size, 10), ' ')
	return append(appendQuoted(b, f.Path), '\n')
}

// appendQuoted is strconv.AppendQuote, and quicker for what most paths are.
func appendQuoted(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return strconv.AppendQuote(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// filledIn reports whether the Manager may have made older of newer: it puts the time in place of
// {timestamp}, and a two-way variable in place of the beginning of a path.
func filledIn(older, newer string) bool {
	before, after, stamped := strings.Cut(newer, "{timestamp}")
	if !stamped {
		before = newer
	}
	if strings.HasPrefix(older, "{") {
		if _, rest, ok := strings.Cut(older, "}"); ok && rest != "" {
			if !stamped {
				return strings.HasSuffix(newer, rest)
			}
			middle := strings.TrimSuffix(rest, after)
			return middle != rest && len(middle) > stampLength && strings.HasSuffix(before, middle[:len(middle)-stampLength])
		}
	}
	return stamped && strings.HasPrefix(older, before) && strings.HasSuffix(older, after)
}

const stampLength = len("2006-01-02_150405")

// Diff returns what differs between the settings of two jobs, such as "chunk_size 3 → 5", sorted by name. It
// leaves out the blend file, whose path has the checkout in it, and {checkout} in either.
func Diff(older, newer api.JobSettings) []string {
	text := func(values api.JobSettings, key string) string {
		v, ok := values[key]
		if s, isText := v.(string); isText && s == "" {
			return `""`
		}
		if !ok {
			return "nothing"
		}
		return fmt.Sprint(v)
	}
	both := maps.Clone(older)
	maps.Copy(both, newer)
	var out []string
	for _, key := range slices.Sorted(maps.Keys(both)) {
		if a, b := text(older, key), text(newer, key); a != b && key != Blendfile && !strings.Contains(a+b, Checkout) && !filledIn(a, b) {
			out = append(out, fmt.Sprintf("%s %s → %s", key, a, b))
		}
	}
	return out
}
