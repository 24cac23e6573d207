// Package netsim puts distance and trouble between a client and a Manager, on one machine, so that both can
// be measured and tested without a network.
//
// There are two instruments, and one can stand behind the other: [Listen] starts a TCP proxy that adds a
// round trip time and limits the rate, and knows nothing of HTTP; [ListenFaulty] starts an HTTP proxy that
// misbehaves by a [Plan]: it resets connections, drops replies, answers errors of its own, stalls.
//
// To begin:
//
//	line, err := netsim.Listen(ctx, "127.0.0.1:8080", netsim.Link{RTT: 40 * time.Millisecond, BitsPerSecond: 1e9})
//	...
//	defer line.Close()
//	client := dial("http://" + line.Addr())
//
// Both listen on 127.0.0.1 only.
//
// # Caveats
//
// Without [Link.Loss] the line delays and paces, nothing else. With it, each direction of a connection has a
// congestion window as TCP's has (see flight); queues of routers, which lose what they have no room for, are
// not modelled, nor are the sender's kernel buffers made smaller: what a client has written may not have
// left. Each direction has one token bucket for all connections. Delays are as exact as Go timers: about 1
// ms.
//
// The decisions of a plan depend on the plan's seed and on what is asked for (method, path, contents, how
// often), never on time or on which of two concurrent requests came first. See [Plan] for the one exception.
package netsim
