package netsim

import (
	"net/http"
	"path"
)

// Rule lets certain requests go wrong, whatever the plan says.
type Rule struct {
	Request string // method and path as [path.Match] has them, such as "POST /api/v3/jobs/*/setstatus"; empty: all
	Skip    int    // requests that pass, counted from the proxy's start
	Times   int    // how many meet the fault then; 0: all
	Fault   Fault
}

// Answer returns the fault of a request that the proxy answers with a status, and a message as the Manager's
// are.
func Answer(status int, message string) Fault {
	return Fault{Kind: Status, Status: status, Message: message, RetryAfter: -1}
}

// SetRules replaces all rules. The first that fits a request decides; where none does, the plan decides.
func (p *FaultyProxy) SetRules(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.Rules = rules
}

// Requests returns how many requests the proxy has seen whose method and path match pattern; see [Rule].
func (p *FaultyProxy) Requests(pattern string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.matching(pattern)
}

func (p *FaultyProxy) matching(pattern string) (n int) {
	for request, seen := range p.requests {
		if fits, _ := path.Match(pattern, request); fits {
			n += seen
		}
	}
	return n
}

// ruled counts a request and returns what the rules have for it, or Pass. It is called under the lock.
func (p *FaultyProxy) ruled(r *http.Request) Fault {
	request := r.Method + " " + r.URL.Path
	fault := Fault{}
	for _, rule := range p.cfg.Rules {
		if fits, _ := path.Match(rule.Request, request); !fits && rule.Request != "" {
			continue
		}
		n := p.stats.Requests
		if rule.Request != "" {
			n = p.matching(rule.Request)
		}
		if n -= rule.Skip; n >= 0 && (rule.Times == 0 || n < rule.Times) {
			fault = rule.Fault
			break
		}
	}
	p.requests[request]++
	return fault
}
