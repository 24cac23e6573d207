package kv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of bbolt's file, version 2, as its internal/common package writes it: pages of a fixed size, each with
// a header of 16 bytes (id, flags, count, overflow) and elements of 16 bytes that point forward to their keys.
const (
	pageHeader  = 16
	elementSize = 16
	metaSize    = 64 // magic, version, page size, flags, root (16), free list, high-water mark, txid, checksum
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01
	noFreelist   = ^uint64(0)

	// maxDepth is far above what a real tree reaches: with 2 children a page, 2^40 pages.
	maxDepth = 40
)

// errDamaged is in the chain of every error that says the file's structure is broken.
var errDamaged = errors.New("the file is damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// checker walks the pages of one bbolt file with plain reads.
type checker struct {
	file     io.ReaderAt
	pageSize uint64
	pages    uint64 // high-water mark: pages with this number or above are not in use
	used     []uint64
	full     bool // read leaf pages as well
}

// check reports an error that wraps errDamaged unless the newest state of the file holds together: page numbers are
// in range, no page is used twice, keys ascend, elements lie inside their pages, the free list names only pages that are
// free. Without full it reads the branch pages only, about one in sixty, which is what keeps a lookup from going
// astray; with full it reads the leaf pages too, which is what a write needs. Other errors are those of reading.
func check(file io.ReaderAt, size int64, full bool) error {
	m, err := newestMeta(file)
	if err != nil {
		return err
	}
	if m.pages < 4 || m.pages > uint64(size)/m.pageSize {
		return damaged("it says it has %d pages of %d bytes, the file has %d bytes", m.pages, m.pageSize, size)
	}
	c := &checker{file: file, pageSize: m.pageSize, pages: m.pages, full: full, used: make([]uint64, (m.pages+63)/64)}
	if err := c.use(0, 2); err != nil {
		return err
	}
	if _, err := c.tree(m.root, 0, true, nil, nil); err != nil {
		return err
	}
	if m.freelist == noFreelist {
		return nil
	}
	_, err = c.freelist(m.freelist)
	return err
}

type meta struct {
	pageSize, root, freelist, pages, txid uint64
}

// newestMeta reads both meta pages and returns the valid one with the higher transaction number, as bbolt does.
func newestMeta(file io.ReaderAt) (meta, error) {
	first, err := readMeta(file, 0)
	if err == nil {
		if second, err2 := readMeta(file, int64(first.pageSize)); err2 == nil && second.txid > first.txid {
			return second, nil
		}
		return first, nil
	}
	if !errors.Is(err, errDamaged) {
		return meta{}, err
	}
	for size := int64(1 << 10); size <= 1<<24; size <<= 1 {
		if second, err2 := readMeta(file, size); err2 == nil && second.pageSize == uint64(size) {
			return second, nil
		}
	}
	return meta{}, err
}

func readMeta(file io.ReaderAt, offset int64) (meta, error) {
	var buf [pageHeader + metaSize]byte
	if _, err := file.ReadAt(buf[:], offset); err == io.EOF {
		return meta{}, damaged("it ends before its header does")
	} else if err != nil {
		return meta{}, err
	}
	b, word := buf[pageHeader:], binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	m := meta{
		pageSize: uint64(word.Uint32(b[8:])),
		root:     word.Uint64(b[16:]),
		freelist: word.Uint64(b[32:]),
		pages:    word.Uint64(b[40:]),
		txid:     word.Uint64(b[48:]),
	}
	switch {
	case word.Uint32(b) != boltMagic:
		return m, damaged("it does not begin as a bbolt file does")
	case word.Uint32(b[4:]) != boltVersion:
		return m, damaged("bbolt's file version is %d, not %d", word.Uint32(b[4:]), boltVersion)
	case word.Uint64(b[56:]) != sum.Sum64():
		return m, damaged("the checksum of its header does not agree")
	case m.pageSize < 1<<10 || m.pageSize > 1<<24 || m.pageSize&(m.pageSize-1) != 0:
		return m, damaged("its pages are %d bytes long", m.pageSize)
	}
	return m, nil
}

// use marks n pages from id on and refuses a page that is out of range or in use already.
func (c *checker) use(id, n uint64) error {
	if id >= c.pages || n > c.pages-id {
		return damaged("page %d is beyond the last one", id)
	}
	for p := id; p < id+n; p++ {
		if c.used[p/64]&(1<<(p%64)) != 0 {
			return damaged("page %d is used twice", p)
		}
		c.used[p/64] |= 1 << (p % 64)
	}
	return nil
}

// page reads a page with its overflow and marks it as used.
func (c *checker) page(id uint64) (page, error) {
	if id < 2 || id >= c.pages {
		return page{}, damaged("page %d is out of range", id)
	}
	buf := make([]byte, c.pageSize)
	if _, err := c.file.ReadAt(buf, int64(id*c.pageSize)); err != nil {
		return page{}, readError(id, err)
	}
	p := page{data: buf}
	if got := binary.NativeEndian.Uint64(buf); got != id {
		return page{}, damaged("page %d says that it is page %d", id, got)
	}
	n := 1 + uint64(binary.NativeEndian.Uint32(buf[12:]))
	if err := c.use(id, n); err != nil {
		return page{}, err
	}
	if n > 1 {
		p.data = append(buf, make([]byte, (n-1)*c.pageSize)...)
		if _, err := c.file.ReadAt(p.data[c.pageSize:], int64((id+1)*c.pageSize)); err != nil {
			return page{}, readError(id, err)
		}
	}
	return p, nil
}

func readError(id uint64, err error) error {
	if err == io.EOF {
		return damaged("page %d is cut off", id)
	}
	return fmt.Errorf("page %d: %w", id, err)
}

// tree checks the page id and all below it, and reports whether id is a leaf. Its keys must begin with from and end
// before to, unless these are nil: bbolt finds a page's entry in its parent by the page's first key. Buckets are looked for only in the root bucket: this package nests none.
func (c *checker) tree(id uint64, depth int, buckets bool, from, to []byte) (leaf bool, err error) {
	if depth > maxDepth {
		return false, damaged("page %d lies too deep", id)
	}
	p, err := c.page(id)
	if err != nil {
		return false, err
	}
	switch p.flags() {
	case leafPage:
		return true, c.leaf(p, id, depth, buckets, from, to)
	case branchPage:
	default:
		return false, damaged("page %d has the type %#x", id, p.flags())
	}
	if err := p.checkElements(false, from, to); err != nil {
		return false, fmt.Errorf("page %d: %w", id, err)
	}
	if p.count() == 0 {
		return false, damaged("page %d has no children", id)
	}
	// A B+tree's leaves lie on one level, so the first child tells whether the others have to be read.
	skip := false
	for i := range p.count() {
		child := binary.NativeEndian.Uint64(p.element(i)[8:])
		if skip {
			if err := c.use(child, 1); err != nil {
				return false, err
			}
			continue
		}
		upper := to
		if i+1 < p.count() {
			upper = p.key(i+1, false)
		}
		isLeaf, err := c.tree(child, depth+1, buckets, p.key(i, false), upper)
		if err != nil {
			return false, err
		}
		skip = isLeaf && !c.full && !buckets
	}
	return false, nil
}

func (c *checker) leaf(p page, id uint64, depth int, buckets bool, from, to []byte) error {
	if err := p.checkElements(true, from, to); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	for i := range p.count() {
		if p.leafFlags(i) == 0 && !buckets {
			continue
		}
		value := p.value(i)
		if p.leafFlags(i) != bucketLeaf || !buckets || len(value) < 16 {
			return damaged("page %d, element %d is a value for a bucket, or a bucket for a value", id, i)
		}
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			if _, err := c.tree(root, depth+1, false, nil, nil); err != nil {
				return err
			}
			continue
		}
		inline := page{data: value[16:]}
		if len(inline.data) < pageHeader || inline.flags() != leafPage {
			return damaged("page %d, element %d is no bucket", id, i)
		}
		if err := inline.checkElements(true, nil, nil); err != nil {
			return fmt.Errorf("page %d, element %d: %w", id, i, err)
		}
		for j := range inline.count() {
			if inline.leafFlags(j) != 0 {
				return damaged("page %d, element %d holds a bucket", id, i)
			}
		}
	}
	return nil
}

