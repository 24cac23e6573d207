package walk

import (
	"os"
	"syscall"
)

// maxPath is the longest path that can be opened, in bytes: PATH_MAX less the NUL.
const maxPath = 1023

// openFlags keep the opening of a pipe from waiting for a writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK
