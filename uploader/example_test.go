package uploader_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
	"github.com/flsync/flsync/uploader"
)

// Two paths with one content: it is sent once.
func ExampleUploader() {
	url, stop := exampleManager()
	defer stop()
	client, err := flamenco.New(flamenco.Config{URL: url})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	u, err := uploader.New(ctx, client, uploader.Config{})
	if err != nil {
		log.Fatal(err)
	}
	var files []api.ShamanFileSpec
	content := []byte("wood, 4K")
	sum := sha256.Sum256(content)
	for _, path := range []string{"tex/wood.png", "tex/wood copy.png"} {
		files = append(files, api.ShamanFileSpec{Sha: hex.EncodeToString(sum[:]), Size: int64(len(content)), Path: path})
		u.Ensure(ctx, uploader.Blob{
			SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), Name: path,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		})
	}
	if _, err := u.Checkout(ctx, uploader.CheckoutName("film/sh010"), files); err != nil {
		log.Fatal(err)
	}
	if err := u.Close(); err != nil {
		log.Fatal(err)
	}
	s := u.Stats()
	fmt.Printf("%d uploaded, %d checkout\n", s.Uploaded, s.Checkouts)
	// Output: 1 uploaded, 1 checkout
}

// exampleManager starts an embedded Manager.
func exampleManager() (url string, stop func()) {
	dir, err := os.MkdirTemp("", "flsync")
	if err != nil {
		log.Fatal(err)
	}
	m, err := manager.New(context.Background(), manager.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(m)
	return server.URL, func() {
		server.Close()
		_ = m.Close()
		_ = os.RemoveAll(dir)
	}
}
