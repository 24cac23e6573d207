//go:build !windows

package main

import "os"

// useANSI does nothing: terminals know ANSI sequences.
func useANSI(...*os.File) (restore func()) { return func() {} }
