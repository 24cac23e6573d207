//go:build !purego

package sha256x2

import "github.com/klauspost/cpuid/v2"

var available = cpuid.CPU.Supports(cpuid.SHA, cpuid.SSSE3, cpuid.SSE4)

// blocks goes over n > 0 blocks of 64 bytes from p into the state a, and as many from q into b. k are the
// round constants.
//
//go:noescape
func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)
