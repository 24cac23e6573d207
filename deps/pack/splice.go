package pack

import (
	"fmt"
	"io"
)

// A splicer passes the bytes of a file on and applies patches as it comes by
// them. It holds no more than the field it is in.
type splicer struct {
	w       io.Writer
	pos     int64 // in the file that is read
	patches []patch
	field   []byte // of patches[0], as far as it was seen
}

func (s *splicer) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		if len(s.patches) == 0 {
			return written, s.pass(b)
		}
		p := &s.patches[0]
		if s.pos < p.off {
			n := min(int64(len(b)), p.off-s.pos)
			if err := s.pass(b[:n]); err != nil {
				return 0, err
			}
			b = b[n:]
			continue
		}
		n := min(int64(len(b)), p.end()-s.pos)
		s.field = append(s.field, b[:n]...)
		s.pos, b = s.pos+n, b[n:]
		if s.pos < p.end() {
			continue
		}
		data, err := p.apply(s.field)
		if err != nil {
			return 0, err
		}
		if _, err := s.w.Write(data); err != nil {
			return 0, err
		}
		s.field, s.patches = s.field[:0], s.patches[1:]
	}
	return written, nil
}

func (s *splicer) pass(b []byte) error {
	n, err := s.w.Write(b)
	s.pos += int64(n)
	return err
}

// finish reports patches that the file was too short for.
func (s *splicer) finish() error {
	if len(s.patches) > 0 {
		return fmt.Errorf("it ends at %d, before a field at %d: %w", s.pos, s.patches[0].off, ErrChanged)
	}
	return nil
}
