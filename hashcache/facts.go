package hashcache

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/flsync/flsync/hashcache/internal/kv"
)

// Limits of a fact. What is larger is not kept.
const (
	MaxFactKey   = 1 << 10  // bytes of namespace and key
	MaxFactValue = 16 << 20 // bytes
)

// Facts keeps small values beside the digests, such as what a blend file with a certain digest refers to.
// Like them, they may be gone at any time: after damage, or when newer ones need the room
// (256 MiB). What Get returns is what Put got.
type Facts struct {
	cache  *Cache
	prefix []byte
}

// Facts returns the facts of a namespace, which must not hold a NUL. A good one carries the version of what
// it keeps.
func (c *Cache) Facts(namespace string) *Facts {
	return &Facts{c, append([]byte(namespace), 0)}
}

// Get returns a copy of the value.
func (f *Facts) Get(key []byte) ([]byte, bool) {
	value, ok := f.cache.store.Get(factsTable, f.key(key), nil)
	if !ok || len(value) < 8 {
		return nil, false
	}
	return value[8:], true
}

// Put keeps a copy of the value; Get sees it at once.
func (f *Facts) Put(key, value []byte) {
	if len(f.prefix)+len(key) > MaxFactKey || len(value) > MaxFactValue {
		return
	}
	f.cache.facts.Store(true)
	stamped := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(value)), uint64(f.cache.cfg.Now().UnixNano()))
	f.cache.store.Put(factsTable, f.key(key), append(stamped, value...))
}

func (f *Facts) key(key []byte) []byte { return append(f.prefix[:len(f.prefix):len(f.prefix)], key...) }

// trimFacts deletes the oldest facts down to three quarters of factsBytes, if this run added some and there
// are more.
func (c *Cache) trimFacts() {
	if !c.facts.Load() {
		return
	}
	if size, free, err := c.store.Size(); err == nil && size-free <= c.cfg.factsBytes {
		return // the facts are fewer still, and to look at each takes as much memory as the file is long
	}
	var all []kv.Item
	var total int64
	// An error means that there is no time or no file for this; the next run trims.
	_ = c.store.Each(factsTable, 8, func(it kv.Item) error {
		all, total = append(all, it), total+int64(it.Size)
		return nil
	})
	if total <= c.cfg.factsBytes {
		return
	}
	slices.SortFunc(all, func(a, b kv.Item) int { return cmp.Compare(factWritten(a), factWritten(b)) })
	for _, it := range all {
		if total <= c.cfg.factsBytes*3/4 {
			return
		}
		c.store.Delete(factsTable, it.Key)
		total -= int64(it.Size)
	}
}

// factWritten returns when a fact was written, of which the head of its value is known; 0 for a damaged one.
func factWritten(it kv.Item) int64 {
	if len(it.Value) < 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(it.Value))
}
