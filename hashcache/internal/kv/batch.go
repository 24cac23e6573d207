package kv

import (
	"bytes"
	"cmp"
	"slices"
)

// batch is what is to be written. A nil batch is empty.
type batch struct {
	values map[itemKey][]byte // a nil value deletes the key
	bytes  int
}

type itemKey struct {
	table Table
	key   string
}

// item is one change of a batch.
type item struct {
	itemKey
	value []byte
}

func newBatch() *batch { return &batch{values: make(map[itemKey][]byte)} }

func (b *batch) put(table Table, key, value []byte) {
	k := itemKey{table, string(key)}
	if old, again := b.values[k]; again {
		b.bytes -= len(key) + len(old)
	}
	b.bytes += len(key) + len(value)
	b.values[k] = bytes.Clone(value)
}

// get reports with known whether the batch changes the key; a nil value then means that it is deleted.
func (b *batch) get(table Table, key []byte) (value []byte, known bool) {
	if b == nil {
		return nil, false
	}
	value, known = b.values[itemKey{table, string(key)}]
	return value, known
}

// items lists the changes by table and key.
func (b *batch) items() []item {
	list := make([]item, 0, len(b.values))
	for k, value := range b.values {
		list = append(list, item{k, value})
	}
	slices.SortFunc(list, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.key, b.key))
	})
	return list
}
