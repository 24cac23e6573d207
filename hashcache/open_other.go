//go:build !unix

package hashcache

import "os"

const openFlags = os.O_RDONLY
