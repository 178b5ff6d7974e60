package logs

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
)

// merge brings the records of a view into order of time. Its heap holds things
// that get smaller as they come to the top: a segment is opened and becomes its
// blocks, a block is read and becomes a cursor, a cursor gives record after
// record. So only what overlaps in time is in memory together, usually one
// block, and one file is open.
type merge struct {
	ctx    context.Context
	stream *Stream
	filter *filter
	newest bool
	after  int64 // sequence number of the first record that counts
	items  []item
	opened map[*openFile]bool
	spare  [][]byte // memory of blocks that were read
	stored []byte
	read   reader
}

// item is one of a segment, a block in a file, records in memory, a cursor.
type item struct {
	key int64 // time of its first record; with newest, its last one's negated
	ord int   // where it stands among those of the same time

	segment *segment
	file    *openFile
	block   block
	memory  *batch
	cursor  *cursor

	first, end int64 // sequence numbers of a block's first record, and of the first that does not count
}

// openFile is a segment's file while blocks of it wait to be read.
type openFile struct {
	*os.File
	blocks int
}

// ordinals gives each segment room for its blocks.
const ordinals = 1 << 32

func newMerge(ctx context.Context, s *Stream, f *filter, newest bool) *merge {
	return &merge{ctx: ctx, stream: s, filter: f, newest: newest, opened: make(map[*openFile]bool)}
}

func (m *merge) close() {
	for f := range m.opened {
		_ = f.Close()
	}
}

func (m *merge) add(v *view) {
	m.after = v.after
	for i := range v.segments {
		g := &v.segments[i]
		if m.filter.overlaps(g.extent) {
			m.push(item{key: m.key(g.extent), ord: i * ordinals, segment: g})
		}
	}
	for i := range v.memory {
		b := &v.memory[i]
		if m.filter.overlaps(b.extent) {
			m.push(item{
				key: m.key(b.extent), ord: (len(v.segments) + i) * ordinals,
				memory: b, first: b.first, end: b.first + int64(b.count),
			})
		}
	}
}

func (m *merge) key(x extent) int64 {
	if m.newest {
		return -x.max
	}
	return x.min
}

// open makes a segment's blocks items of their own.
func (m *merge) open(it item) {
	g := it.segment
	f, err := os.Open(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		// Sealed since the view, or removed by retention or Delete.
		if g = m.stream.find(g.number); g == nil {
			return
		}
		if f, err = os.Open(g.path); errors.Is(err, fs.ErrNotExist) {
			return
		}
	}
	if err != nil {
		m.stream.store.tell(it.segment.path, err)
		return
	}
	file := &openFile{File: f}
	m.opened[file] = true
	index := g.index
	if g.sealed {
		var damaged bool
		if index, damaged, err = readIndex(f); err != nil || damaged {
			m.stream.store.tell(g.path, cmp.Or(err, errDamaged))
		}
	}
	next := g.end
	for _, bl := range index {
		next -= int64(bl.count)
	}
	for i, bl := range index {
		first := next
		next += int64(bl.count)
		// A file that grew since the view may hold what the view has in memory.
		if !m.filter.overlaps(bl.extent) || next <= m.after || first >= it.segment.end {
			continue
		}
		file.blocks++
		m.push(item{key: m.key(bl.extent), ord: it.ord + i, file: file, block: bl, first: first, end: it.segment.end})
	}
	m.release(file)
}

// find returns a copy of the segment with that number, or nil.
func (s *Stream) find(number uint64) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.number == number {
			c := *g
			c.index = slices.Clone(g.index)
			return &c
		}
	}
	return nil
}

func (m *merge) release(f *openFile) {
	if f.blocks == 0 {
		delete(m.opened, f)
		_ = f.Close()
	}
}

