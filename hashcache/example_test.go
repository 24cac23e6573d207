package hashcache_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/flsync/flsync/hashcache"
)

func ExampleCache() {
	dir, err := os.MkdirTemp("", "flsync")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "wood.png")
	if err := os.WriteFile(path, []byte("wood, 4K"), 0o600); err != nil {
		log.Fatal(err)
	}

	cache, err := hashcache.Open(filepath.Join(dir, "hashes.db"), hashcache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	info, err := os.Stat(path)
	if err != nil {
		log.Fatal(err)
	}
	sum, known := cache.Lookup(path, info)
	if !known {
		if sum, err = cache.Sum(context.Background(), path, info); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%x… %d bytes, %s\n", sum.SHA256[:8], sum.Size, sum.Source)
	// Output: 211457b2351a7b78… 8 bytes, hashed
}
