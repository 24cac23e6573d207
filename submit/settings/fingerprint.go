package settings

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/flsync/flsync/flamenco/api"
)

// Fingerprint says what a job is made of: its type with the type's etag, its settings, its files with
// their digests, and which of them is the blend file, by its path in the checkout ("" for none). Two jobs of
// one fingerprint render the same. What only says when and where it is rendered
// (priority, tag, status, metadata, checkout) is not in it.
func Fingerprint(t *api.AvailableJobType, values api.JobSettings, blend string, files []api.ShamanFileSpec) (string, error) {
	h := sha256.New()
	text, err := json.Marshal(values) // keys sorted
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	fmt.Fprintf(h, "1\n%q\n%q\n%q\n%s\n", t.Name, t.Etag, blend, text)
	room := 0
	for _, f := range files {
		room += len(f.Sha) + len(f.Path) + 32
	}
	all := make([]byte, 0, room)
	lines := make([][2]int, len(files)) // where each is in all
	for i, f := range files {
		begin := len(all)
		all = append(append(all, f.Sha...), ' ')
		all = append(strconv.AppendInt(all, f.Size, 10), ' ')
		all = append(appendQuoted(all, f.Path), '\n')
		lines[i] = [2]int{begin, len(all)}
	}
	slices.SortFunc(lines, func(a, b [2]int) int { return bytes.Compare(all[a[0]:a[1]], all[b[0]:b[1]]) })
	for _, line := range lines {
		h.Write(all[line[0]:line[1]])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
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
