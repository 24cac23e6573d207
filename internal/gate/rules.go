package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/place"
)

// IgnoreFile is the name of the files with rules of what to leave out.
const IgnoreFile = ".flsyncignore"

// MaxIgnoreFile is the size in bytes of the largest ignore file that is read.
const MaxIgnoreFile = 1 << 20

// Rules are what the ignore files of a folder and of those above it say, by gitignore(5). Nil has no rules.
type Rules struct {
	base   string // path of the folder from the root, with a slash at the end unless empty
	list   []rule
	names  place.Rules
	parent *Rules // of the next folder above that has such a file
}

type rule struct {
	segments []string // pattern, cut at slashes
	anywhere bool     // no slash in the pattern: matches names at any depth
	dirOnly  bool
	keep     bool // began with !
}

// ReadRules reads the ignore file of a folder, if it has one, and puts its rules before those of parent. base
// is the folder's path from the root, with slashes; names are those of [place.RulesOf].
func ReadRules(folder, base string, names place.Rules, parent *Rules) (*Rules, error) {
	path := filepath.Join(folder, IgnoreFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return parent, nil
	}
	if err != nil {
		return nil, err
	}
	file, err := openfile.Open(path, info)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, MaxIgnoreFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxIgnoreFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, MaxIgnoreFile)
	}
	if base != "" {
		base += "/"
	}
	return parseRules(text, base, names, parent), nil
}

// parseRules reads the text of an ignore file. Like git, it never fails: a line that makes no sense matches
// nothing.
func parseRules(text []byte, base string, names place.Rules, parent *Rules) *Rules {
	r := &Rules{base: base, names: names, parent: parent}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if parsed, ok := parseRule(names.Key(string(line))); ok {
			r.list = append(r.list, parsed)
		}
	}
	if len(r.list) == 0 {
		return parent
	}
	return r
}

func parseRule(line string) (r rule, ok bool) {
	if strings.HasPrefix(line, "#") {
		return r, false
	}
	line = trimSpaces(line)
	if strings.HasPrefix(line, "!") {
		r.keep, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		r.dirOnly, line = true, line[:len(line)-1]
	}
	if line == "" || endsInBackslash(line) {
		return r, false
	}
	r.anywhere = !strings.Contains(line, "/")
	r.segments = splitPattern(strings.TrimPrefix(line, "/"))
	return r, true
}

// trimSpaces removes the spaces at the end that no backslash protects.
func trimSpaces(line string) string {
	end := len(line)
	for end > 0 && line[end-1] == ' ' && !endsInBackslash(line[:end-1]) {
		end--
	}
	return line[:end]
}

// endsInBackslash reports whether the last character is a backslash that no other one protects.
func endsInBackslash(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}

// splitPattern cuts at slashes, but not inside [...].
func splitPattern(p string) (segments []string) {
	start := 0
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			if i+1 < len(p) && p[i+1] == '/' { // an escaped slash is a slash
				segments = append(segments, p[start:i])
				start = i + 2
			}
			i++
		case '[':
			if n := bracketLen(p[i:]); n > 0 {
				i += n - 1
			}
		case '/':
			segments = append(segments, p[start:i])
			start = i + 1
		}
	}
	return append(segments, p[start:])
}

// Judge reports whether a rule decides about a path, and if so whether it leaves the path out; a rule with !
// keeps it. rel is the path from the root with slashes. A folder that is left out takes with it what is
// inside, which Judge does not look at: ask about the folders above first.
func (r *Rules) Judge(rel string, isDir bool) (out, decided bool) {
	for ; r != nil; r = r.parent {
		below := r.names.Key(rel[len(r.base):])
		for i := len(r.list) - 1; i >= 0; i-- {
			if r.list[i].matches(below, isDir) {
				return !r.list[i].keep, true
			}
		}
	}
	return false, false
}

func (r *rule) matches(path string, isDir bool) bool {
	if r.dirOnly && !isDir {
		return false
	}
	if r.anywhere {
		return matchSegment(r.segments[0], path[strings.LastIndexByte(path, '/')+1:])
	}
	return matchPath(r.segments, path)
}

