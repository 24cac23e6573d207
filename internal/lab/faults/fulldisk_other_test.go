//go:build !linux

package faults_test

import "testing"

func fullDisk(t *testing.T) string {
	t.Skip("no file system can be mounted here")
	return ""
}