// load reads a block and returns a cursor over what may match in it, or nil.
func (m *merge) load(it item) *cursor {
	c := &cursor{ord: it.ord}
	sorted := it.block.sorted
	if it.memory != nil {
		c.rest, sorted = it.memory.b[frameHeader:], it.memory.sorted
	} else {
		var buf []byte
		if n := len(m.spare); n > 0 {
			buf, m.spare = m.spare[n-1], m.spare[:n-1]
		}
		var err error
		m.stored, buf, err = readBlock(it.file.File, it.block, m.stored, buf, m.stream.store.dec)
		if err != nil {
			m.stream.store.tell(it.file.Name(), err)
		}
		it.file.blocks--
		m.release(it.file)
		c.rest, c.memory = buf, buf
	}
	if !m.filter.anyIn(c.rest) {
		m.recycle(c)
		return nil
	}
	c.left = it.end - it.first
	if m.after > it.first {
		c.skip = m.after - it.first
	}
	if !sorted && !m.newest {
		c.sort(m.filter)
	}
	return c
}

func (m *merge) recycle(c *cursor) {
	if c.memory != nil {
		m.spare = append(m.spare, c.memory)
	}
}

// yield gives at most limit entries, oldest first.
func (m *merge) yield(limit int, yield func(Entry) error) error {
	given := 0
	for len(m.items) > 0 {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		it := m.pop()
		c := it.cursor
		switch {
		case it.segment != nil:
			m.open(it)
			continue
		case c == nil:
			if c = m.load(it); c == nil {
				continue
			}
			if !c.next(m.filter) {
				m.recycle(c)
				continue
			}
			m.push(item{key: c.rec.time, ord: c.ord, cursor: c})
			continue
		}
		for more := true; more; {
			if err := yield(m.read.entry(&c.rec)); err != nil {
				return err
			}
			if given++; given == limit {
				return nil
			}
			if more = c.next(m.filter); !more {
				m.recycle(c)
			} else if it.key = c.rec.time; len(m.items) > 0 && m.items[0].before(&it) {
				m.push(it)
				more = false
			} else if given%256 == 0 && m.ctx.Err() != nil {
				return m.ctx.Err()
			}
		}
	}
	return nil
}

// kept is a record of the newest ones, copied out of its block.
type kept struct {
	time   int64
	ord, n int
	record []byte
}

// yieldNewest gives the newest limit entries, oldest first. It reads backwards,
// only as far as it must.
func (m *merge) yieldNewest(limit int, yield func(Entry) error) error {
	var found []kept // newest first
	for len(m.items) > 0 {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		it := m.pop()
		if len(found) == limit && -it.key < found[limit-1].time {
			break
		}
		if it.segment != nil {
			m.open(it)
			continue
		}
		c := m.load(it)
		if c == nil {
			continue
		}
		enough := int64(math.MinInt64) // older records cannot be among the newest
		if len(found) == limit {
			enough = found[limit-1].time
		}
		for n := 0; c.next(m.filter); n++ {
			if c.rec.time >= enough {
				found = append(found, kept{c.rec.time, c.ord, n, slices.Clone(c.raw)})
			}
		}
		m.recycle(c)
		slices.SortFunc(found, func(a, b kept) int {
			return cmp.Or(cmp.Compare(b.time, a.time), cmp.Compare(b.ord, a.ord), cmp.Compare(b.n, a.n))
		})
		found = found[:min(len(found), limit)]
	}
	for _, k := range slices.Backward(found) {
		r, _, _ := parseRecord(k.record)
		if err := yield(m.read.entry(&r)); err != nil {
			return err
		}
	}
	return nil
}

func (m *merge) push(it item) { heap.Push((*byKey)(&m.items), it) }
func (m *merge) pop() item    { return heap.Pop((*byKey)(&m.items)).(item) }

func (it *item) before(other *item) bool {
	return it.key < other.key || it.key == other.key && it.ord < other.ord
}

type byKey []item

func (h byKey) Len() int           { return len(h) }
func (h byKey) Less(i, j int) bool { return h[i].before(&h[j]) }
func (h byKey) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byKey) Push(x any)        { *h = append(*h, x.(item)) }
func (h *byKey) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = item{}
	*h = old[:len(old)-1]
	return it
}
