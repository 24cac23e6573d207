package frames

import (
	"errors"
	"io"
	"strings"
)

// shape is what a file's header says.
type shape struct {
	width, height int  // pixels, 0 where they are not read
	decodes       bool // [Picture] can decode it
}

var (
	errNoEnd  = errors.New("its end is missing")
	errHeader = errors.New("its header is not that of its format")
)

// contents is a file and its size in bytes.
type contents struct {
	io.ReaderAt
	size int64
}

// inspect reads header and end of a file. Which format it has to have follows from its extension; of a format
// that is not known nothing is read.
func inspect(file io.ReaderAt, size int64, ext string) (shape, error) {
	check := map[string]func(contents) (shape, error){
		".png": png, ".jpg": jpeg, ".jpeg": jpeg, ".exr": exr, ".tif": tiff, ".tiff": tiff,
		".mp4": boxes, ".mov": boxes, ".m4v": boxes, ".mkv": ebml, ".webm": ebml, ".avi": riff, ".webp": riff,
	}[strings.ToLower(ext)]
	if check == nil {
		return shape{}, nil
	}
	return check(contents{file, size})
}

// at reads n bytes; a file that has fewer lacks its end.
func (c contents) at(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset > c.size-int64(n) {
		return nil, errNoEnd
	}
	b := make([]byte, n)
	if _, err := c.ReadAt(b, offset); err != nil {
		if errors.Is(err, io.EOF) { // it has become shorter meanwhile
			err = errNoEnd
		}
		return nil, err
	}
	return b, nil
}

// mostParts bounds the strips, tiles and chunks of one file, of which each has an entry in a table.
const mostParts = 1 << 22
