package uploader

import "io/fs"

// sameGroup is true: rights come from the folder.
func sameGroup(_, _ fs.FileInfo) bool { return true }
