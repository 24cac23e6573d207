//go:build !linux

package hashcache

import "os"

func advise(*os.File) {}
