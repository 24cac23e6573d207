//go:build !amd64 || purego

package twolanes

const available = false

func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32) { panic("twolanes: not available") }
