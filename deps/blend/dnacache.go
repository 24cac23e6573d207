package blend

import (
	"crypto/sha256"
	"sync"
)

// A DNACache keeps parsed DNA, so that the files of one Blender version are
// described once. The zero value is ready; goroutines may share it.
type DNACache struct {
	mu    sync.Mutex
	known map[dnaKey]*DNA
}

type dnaKey struct {
	sum         [sha256.Size]byte
	pointerSize int
	bigEndian   bool
}

// maxKnownDNA is more than the versions of Blender that a project sees.
const maxKnownDNA = 64

func (c *DNACache) parse(body []byte, l *layout, offset int64) (*DNA, error) {
	if c == nil {
		return parseDNA(body, l, offset)
	}
	key := dnaKey{sha256.Sum256(body), l.pointerSize, l.bigEndian}
	c.mu.Lock()
	d := c.known[key]
	c.mu.Unlock()
	if d != nil {
		return d, nil
	}
	d, err := parseDNA(body, l, offset)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxKnownDNA {
		c.known = make(map[dnaKey]*DNA)
	}
	c.known[key] = d
	return d, nil
}
