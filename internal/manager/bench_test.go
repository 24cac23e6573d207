package manager_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

// benchURL is a new embedded Manager, or the one that FLSYNC_TEST_MANAGER names, to compare with.
func benchURL(b *testing.B) string {
	if url := os.Getenv("FLSYNC_TEST_MANAGER"); url != "" {
		return url
	}
	return newServer(b).url
}

// content is the i-th of size-byte files that no other run has.
func content(run string, i, size int) ([]byte, string) {
	data := bytes.Repeat([]byte{'.'}, max(size, 64))
	copy(data, fmt.Sprintf("%s %d|", run, i))
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:])
}

func post(client *http.Client, url, contentType string, body []byte) (int, []byte, error) {
	reply, err := client.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	return reply.StatusCode, data, err
}

func BenchmarkUpload(b *testing.B) {
	for _, connections := range []int{1, 8} {
		b.Run(fmt.Sprintf("5KB/%dconn", connections), func(b *testing.B) { benchUpload(b, 5<<10, connections) })
	}
	b.Run("64MB/1conn", func(b *testing.B) { benchUpload(b, 64<<20, 1) })
}

func benchUpload(b *testing.B, size, connections int) {
	url := benchURL(b) + "/api/v3/shaman/files/"
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	run := fmt.Sprint(b.Name(), os.Getpid(), b.N)
	digests := make([]string, b.N)
	for i := range digests {
		_, digests[i] = content(run, i, size)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			data, _ := content(run, 0, size)
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				copy(data, fmt.Sprintf("%s %d|", run, i))
				status, reply, err := post(client, url+digests[i]+"/"+fmt.Sprint(size), "application/octet-stream", data)
				if err != nil || status != 200 && status != 500 { // 500 is the real Manager's race
					b.Error(status, string(reply), err)
					return
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkCheckout(b *testing.B) {
	const files = 20_000
	url := benchURL(b)
	client := http.DefaultClient
	specs := make([]api.ShamanFileSpec, files)
	run := fmt.Sprint(b.Name(), os.Getpid())
	const blobs = 500
	for i := range specs {
		data, sha := content(run, i%blobs, 100)
		if i < blobs {
			if status, body, err := post(client, url+"/api/v3/shaman/files/"+sha+"/100", "application/octet-stream", data); status != 200 && status != 208 {
				b.Fatal(status, string(body), err)
			}
		}
		specs[i] = api.ShamanFileSpec{Sha: sha, Size: 100, Path: fmt.Sprintf("project/dir%03d/file%05d.png", i/100, i)}
	}
	b.Run("requirements/20000", func(b *testing.B) {
		body, _ := json.Marshal(api.ShamanRequirementsRequest{Files: specs})
		for b.Loop() {
			if status, reply, err := post(client, url+"/api/v3/shaman/checkout/requirements", "application/json", body); status != 200 {
				b.Fatal(status, string(reply), err)
			}
		}
	})
	b.Run("create/20000", func(b *testing.B) {
		body, _ := json.Marshal(api.ShamanCheckout{CheckoutPath: "bench/" + run, Files: specs})
		for b.Loop() {
			if status, reply, err := post(client, url+"/api/v3/shaman/checkout/create", "application/json", body); status != 200 {
				b.Fatal(status, string(reply), err)
			}
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	url := benchURL(b)
	for _, frames := range []string{"1-10", "1-100"} {
		b.Run(frames, func(b *testing.B) {
			body, _ := json.Marshal(api.SubmittedJob{
				Name: "bench", Type: "simple-blender-render", Priority: 50, SubmitterPlatform: "linux",
				Settings: api.JobSettings{"frames": frames, "chunk_size": 1, "render_output_path": "/r/######", "format": "PNG",
					"blendfile": "{jobs}/a.blend", "fps": 24, "scene": "Scene", "image_file_extension": ".png", "render_output_root": "/r"},
			})
			for b.Loop() {
				if status, reply, err := post(http.DefaultClient, url+"/api/v3/jobs", "application/json", body); status != 200 {
					b.Fatal(status, string(reply), err)
				}
			}
		})
	}
}
