package gate

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/flsync/flsync/internal/place"
)

// maxAlternatives bounds what the braces of one pattern may stand for: sixteen of {a,b} are 65,536 patterns.
const maxAlternatives = 1000

// Patterns are globs that a person gave on the command line or in a manifest. The rules are those of
// gitignore(5), and {a,b} stands for either:
//
//	textures     files and folders of that name, at any depth
//	textures/    folders of that name only
//	/textures    the one in the root; so is every pattern with a slash in the middle: shots/*.png
//	**/x, x/**   at any depth; all that is in x
//	!keep.png    takes back what an earlier pattern means, and nothing else
//
// A folder that matches takes with it what is inside. On Windows, backslashes separate names too. An absolute
// path below the root means that path. Where the file system ignores case and Unicode form, so do patterns.
//
// Goroutines may share Patterns. Nil matches nothing.
type Patterns struct {
	names place.Rules
	list  []pattern
}

type pattern struct {
	text  string // as it was given
	rules []rule // one for each alternative
	used  atomic.Bool
}

// ParsePatterns reads patterns that are relative to the folder root, which is absolute. An error names the
// pattern that means nothing, stands for too many others, or lies outside of root.
func ParsePatterns(texts []string, root string) (*Patterns, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	p := &Patterns{names: place.RulesOf(root), list: make([]pattern, len(texts))}
	for i, text := range texts {
		p.list[i].text = text
		rules, err := compile(filepath.ToSlash(text), func(one string) (string, error) {
			one, err := relativePattern(one, root, filepath.Separator, p.names)
			return p.names.Key(one), err
		})
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		p.list[i].rules = rules
	}
	return p, nil
}

// CheckPattern returns the error of a pattern that means nothing or stands for too many others.
func CheckPattern(text string) error {
	if _, err := compile(filepath.ToSlash(text), func(one string) (string, error) { return one, nil }); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	return nil
}

