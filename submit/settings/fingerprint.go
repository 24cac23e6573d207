package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = f.Sha + " " + strconv.FormatInt(f.Size, 10) + " " + strconv.Quote(f.Path) + "\n"
	}
	slices.Sort(lines)
	h.Write([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(h.Sum(nil)), nil
}
