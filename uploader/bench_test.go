package uploader

import (
	"fmt"
	"io"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
)

type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}

func (z *zeros) Close() error { return nil }

func smallBlobs(n int) []Blob {
	blobs := make([]Blob, n)
	for i := range blobs {
		blobs[i] = Blob{
			SHA256: fmt.Sprintf("%02x%062x", i*7919%256, i), Size: 5000, Name: fmt.Sprintf("tex/%06d.png", i),
			Open: func() (io.ReadCloser, error) { return &zeros{5000}, nil },
		}
	}
	return blobs
}

// One operation is a run of 20,000 files, none of them stored, to a Manager that takes no time.
func BenchmarkFirstSync(b *testing.B) {
	const n = 20_000
	blobs := smallBlobs(n)
	b.ReportAllocs()
	for b.Loop() {
		u := start(b, nothing{}, Config{})
		for _, blob := range blobs {
			u.Ensure(b.Context(), blob)
		}
		closeIt(b, u)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/file")
}

// One operation is a run of 20,000 files, all of them stored.
func BenchmarkWarmSync(b *testing.B) {
	const n = 20_000
	blobs := smallBlobs(n)
	b.ReportAllocs()
	for b.Loop() {
		u := start(b, everything{}, Config{})
		for _, blob := range blobs {
			u.Ensure(b.Context(), blob)
		}
		closeIt(b, u)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/file")
}

func BenchmarkCheckFiles(b *testing.B) {
	files := make([]api.ShamanFileSpec, 20_000)
	for i := range files {
		files[i] = api.ShamanFileSpec{Sha: fmt.Sprintf("%064x", i), Size: 1, Path: fmt.Sprintf("film/sq%03d/tex/wood_%06d.png", i/200, i)}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := checkFiles(files); err != nil {
			b.Fatal(err)
		}
	}
}