// relativePattern gives a pattern slashes, and makes it relative to root if it is an absolute path there.
func relativePattern(text, root string, separator rune, names place.Rules) (string, error) {
	not := ""
	if strings.HasPrefix(text, "!") {
		not, text = "!", text[1:]
	}
	windows := separator == '\\'
	below := func(root, text string) (string, bool) {
		if windows {
			root, text = strings.ReplaceAll(root, `\`, "/"), strings.ReplaceAll(text, `\`, "/")
		}
		if strings.HasPrefix(text, "/") || windows && place.IsDrive(text) {
			text = place.Clean(text) + text[len(strings.TrimRight(text, "/")):]
		}
		rest, ok := names.Below(root, text)
		return rest, ok && rest != "."
	}
	var drives place.Drives
	rest, ok := below(root, text)
	if windows && !ok {
		rest, ok = below(drives.Identity(root), drives.Identity(text))
	}
	if windows {
		text = strings.ReplaceAll(text, `\`, "/")
		if !ok && strings.HasPrefix(text, "/") && place.HasDrive(root) {
			rest, ok = below(root, root[:2]+text) // on the root's drive
		}
	}
	switch {
	case ok:
		text = "/" + rest
	case windows && (place.HasDrive(text) || strings.HasPrefix(text, "//")):
		return "", fmt.Errorf("it lies outside of %s", root)
	}
	segments := strings.Split(strings.TrimPrefix(text, "./"), "/")
	for i, segment := range segments {
		if segment == ".." || segment == "." {
			return "", fmt.Errorf("no name is %s; write the path without it", segment)
		}
		if short := strings.TrimRight(segment, ". "); windows && !strings.ContainsAny(segment, "*?[") && short != "" {
			segments[i] = short // as Windows reads names
		}
	}
	return not + strings.Join(segments, "/"), nil
}

// compile makes a rule for each alternative of a pattern, as convert gives it.
func compile(text string, convert func(string) (string, error)) ([]rule, error) {
	all, err := alternatives(text)
	if err != nil {
		return nil, err
	}
	rules := make([]rule, len(all))
	for i, one := range all {
		if one, err = convert(one); err != nil {
			return nil, err
		}
		if strings.HasPrefix(one, "#") { // a comment in an ignore file, a name here
			one = `\` + one
		}
		parsed, ok := parseRule(one)
		if !ok {
			return nil, fmt.Errorf("not a valid pattern")
		}
		for _, segment := range parsed.segments {
			if !closesBrackets(segment) {
				return nil, fmt.Errorf("not a valid pattern: a bracket is not closed")
			}
		}
		rules[i] = parsed
	}
	return rules, nil
}

func closesBrackets(segment string) bool {
	for i := 0; i < len(segment); i++ {
		switch segment[i] {
		case '\\':
			i++
		case '[':
			n := bracketLen(segment[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		}
	}
	return true
}

// alternatives returns the patterns without braces that one with braces stands for.
func alternatives(p string) ([]string, error) {
	var open, depth int
	var commas []int
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '[':
			if n := bracketLen(p[i:]); n > 0 {
				i += n - 1
			}
		case '{':
			if depth++; depth == 1 {
				open, commas = i, []int{i}
			}
		case ',':
			if depth == 1 {
				commas = append(commas, i)
			}
		case '}':
			if depth--; depth != 0 {
				continue
			}
			return combine(p[:open], p, append(commas, i), p[i+1:])
		}
		if depth < 0 {
			depth = 0 // a brace that closes nothing stands for itself
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("not a valid pattern: a brace is not closed")
	}
	return []string{p}, nil
}

// combine joins each part of p between two of the bounds, with what is before and behind the braces.
func combine(before, p string, bounds []int, behind string) (all []string, err error) {
	ends, err := alternatives(behind)
	if err != nil {
		return nil, err
	}
	for i := range len(bounds) - 1 {
		middles, err := alternatives(p[bounds[i]+1 : bounds[i+1]])
		if err != nil {
			return nil, err
		}
		if len(all)+len(middles)*len(ends) > maxAlternatives {
			return nil, fmt.Errorf("its braces stand for more than %d patterns", maxAlternatives)
		}
		for _, middle := range middles {
			for _, end := range ends {
				all = append(all, before+middle+end)
			}
		}
	}
	return all, nil
}

// Match reports whether a path is meant. The last pattern that matches decides. rel is the path from the root
// with slashes. As with [Rules.Judge], ask about folders above first.
func (p *Patterns) Match(rel string, isDir bool) (meant bool) {
	if p == nil {
		return false
	}
	decided := false
	rel = p.names.Key(rel)
	for i := len(p.list) - 1; i >= 0; i-- {
		one := &p.list[i]
		if decided && one.used.Load() {
			continue // it is only asked whether the pattern is of use
		}
		for r := range one.rules {
			if one.rules[r].matches(rel, isDir) {
				one.used.Store(true)
				if !decided {
					meant, decided = !one.rules[r].keep, true
				}
				break
			}
		}
	}
	return meant
}

// MatchFile reports whether a file is meant, or a folder above it.
func (p *Patterns) MatchFile(rel string) (meant bool) {
	if p == nil {
		return false
	}
	for i := range len(rel) {
		if rel[i] == '/' {
			meant = p.Match(rel[:i], true) || meant // all are asked, for Used
		}
	}
	return p.Match(rel, false) || meant
}

// Used calls f with each pattern, as it was given, and whether it has matched anything so far.
func (p *Patterns) Used(f func(text string, used bool)) {
	if p == nil {
		return
	}
	for i := range p.list {
		f(p.list[i].text, p.list[i].used.Load())
	}
}

// Literal returns the folders and files, relative to the root, below which all lies that the patterns can
// mean; "." where that may be anywhere.
func (p *Patterns) Literal() []string {
	var list []string
	for i := range p.list {
		for _, r := range p.list[i].rules {
			n := 0
			for !r.anywhere && p.names == (place.Rules{}) && n < len(r.segments) && !strings.ContainsAny(r.segments[n], `*?[\`) {
				n++
			}
			list = append(list, path.Join(append([]string{"."}, r.segments[:n]...)...))
		}
	}
	return list
}

// Quote returns a pattern that means the path itself, whatever signs its names have.
func Quote(rel string) string {
	var b strings.Builder
	b.WriteByte('/')
	for i := range len(rel) { // a bracket for each sign, since a backslash separates names on Windows
		if strings.IndexByte("*?[{} ", rel[i]) >= 0 {
			b.WriteString("[" + rel[i:i+1] + "]")
		} else {
			b.WriteByte(rel[i])
		}
	}
	return b.String()
}
