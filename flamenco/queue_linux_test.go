package flamenco

import (
	"bufio"
	"net"
	"testing"
)

func TestQueued(t *testing.T) {
	over := make(chan struct{})
	client := serveRaw(t, Config{}, func(*net.TCPConn, *bufio.Reader) { <-over })
	defer close(over)
	c, err := net.Dial("tcp", client.base.Host)
	if err != nil {
		t.Fatal(err)
	}
	if n := queued(c); n != 0 {
		t.Errorf("%d bytes are queued before any was written", n)
	}
	// What fills both buffers stays queued, because nobody reads.
	written := 0
	for queued(c) == 0 && written < 1<<30 {
		n, err := c.Write(make([]byte, 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		written += n
	}
	if n := queued(c); n <= 0 || n > written {
		t.Errorf("%d of %d bytes are queued", n, written)
	}
	c.Close()
	if n := queued(c); n != 0 {
		t.Errorf("%d bytes are queued at a closed connection", n)
	}
	if n := queued(&net.UDPConn{}); n != 0 {
		t.Errorf("%d bytes are queued at no TCP connection", n)
	}
}
