package flamenco

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
)

// bodySource opens the contents of an upload, once for each attempt, and keeps the error of reading them.
type bodySource struct {
	open     func() (io.ReadCloser, error)
	size     int64
	inMemory bool // send from memory

	mu     sync.Mutex
	err    error
	memory *[]byte // of the last attempt, if inMemory
	again  bool    // there was one before it
}

// smallBody is the size in bytes up to which contents are sent from memory, unless they come slowly. net/http
// writes such a body together with the headers; otherwise it writes the headers by themselves, because a body
// may make it wait. A write costs both sides a system call and the Manager a wake-up. Above this size, memory
// that each connection touches for the first time costs more than that. smallBody leaves room for the headers
// in writeBuffer.
const smallBody = writeBuffer - 4<<10

// memories pools the memory of small bodies.
var memories = sync.Pool{New: func() any { p := make([]byte, smallBody); return &p }}

func (s *bodySource) next() (io.ReadCloser, error) {
	if err := s.failure(); err != nil {
		return nil, err // another attempt would not be better
	}
	contents, err := s.open()
	if err != nil { // a retry of net/http's may call this, and would hide the error
		s.fail(err)
		return nil, err
	}
	if s.inMemory {
		return s.fromMemory(contents)
	}
	file, _ := contents.(*os.File)
	return &fileBody{contents: contents, file: file, left: s.size, source: s}, nil
}

// fromMemory reads the contents and closes them.
func (s *bodySource) fromMemory(contents io.ReadCloser) (io.ReadCloser, error) {
	defer contents.Close()
	memory := memories.Get().(*[]byte)
	p := (*memory)[:s.size]
	if _, err := io.ReadFull(contents, p); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		s.fail(err)
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = s.again || s.memory != nil
	s.memory = memory
	return io.NopCloser(bytes.NewReader(p)), nil // net/http knows this type
}

// received returns the buffer to the pool after a complete reply. After an error net/http may still be
// reading from it, so it is left to the garbage collector.
func (s *bodySource) received() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory != nil && !s.again {
		memories.Put(s.memory)
		s.memory = nil
	}
}

func (s *bodySource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// failure returns why the contents could not be read, nil if they could.
func (s *bodySource) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fileBody is the body of one request: exactly the bytes that were announced, even if the file has grown. The
// connection recognises it and lets the kernel copy the file.
type fileBody struct {
	contents io.ReadCloser
	file     *os.File // contents, when they are a file
	left     int64    // touched by one goroutine at a time: the one that writes the request
	source   *bodySource

	mu     sync.Mutex
	closed bool
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.contents.Read(p)
	b.left -= int64(n)
	switch {
	case err == io.EOF && b.left > 0:
		err = b.fail(io.ErrUnexpectedEOF)
	case err != nil && err != io.EOF:
		err = b.fail(err)
	}
	return n, err
}

// Close may be called while Read runs: net/http does so when the reply comes early.
func (b *fileBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	return b.contents.Close()
}

// fail records that the contents cannot be read, unless they were closed.
func (b *fileBody) fail(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.source.fail(err)
	}
	return err
}

// unreadable reports whether the kernel could not copy because of the file, and not of the connection: it
// tries to read the next byte. The file's own position is no help: Linux moves it on even if the connection
// broke and nothing was sent.
func (b *fileBody) unreadable() bool {
	if b.left == 0 {
		return false
	}
	_, err := b.file.ReadAt(make([]byte, 1), b.source.size-b.left)
	if err == nil || errors.Is(err, os.ErrClosed) {
		return false
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	_ = b.fail(err)
	return true
}