// freelist checks the list of free pages and returns how many there are.
func (c *checker) freelist(id uint64) (count uint64, err error) {
	p, err := c.page(id)
	if err != nil {
		return 0, err
	}
	if p.flags() != freelistPage {
		return 0, damaged("the free list's page %d has the type %#x", id, p.flags())
	}
	ids := p.data[pageHeader:]
	if count = uint64(p.count()); count == 0xFFFF { // bbolt's mark for "the first number is the count"
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return 0, damaged("the free list has %d entries in %d bytes", count, len(ids))
	}
	for i := range count {
		// Marking them as used also finds a page that is listed twice, or is free and used.
		if err := c.use(binary.NativeEndian.Uint64(ids[i*8:]), 1); err != nil {
			return 0, fmt.Errorf("free list: %w", err)
		}
	}
	return count, nil
}

// page is one page with its overflow pages, or the page that an inline bucket keeps in its value.
type page struct{ data []byte }

func (p page) flags() uint16        { return binary.NativeEndian.Uint16(p.data[8:]) }
func (p page) count() int           { return int(binary.NativeEndian.Uint16(p.data[10:])) }
func (p page) element(i int) []byte { return p.data[pageHeader+i*elementSize:] }

func (p page) leafFlags(i int) uint32 { return binary.NativeEndian.Uint32(p.element(i)) }

func (p page) key(i int, leaf bool) []byte {
	e, word := p.element(i), binary.NativeEndian
	if leaf {
		return e[word.Uint32(e[4:]):][:word.Uint32(e[8:])]
	}
	return e[word.Uint32(e):][:word.Uint32(e[4:])]
}

func (p page) value(i int) []byte {
	e, word := p.element(i), binary.NativeEndian
	return e[uint64(word.Uint32(e[4:]))+uint64(word.Uint32(e[8:])):][:word.Uint32(e[12:])]
}

// checkElements holds that every element lies inside the page and that the keys ascend, beginning with from and ending before to.
func (p page) checkElements(leaf bool, from, to []byte) error {
	n, word := p.count(), binary.NativeEndian
	if pageHeader+n*elementSize > len(p.data) {
		return damaged("it has no room for %d elements", n)
	}
	var last []byte
	for i := range n {
		e := p.element(i)
		pos, end := uint64(word.Uint32(e)), uint64(word.Uint32(e[4:]))
		if leaf {
			pos, end = uint64(word.Uint32(e[4:])), uint64(word.Uint32(e[8:]))+uint64(word.Uint32(e[12:]))
		}
		if pos < uint64((n-i)*elementSize) || pos+end > uint64(len(e)) {
			return damaged("element %d lies outside", i)
		}
		key := p.key(i, leaf)
		if i == 0 && from != nil && !bytes.Equal(key, from) {
			return damaged("its first key is not that which leads to it")
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return damaged("element %d is not in order", i)
		}
		last = key
	}
	if n > 0 && to != nil && bytes.Compare(last, to) >= 0 {
		return damaged("its last key belongs to another page")
	}
	return nil
}
