//go:build unix

package hashcache

import (
	"os"
	"syscall"
)

// openFlags keep the opening of a pipe, which may have taken the file's place, from waiting for a writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK
