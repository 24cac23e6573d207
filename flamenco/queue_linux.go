package flamenco

import (
	"net"

	"golang.org/x/sys/unix"
)

// queued returns how many bytes the kernel has taken but the other side has not confirmed. On a slow line
// that can be minutes' worth, during which no call of ours moves a byte.
func queued(c net.Conn) int {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	// A failure means a closed connection, which has nothing queued.
	_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n
}
