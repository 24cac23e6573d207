//go:build !amd64 || purego

package sha256x2

const available = false

func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32) { panic("sha256x2: not available") }
