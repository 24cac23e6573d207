package blend

import "io"

// Struct gives the ID itself.
func (d *DataBlock) Struct() Struct { return d.Array(&d.Block).At(0) }

// TypeOf gives the struct that a block holds without reading it; nil for raw
// bytes, and for an index that is not in the file's DNA.
func (d *DataBlock) TypeOf(b *Block) *Type { return d.f.dna.structOf(b) }

// Array reads the contents of a block, which is the ID's own or one of Data.
func (d *DataBlock) Array(b *Block) Array {
	a := Array{Block: b, Type: d.f.dna.structOf(b), d: d}
	if d.f.whole == nil {
		if a.data = d.w.slice(b.Body, b.Len); a.data != nil {
			return a
		}
	}
	var err error
	if a.data, err = d.f.readNear(b.Body, b.Len); err != nil {
		if d.f.err == nil {
			d.f.err = err
		}
		return Array{}
	}
	return a
}

// Find gives the contents of the DATA block that had the old address; nothing
// when the address is null or leads out of the data-block.
func (d *DataBlock) Find(old uint64) Array {
	if b := d.FindBlock(old); b != nil {
		return d.Array(b)
	}
	return Array{}
}

// Reader reads the bytes of a block, for one that may be too large for Array.
func (d *DataBlock) Reader(b *Block) *io.SectionReader {
	return io.NewSectionReader(d.f, b.Body, b.Len)
}

// FindBlock is Find without reading the block; nil where there is none.
func (d *DataBlock) FindBlock(old uint64) *Block {
	if d == nil || old == 0 {
		return nil
	}
	if len(d.Data) <= few {
		for i := range d.Data {
			if d.Data[i].Old == old {
				return &d.Data[i]
			}
		}
		return nil
	}
	if !d.mapped {
		d.mapped = true
		if d.byOld == nil || len(d.byOld) > 8*len(d.Data) {
			d.byOld = make(map[uint64]int, len(d.Data))
		}
		clear(d.byOld)
		for i := range d.Data {
			if _, twice := d.byOld[d.Data[i].Old]; !twice {
				d.byOld[d.Data[i].Old] = i
			}
		}
	}
	if i, ok := d.byOld[old]; ok {
		return &d.Data[i]
	}
	return nil
}
