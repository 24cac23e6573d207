package kv

import "bytes"

// batch is what is to be written. Its methods accept a nil batch, which is empty.
type batch struct {
	tables   map[Table]map[string][]byte // a nil value deletes the key
	prefixes map[Table]map[string]bool
	lengths  map[Table]int
	keys     int
	bytes    int
}

func newBatch(lengths map[Table]int) *batch {
	return &batch{
		tables: make(map[Table]map[string][]byte), prefixes: make(map[Table]map[string]bool), lengths: lengths,
	}
}

func (b *batch) put(table Table, key, value []byte) {
	t := b.tables[table]
	if t == nil {
		t = make(map[string][]byte)
		b.tables[table] = t
	}
	old, again := t[string(key)]
	if again && value != nil && bytes.Equal(old, value) {
		return
	}
	if again {
		b.bytes -= len(old) + len(key)
	} else {
		b.keys++
	}
	b.bytes += len(key) + len(value)
	if value != nil {
		value = append(make([]byte, 0, len(value)), value...)
	}
	t[string(key)] = value
	if n := b.lengths[table]; n > 0 && len(key) >= n && value != nil {
		if b.prefixes[table] == nil {
			b.prefixes[table] = make(map[string]bool)
		}
		b.prefixes[table][string(key[:n])] = true
	}
}

func (b *batch) get(table Table, key []byte) (value []byte, known bool) {
	if b == nil {
		return nil, false
	}
	value, known = b.tables[table][string(key)]
	return value, known
}

func (b *batch) hasPrefix(table Table, prefix []byte) bool {
	return b != nil && b.prefixes[table][string(prefix)]
}

// addOlder adds those items that b has nothing newer for.
func (b *batch) addOlder(items []item) {
	for _, it := range items {
		if _, newer := b.tables[it.table][it.key]; !newer {
			b.put(it.table, []byte(it.key), it.value)
		}
	}
}

// item is one change of a batch.
type item struct {
	table Table
	key   string
	value []byte
}

// items lists the changes, table by table, unsorted.
func (b *batch) items() []item {
	list := make([]item, 0, b.keys)
	for table, t := range b.tables {
		for key, value := range t {
			list = append(list, item{table, key, value})
		}
	}
	return list
}
