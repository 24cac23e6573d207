package hashcache

import (
	"encoding/binary"
	"path/filepath"

	"github.com/zeebo/blake3"

	"github.com/flsync/flsync/hashcache/internal/kv"
)

// The tables of the cache file. Format 1:
//
//	files   folder ID (16 bytes), name     → entry
//	dirs    folder ID                      → folder
//	facts   namespace, NUL, key            → when written (8), value
//
// The folder ID is the beginning of the folder's BLAKE3: files of a folder lie side by side, which is how a
// walk asks for them, and the folder is stored once. Numbers in values are little endian, times are
// nanoseconds since 1970.
const (
	format = 1

	filesTable kv.Table = "files"
	dirsTable  kv.Table = "dirs"
	factsTable kv.Table = "facts"

	folderIDSize = 16

	entryVersion = 1
	reservedSize = 8
	entrySize    = 1 + 6*8 + reservedSize + 32 + 32
)

// entry is what the cache knows of one path.
type entry struct {
	Stamp
	written int64    // when the reading of the contents began, nanoseconds since 1970
	blake3  [32]byte // zero: not taken
	sha256  [32]byte
}

func (e *entry) hasBLAKE3() bool { return e.blake3 != [32]byte{} }

func (e *entry) encode(dst []byte) []byte {
	dst = append(dst, entryVersion)
	for _, n := range [...]uint64{uint64(e.Size), uint64(e.Mtime), uint64(e.Ctime), e.Inode, e.Device, uint64(e.written)} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	dst = append(dst, make([]byte, reservedSize)...)
	dst = append(dst, e.blake3[:]...)
	return append(dst, e.sha256[:]...)
}

// decode reports false for a value of another version; the file is then read anew.
func (e *entry) decode(b []byte) bool {
	if len(b) != entrySize || b[0] != entryVersion {
		return false
	}
	b = b[1:]
	word := func() uint64 { n := binary.LittleEndian.Uint64(b); b = b[8:]; return n }
	e.Size, e.Mtime, e.Ctime = int64(word()), int64(word()), int64(word())
	e.Inode, e.Device, e.written = word(), word(), int64(word())
	b = b[reservedSize:]
	b = b[copy(e.blake3[:], b):]
	copy(e.sha256[:], b)
	return true
}

func (e *entry) sum(source Source) Sum {
	return Sum{SHA256: e.sha256, BLAKE3: e.blake3, Size: e.Size, Source: source, Stamp: e.Stamp}
}

// fileKey appends the key of an absolute, clean path to dst. The folder keeps its trailing separator, so that it
// and the name joined are the path.
func fileKey(dst []byte, path string) []byte {
	dir, name := filepath.Split(path)
	sum := blake3.Sum256([]byte(dir))
	return append(append(dst, sum[:folderIDSize]...), name...)
}
