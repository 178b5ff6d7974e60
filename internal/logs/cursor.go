package logs

import (
	"cmp"
	"slices"
)

// cursor goes through the records of one block that match, in order of time
// where the block is not sorted, else as they stand.
type cursor struct {
	rest   []byte // records still to come
	memory []byte // to be used again afterwards, or nil
	ord    int
	skip   int64 // records that do not count, at the beginning
	left   int64 // records from the beginning on that count
	order  []stop
	listed bool // order is in force

	rec record // the current one
	raw []byte // its bytes
}

// stop is where a record lies in a block.
type stop struct {
	time      int64
	off, size int
}

// next goes to the next record that matches.
func (c *cursor) next(f *filter) bool {
	if c.listed {
		if len(c.order) == 0 {
			return false
		}
		at := c.order[0]
		c.order = c.order[1:]
		c.raw = c.rest[at.off : at.off+at.size]
		c.rec, _, _ = parseRecord(c.raw)
		return true
	}
	for len(c.rest) > 0 && c.left > 0 {
		rec, size, ok := parseRecord(c.rest)
		if !ok {
			return false
		}
		c.raw, c.rest = c.rest[:size], c.rest[size:]
		c.left--
		if c.skip > 0 {
			c.skip--
			continue
		}
		if f.match(&rec) {
			c.rec = rec
			return true
		}
	}
	return false
}

// sort makes next follow the times; equal ones stay as they stand.
func (c *cursor) sort(f *filter) {
	all := c.rest
	for c.next(f) {
		off := len(all) - len(c.rest) - len(c.raw)
		c.order = append(c.order, stop{c.rec.time, off, len(c.raw)})
	}
	c.rest, c.listed = all, true
	slices.SortStableFunc(c.order, func(a, b stop) int { return cmp.Compare(a.time, b.time) })
}
