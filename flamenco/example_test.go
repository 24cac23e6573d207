package flamenco_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/flsync/flsync/flamenco"
)

func ExampleClient() {
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/api/v3/version" {
			_, _ = io.WriteString(w, `{"name": "Flamenco", "version": "3.9", "shortversion": "3.9", "git": "v3.9"}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"code": 404, "message": "no such job"}`)
	}))
	defer manager.Close()

	client, err := flamenco.New(flamenco.Config{URL: manager.URL})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	version, err := client.Version(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(version.Name, version.Version)

	_, err = client.Job(ctx, "01a3f125-0000-4000-8000-000000000000")
	if reply := (*flamenco.Error)(nil); errors.As(err, &reply) {
		fmt.Println(reply.Status, reply.Temporary())
	}
	// Output:
	// Flamenco 3.9
	// 404 false
}
