//go:build !linux

package faults

import "testing"

func fullDisk(t *testing.T) string {
	t.Skip("no file system can be mounted here")
	return ""
}
