package manager

import (
	"maps"
	"sync"
)

// Stats is what a Manager was asked since it was opened.
type Stats struct {
	Requests      int
	MaxConcurrent int                       // most requests at one time
	Operations    map[string]OperationStats // by operationId
	Digests       map[string]DigestStats    // uploads by digest; empty without Config.CountDigests
	ShardOverlaps int                       // uploads that began while another digest of their shard was on its way
}

// OperationStats counts the requests of one operation.
type OperationStats struct {
	Requests      int
	Statuses      map[int]int // replies by status; 0 is a connection that was cut
	BytesIn       int64       // of request bodies
	MaxConcurrent int
}

// DigestStats counts the uploads of one digest.
type DigestStats struct {
	Requests      int
	Stored        int   // uploads that were accepted
	BytesIn       int64 // bytes of them that arrived
	MaxConcurrent int
}

// counters are Stats in the making.
type counters struct {
	mu         sync.Mutex
	perDigest  bool
	total      counter
	operations map[string]*counter
	digests    map[string]*counter
	overlaps   int
}

type counter struct {
	requests, running, most int
	bytes                   int64
	statuses                map[int]int
}

func (c *counter) begin() (before int) {
	before = c.requests
	c.requests++
	c.running++
	c.most = max(c.most, c.running)
	return before
}

func (c *counter) end(status int, bytes int64) {
	c.running--
	c.bytes += bytes
	if c.statuses == nil {
		c.statuses = make(map[int]int)
	}
	c.statuses[status]++
}

func newCounters(perDigest bool) *counters {
	return &counters{perDigest: perDigest, operations: make(map[string]*counter), digests: make(map[string]*counter)}
}

// call is one request being counted.
type call struct {
	counters   *counters
	n, nDigest int // requests that came before
	parts      []*counter
}

func (c *counters) begin(operation, digest string) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := &call{counters: c, parts: make([]*counter, 0, 3)}
	one.join(&c.total)
	one.n = one.join(counterOf(c.operations, operation))
	if c.perDigest && digest != "" && operation == "shamanFileStore" {
		one.nDigest = one.join(counterOf(c.digests, digest))
	}
	return one
}

func (c *call) join(part *counter) (before int) {
	c.parts = append(c.parts, part)
	return part.begin()
}

func (c *call) end(status int, bytes int64) {
	c.counters.mu.Lock()
	defer c.counters.mu.Unlock()
	for _, part := range c.parts {
		part.end(status, bytes)
	}
}

func (c *counters) overlap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overlaps++
}

func counterOf(in map[string]*counter, key string) *counter {
	if in[key] == nil {
		in[key] = &counter{}
	}
	return in[key]
}

// Stats returns the counts so far.
func (m *Manager) Stats() Stats {
	c := m.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := Stats{
		Requests: c.total.requests, MaxConcurrent: c.total.most, ShardOverlaps: c.overlaps,
		Operations: make(map[string]OperationStats), Digests: make(map[string]DigestStats),
	}
	for id, n := range c.operations {
		stats.Operations[id] = OperationStats{
			Requests: n.requests, Statuses: maps.Clone(n.statuses), BytesIn: n.bytes, MaxConcurrent: n.most,
		}
	}
	for sha, n := range c.digests {
		stats.Digests[sha] = DigestStats{Requests: n.requests, Stored: n.statuses[200], BytesIn: n.bytes, MaxConcurrent: n.most}
	}
	return stats
}
