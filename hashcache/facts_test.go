package hashcache

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestFacts(t *testing.T) {
	var w warnings
	path := filepath.Join(t.TempDir(), "c.db")
	cache := open(t, path, Config{Warn: w.add})
	deps, scenes := cache.Facts("deps/1"), cache.Facts("deps/10")
	big := randomBytes(1, 3<<20)
	deps.Put([]byte("a"), []byte("one"))
	deps.Put([]byte("a"), []byte("two"))
	deps.Put([]byte("big"), big)
	deps.Put([]byte("empty"), nil)
	scenes.Put([]byte("a"), []byte("three"))
	deps.Put([]byte("too big"), make([]byte, MaxFactValue+1))
	deps.Put(make([]byte, MaxFactKey), []byte("key too long"))
	for _, reopened := range []bool{false, true} {
		for _, c := range []struct {
			facts *Facts
			key   string
			want  []byte
			ok    bool
		}{
			{deps, "a", []byte("two"), true},
			{deps, "big", big, true},
			{deps, "empty", nil, true},
			{scenes, "a", []byte("three"), true},
			{deps, "b", nil, false},
			{deps, "too big", nil, false},
			{scenes, "big", nil, false},
			{cache.Facts("deps"), "a", nil, false},
		} {
			got, ok := c.facts.Get([]byte(c.key))
			if ok != c.ok || !bytes.Equal(got, c.want) {
				t.Errorf("reopened %v, %q: %d bytes, %v", reopened, c.key, len(got), ok)
			}
		}
		_ = cache.Close()
		cache = open(t, path, Config{Warn: w.add})
		deps, scenes = cache.Facts("deps/1"), cache.Facts("deps/10")
	}
	w.none(t)
}

func TestFactsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	now := later()
	cfg := Config{factsBytes: 100_000, Now: func() time.Time { return now }}
	for run := range 5 {
		cache := open(t, path, cfg)
		for i := range 10 {
			now = now.Add(time.Second)
			cache.Facts("n").Put(fmt.Appendf(nil, "%d-%d", run, i), make([]byte, 5000))
		}
		if err := cache.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = cache.Close()
	}
	cache := open(t, path, cfg)
	s, err := cache.Stats(t.Context())
	if err != nil || s.FactsBytes > cfg.factsBytes || s.FactsBytes < cfg.factsBytes/2 {
		t.Errorf("%d bytes of facts, %v", s.FactsBytes, err)
	}
	if _, ok := cache.Facts("n").Get([]byte("4-9")); !ok {
		t.Error("the newest is gone")
	}
	if _, ok := cache.Facts("n").Get([]byte("0-0")); ok {
		t.Error("the oldest is still there")
	}
}
