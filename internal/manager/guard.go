package manager

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
)

// guard keeps web pages out. A browser on this machine can reach a Manager on loopback, so that any page it
// shows could use it: by sending requests from its own origin, or by pointing a name of its own at 127.0.0.1.
// Programs that are no browsers send no Origin and name the host that they connect to, and notice nothing.
type guard struct {
	hosts map[string]bool
	cross *http.CrossOriginProtection
}

func newGuard(allowed []string) guard {
	g := guard{hosts: map[string]bool{"localhost": true}, cross: http.NewCrossOriginProtection()}
	if name, err := os.Hostname(); err == nil {
		g.hosts[strings.ToLower(name)] = true
	}
	for _, name := range allowed {
		g.hosts[strings.ToLower(name)] = true
	}
	return g
}

func (g guard) check(r *http.Request) error {
	if !g.known(r.Host) {
		return errors.New("unknown host name in the request; use this machine's address or name")
	}
	if err := g.cross.Check(r); err != nil {
		return errors.New("cross-origin request refused")
	}
	return nil
}

func (g guard) known(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	return host == "" || net.ParseIP(host) != nil || g.hosts[host] || strings.HasSuffix(host, ".localhost")
}