// matchPath matches a path with a pattern, both cut at slashes. ** stands for any number of segments, but at
// the end for at least one. As with * in a segment, it is enough to go back to the last ** when something
// does not match.
func matchPath(pattern []string, path string) bool {
	var (
		retry     []string // the pattern behind the last **
		retryPath string   // where its match may begin next
		again     bool
	)
	for {
		if len(pattern) > 0 && isDoubleStar(pattern[0]) {
			if len(pattern) == 1 {
				return path != ""
			}
			pattern = pattern[1:]
			retry, retryPath, again = pattern, path, true
			continue
		}
		if len(pattern) == 0 && path == "" {
			return true
		}
		if len(pattern) > 0 && path != "" {
			segment, rest, _ := strings.Cut(path, "/")
			if matchSegment(pattern[0], segment) {
				pattern, path = pattern[1:], rest
				continue
			}
		}
		if !again {
			return false
		}
		_, rest, more := strings.Cut(retryPath, "/")
		if !more {
			return false
		}
		retryPath = rest
		pattern, path = retry, rest
	}
}

func isDoubleStar(segment string) bool {
	return len(segment) >= 2 && strings.Trim(segment, "*") == ""
}

// matchSegment matches one name with *, ?, [...] and \x, byte by byte as git does.
func matchSegment(pattern, name string) bool {
	retry, retryName := "", ""
	again := false
	for {
		if pattern != "" && pattern[0] == '*' {
			pattern = pattern[1:]
			retry, retryName, again = pattern, name, true
			continue
		}
		if pattern == "" && name == "" {
			return true
		}
		if pattern != "" && name != "" {
			if n, ok := matchByte(pattern, name[0]); ok {
				pattern, name = pattern[n:], name[1:]
				continue
			}
		}
		if !again || retryName == "" {
			return false
		}
		retryName = retryName[1:]
		pattern, name = retry, retryName
	}
}

// matchByte matches c with the first element of the pattern, which is n bytes long.
func matchByte(pattern string, c byte) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchBracket(pattern, c)
	case '\\':
		return 2, len(pattern) > 1 && pattern[1] == c
	}
	return 1, pattern[0] == c
}

// bracketLen is the length of the [...] that p begins with, or 0 if it does not end.
func bracketLen(p string) int {
	n, _ := matchBracket(p, 0)
	return n
}

// matchBracket matches c with the [...] that p begins with, which is n bytes long; 0 if it does not end.
func matchBracket(p string, c byte) (n int, ok bool) {
	i := 1
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	found, low := false, -1 // low: the byte before a -, or -1 if none can be the beginning of a range
	for first := true; ; first = false {
		if i >= len(p) {
			return 0, false
		}
		switch b := p[i]; {
		case b == ']' && !first:
			return i + 1, found != negated
		case b == '[' && i+1 < len(p) && p[i+1] == ':':
			end := strings.IndexByte(p[i+2:], ']')
			if end < 0 {
				return 0, false
			}
			class := p[i+2 : i+2+end]
			if !strings.HasSuffix(class, ":") { // not a class after all: the [ stands for itself
				found = found || c == '['
				low = '['
				i++
				continue
			}
			in, known := inClass(strings.TrimSuffix(class, ":"), c)
			if !known {
				return 0, false
			}
			found = found || in
			low = -1
			i += 2 + end + 1
		case b == '-' && low >= 0 && i+1 < len(p) && p[i+1] != ']':
			i++
			if p[i] == '\\' {
				if i++; i >= len(p) {
					return 0, false
				}
			}
			found = found || int(c) >= low && c <= p[i]
			low = -1
			i++
		default:
			if b == '\\' {
				if i++; i >= len(p) {
					return 0, false
				}
				b = p[i]
			}
			found = found || c == b
			low = int(b)
			i++
		}
	}
}

// inClass reports whether c is in a class of POSIX, for ASCII, and whether there is such a class.
func inClass(class string, c byte) (in, known bool) {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	switch class {
	case "alnum":
		return lower || upper || digit, true
	case "alpha":
		return lower || upper, true
	case "blank":
		return c == ' ' || c == '\t', true
	case "cntrl":
		return c < ' ' || c == 0x7F, true
	case "digit":
		return digit, true
	case "graph":
		return ' ' < c && c < 0x7F, true
	case "lower":
		return lower, true
	case "print":
		return ' ' <= c && c < 0x7F, true
	case "punct":
		return ' ' < c && c < 0x7F && !lower && !upper && !digit, true
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r', true
	case "upper":
		return upper, true
	case "xdigit":
		return digit || 'a' <= c|0x20 && c|0x20 <= 'f', true
	}
	return false, false
}
