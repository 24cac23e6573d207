package blend

import (
	"hash/maphash"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Shared is what files that are read one after the other, or side by side, have in common: all files of one
// version of Blender describe the same structs, and parsing that is a good part of what a small file takes;
// and the memory of a file that was closed does for the next. The zero value is ready; goroutines may share
// it.
type Shared struct {
	mu      sync.Mutex
	seed    maphash.Seed
	known   map[dnaKey]knownDNA
	buffers sync.Pool // of *[]byte
	headers sync.Pool // of *[]Block

	once    sync.Once
	decoder *zstd.Decoder
	err     error
}

type dnaKey struct {
	hash        uint64
	pointerSize int
	bigEndian   bool
}

type knownDNA struct {
	body string
	dna  *DNA
}

// maxKnownDNA is more than the versions of Blender that a project sees.
const maxKnownDNA = 64

// dna parses the body of a DNA block, or knows it already.
func (s *Shared) dna(body []byte, l *layout, offset int64) (*DNA, error) {
	if s == nil {
		return parseDNA(string(body), l, offset)
	}
	s.mu.Lock()
	if s.known == nil || len(s.known) >= maxKnownDNA {
		s.known, s.seed = map[dnaKey]knownDNA{}, maphash.MakeSeed()
	}
	key := dnaKey{maphash.Bytes(s.seed, body), l.pointerSize, l.bigEndian}
	known := s.known[key]
	s.mu.Unlock()
	if known.dna != nil && known.body == string(body) {
		return known.dna, nil
	}
	text := string(body)
	d, err := parseDNA(text, l, offset)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[key] = knownDNA{text, d}
	return d, nil
}

// frameDecoder gives what decompresses frames, in as many goroutines at once as
// there are processors. It needs no closing.
func (s *Shared) frameDecoder() (*zstd.Decoder, error) {
	if s == nil {
		s = &Shared{}
	}
	s.once.Do(func() {
		s.decoder, s.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxFrame))
	})
	return s.decoder, s.err
}

// buffer gives n bytes with anything in them.
func (s *Shared) buffer(n int64) []byte {
	if s != nil {
		if b, ok := s.buffers.Get().(*[]byte); ok && int64(cap(*b)) >= n {
			return (*b)[:n]
		}
	}
	return make([]byte, n, (n+bufferGrain-1)/bufferGrain*bufferGrain)
}

// bufferGrain makes it likely that a buffer does for another file.
const bufferGrain = 256 << 10

// recycle takes a buffer back that nobody looks at any more.
func (s *Shared) recycle(b []byte) {
	if s != nil && cap(b) > 0 {
		s.buffers.Put(&b)
	}
}

// blocks gives an empty list with room for room blocks or more.
func (s *Shared) blocks(room int) []Block {
	if s != nil {
		if b, ok := s.headers.Get().(*[]Block); ok && cap(*b) >= room {
			return (*b)[:0]
		}
	}
	return make([]Block, 0, room)
}

// recycleBlocks takes a list back.
func (s *Shared) recycleBlocks(b []Block) {
	if s != nil && cap(b) > 0 {
		s.headers.Put(&b)
	}
}
