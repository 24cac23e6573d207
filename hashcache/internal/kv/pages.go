package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sort"
)

// pages looks keys up in the file of a view, page by page. bbolt would look into its memory map, where a page that
// was not touched before costs a page fault, which takes several times as long as a read of the page.
//
// A page has a header of 16 bytes, with its own number at 0, its kind at 8, the number of its elements at 10 and
// that of the pages which continue it at 12. An element of a branch has the distance of its key from itself at 0,
// the length of the key at 4 and the number of the child page at 8; one of a leaf has its kind at 0, the distance at
// 4, the length of the key at 8 and that of the value, which follows the key, at 12.
type pages struct {
	file io.ReaderAt
	size int64 // of a page, in bytes
	kept [64]struct {
		id   int64
		page []byte // nil: none
	}
}

const (
	headerSize  = 16
	elementSize = 16
	branchPage  = 1
	leafPage    = 2
	maxDepth    = 32 // with two children a page, 2^32 pages
)

// errLong says that a page is continued in others, for the sake of a long value: bbolt has to look there.
var errLong = errors.New("a page is continued in others")

// get appends the stored bytes of key to dst. Errors: errMiss, errLong, and damage, of which some is a panic.
func (p *pages) get(root int64, key, dst []byte) ([]byte, error) {
	word := binary.NativeEndian
	id := root
	for range maxDepth {
		page, err := p.read(id)
		if err != nil {
			return dst, err
		}
		kind, n := word.Uint16(page[8:]), int(word.Uint16(page[10:]))
		field := uint32(0)
		if kind == leafPage {
			field = 4
		} else if kind != branchPage {
			return dst, damaged("page %d is of kind %d", id, kind)
		}
		keyOf := func(i int) []byte {
			element := page[headerSize+elementSize*i:]
			return element[word.Uint32(element[field:]):][:word.Uint32(element[field+4:])]
		}
		i, found := sort.Find(n, func(i int) int { return bytes.Compare(key, keyOf(i)) })
		if kind == branchPage {
			if !found && i > 0 {
				i--
			}
			id = int64(word.Uint64(page[headerSize+elementSize*i+8:]))
			continue
		}
		if !found {
			return dst, errMiss
		}
		element := page[headerSize+elementSize*i:]
		value := element[word.Uint32(element[4:])+word.Uint32(element[8:]):]
		return append(dst, value[:word.Uint32(element[12:])]...), nil
	}
	return dst, damaged("its pages lead deeper than %d", maxDepth)
}

// read returns a page, which is valid until the next call.
func (p *pages) read(id int64) ([]byte, error) {
	kept := &p.kept[uint64(id)%uint64(len(p.kept))]
	if kept.id == id && kept.page != nil {
		return kept.page, nil
	}
	page := kept.page
	if kept.page = nil; page == nil {
		page = make([]byte, p.size)
	}
	if _, err := p.file.ReadAt(page, id*p.size); err != nil {
		return nil, damaged("page %d: %v", id, err)
	}
	if int64(binary.NativeEndian.Uint64(page)) != id {
		return nil, damaged("page %d has another number", id)
	}
	if binary.NativeEndian.Uint32(page[12:]) > 0 {
		return nil, errLong
	}
	kept.id, kept.page = id, page
	return page, nil
}
