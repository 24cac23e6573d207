package kv

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
)

const benchTable Table = "files"

// benchKey resembles the keys of the hash cache: 16 bytes that stand for a folder, then a name.
func benchKey(i int) []byte {
	key := make([]byte, 16, 32)
	binary.BigEndian.PutUint64(key, uint64(i/100)*0x9E3779B97F4A7C15)
	return fmt.Appendf(key, "frame.%04d.exr", i%100)
}

func openBench(b testing.TB, path string) *DB {
	db, err := Open(path, Options{Format: 1, Tables: []Table{benchTable}})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

func BenchmarkPutFlush(b *testing.B) {
	const n = 20_000
	db := openBench(b, filepath.Join(b.TempDir(), "c.db"))
	defer db.Close()
	value := make([]byte, 121)
	b.ReportAllocs()
	for round := 0; b.Loop(); round++ {
		for i := range n {
			db.Put(benchTable, benchKey(round*n+i), value)
		}
		if left := db.flush(nil); left != 0 {
			b.Fatal(left, " keys left")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}

func BenchmarkGet(b *testing.B) {
	const n = 200_000
	path := filepath.Join(b.TempDir(), "c.db")
	db := openBench(b, path)
	value := make([]byte, 121)
	for i := range n {
		db.Put(benchTable, benchKey(i), value)
		if i%20_000 == 0 {
			db.flush(nil)
		}
	}
	db.Close()
	db = openBench(b, path)
	defer db.Close()
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = benchKey(i)
	}
	var buf []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var ok bool
		if buf, ok = db.Get(benchTable, keys[i%n], buf[:0]); !ok {
			b.Fatal("miss")
		}
	}
}
