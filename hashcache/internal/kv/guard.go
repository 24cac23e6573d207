package kv

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// guard runs do and turns what bbolt throws at a damaged file into an error: its own panics, and the faults of
// reading a mapped page that the file no longer has or the disk cannot deliver. Panics of other kinds go on.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case runtime.Error: // page faults, slices out of range
			err = damaged("%v", p)
		case string, error: // bbolt's assertions
			err = damaged("%v", p)
		default:
			panic(fmt.Sprintf("hash cache: %v", p))
		}
	}()
	return do()
}
