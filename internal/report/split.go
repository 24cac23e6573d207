package report

import "strings"

// Split gives each error of an errors.Join, also of nested ones, so that each can be told with a message of its own. An
// error that wraps several in one sentence stays one.
func Split(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	var lines []string
	for _, e := range joined.Unwrap() {
		all = append(all, Split(e)...)
		lines = append(lines, e.Error())
	}
	if err.Error() != strings.Join(lines, "\n") { // several %w in one sentence
		return []error{err}
	}
	return all
}
