package flamenco

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/place"
)

// ErrUnsafePath is wrapped by errors about a path that would leave its checkout, or that the Manager cannot
// store.
var ErrUnsafePath = errors.New("not a path inside a checkout")

// ErrBadDigest is wrapped by errors about a digest that is not 64 lower-case hex digits.
var ErrBadDigest = errors.New("a digest has to be 64 lower-case hex digits")

// maxName limits X-Shaman-Original-Filename, in bytes before encoding: the longest file name there is, and
// some folders.
const maxName = 512

func checkDigest(sha string) error {
	if len(sha) != 64 {
		return fmt.Errorf("%w, not %q", ErrBadDigest, clean(sha, 80))
	}
	var odd byte
	for i := range len(sha) {
		odd |= notHex[sha[i]] // without a branch: whether a digit is a letter cannot be foretold
	}
	if odd != 0 {
		return fmt.Errorf("%w, not %q", ErrBadDigest, clean(sha, 80))
	}
	return nil
}

// notHex is 0 for lower-case hex digits. Two hundred checkouts have a hundred thousand digests.
var notHex = func() (not [256]byte) {
	for c := range not {
		if !strings.ContainsRune("0123456789abcdef", rune(c)) {
			not[c] = 1
		}
	}
	return not
}()

func checkFiles(files []api.ShamanFileSpec) error {
	for i := range files {
		if err := checkDigest(files[i].Sha); err != nil {
			return fmt.Errorf("%q: %w", files[i].Path, err)
		}
		if files[i].Size < 0 {
			return fmt.Errorf("%q: a size of %d is impossible", files[i].Path, files[i].Size)
		}
	}
	return nil
}

// checkCheckout refuses what must never be sent: a Manager does not check where its links end up.
func checkCheckout(checkout api.ShamanCheckout) error {
	if err := checkCheckoutPath(checkout.CheckoutPath); err != nil {
		return err
	}
	if err := checkFiles(checkout.Files); err != nil {
		return err
	}
	for i := range checkout.Files {
		if err := checkFilePath(checkout.Files[i].Path); err != nil {
			return err
		}
	}
	return nil
}

// checkFilePath allows what stays inside a checkout on Linux, macOS and Windows alike: relative, with
// slashes, in UTF-8, without "..", a drive or a NUL. A backslash is a letter to one Manager and a separator
// to another, so that ".." is not allowed between those either.
func checkFilePath(path string) error {
	if !fs.ValidPath(path) || path == "." || strings.IndexByte(path, 0) >= 0 || path[0] == '\\' || place.HasDrive(path) {
		return fmt.Errorf("%w: %q", ErrUnsafePath, path)
	}
	if strings.IndexByte(path, '\\') >= 0 {
		for element := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
			if element == ".." {
				return fmt.Errorf("%w: %q", ErrUnsafePath, path)
			}
		}
	}
	return nil
}

// checkCheckoutPath is the Manager's own rule, and no "..".
func checkCheckoutPath(path string) error {
	if !fs.ValidPath(path) || path == "." || strings.ContainsAny(path, "?*:;{}\\\x00") {
		return fmt.Errorf("%w: %q; it has to be relative, without .. and any of ? * : ; { } \\", ErrUnsafePath, path)
	}
	return nil
}

// appendRequirements encodes an api.ShamanRequirementsRequest, in a third of the time that encoding/json
// takes. The digests have been checked.
func appendRequirements(b []byte, files []api.ShamanFileSpec) []byte {
	b = append(b, '{')
	b = appendFiles(b, files)
	return append(b, '}')
}

// appendCheckout encodes an api.ShamanCheckout.
func appendCheckout(b []byte, checkout api.ShamanCheckout) []byte {
	b = append(b, `{"checkoutPath":`...)
	b = appendString(b, checkout.CheckoutPath)
	b = append(b, ',')
	b = appendFiles(b, checkout.Files)
	return append(b, '}')
}

func appendFiles(b []byte, files []api.ShamanFileSpec) []byte {
	if b == nil || cap(b)-len(b) < len(files)*160 {
		size := len(b) + 64
		for i := range files {
			size += len(files[i].Path) + len(`{"sha":"","size":,"path":""},`) + 64 + 12
		}
		b = append(make([]byte, 0, size), b...)
	}
	b = append(b, `"files":[`...)
	for i := range files {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"path":`...)
		b = appendString(b, files[i].Path)
		b = append(b, `,"sha":"`...)
		b = append(b, files[i].Sha...)
		b = append(b, `","size":`...)
		b = strconv.AppendInt(b, files[i].Size, 10)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendString encodes a JSON string. What is not UTF-8 becomes U+FFFD, as with encoding/json.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(append(b, s[start:i]...), '\\', c)
		case c < 0x20:
			b = append(append(b, s[start:i]...), '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			i++
			continue
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			b = append(append(b, s[start:i]...), "\ufffd"...)
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

// headerName makes a file name fit for X-Shaman-Original-Filename: ASCII as it is, anything else as RFC 2047
// with UTF-8, all on one line. The end of a long one is kept, because it says most.
func headerName(name string) string {
	if len(name) <= maxName && isPlain(name) {
		return name
	}
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '?'
		}
		return r
	}, name)
	// ASCII that looks encoded would be decoded, and a Manager answers 400 when it cannot.
	name = strings.ReplaceAll(name, "=?", "=_")
	if len(name) > maxName {
		cut := len(name) - maxName
		for cut < len(name) && !utf8.RuneStart(name[cut]) {
			cut++
		}
		name = "…" + name[cut:]
	}
	return mime.QEncoding.Encode("utf-8", strings.TrimSpace(name))
}

// isPlain tells of a name that goes into a header as it is, as most do: ASCII that can be seen, and nothing
// that looks encoded.
func isPlain(name string) bool {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' || name[i] == '?' {
			return false
		}
	}
	return true
}
