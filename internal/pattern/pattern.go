// Package pattern compiles regular expressions when they are first used: most runs need few of them, and
// those that hooks start last milliseconds.
package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns a function that compiles text at its first call and panics if it is malformed.
func Lazy(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
