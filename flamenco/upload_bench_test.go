package flamenco

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkUpload sends to a server that does nothing but read: what is left is our own cost and the
// kernel's.
func BenchmarkUpload(b *testing.B) {
	for _, size := range []int{0, 5_000, 80_000, 16 << 20} {
		for kind, asFile := range map[string]bool{"memory": false, "file": true} {
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				client := serveRaw(b, Config{}, func(c *net.TCPConn, _ *bufio.Reader) {
					in := bufio.NewReaderSize(c, 256<<10)
					for {
						r, err := http.ReadRequest(in)
						if err != nil {
							return
						}
						if _, err := in.Discard(int(r.ContentLength)); err != nil {
							return
						}
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				u := uploadOf(b, make([]byte, size), asFile)
				u.CanDefer = true
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if outcome, err := client.ShamanUpload(b.Context(), u); outcome != Stored {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
