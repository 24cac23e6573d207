//go:build !linux && !darwin

package walk

import "os"

const (
	maxPath   = 0 // the system says so itself
	openFlags = os.O_RDONLY
)
