package initproto

// writer appends fields: numbers are eight bytes little-endian, texts and lists
// have their length in front, flags are one byte.
type writer []byte

func (w *writer) number(v uint64) {
	*w = append(*w, byte(v), byte(v>>8), byte(v>>16), byte(v>>24),
		byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	*w = append(*w, s...)
}

func (w *writer) texts(list []string) {
	w.number(uint64(len(list)))
	for _, s := range list {
		w.text(s)
	}
}

func (w *writer) flag(v bool) {
	b := byte(0)
	if v {
		b = 1
	}
	*w = append(*w, b)
}

// reader reads the same fields. After the first one that does not fit, all
// others read as zero and whole is false.
type reader struct {
	rest   []byte
	broken bool
}

func read(message []byte, kind Kind) *reader {
	if KindOf(message) != kind {
		return &reader{broken: true}
	}
	return &reader{rest: message[1:]}
}

func (r *reader) take(n uint64) []byte {
	if r.broken || n > uint64(len(r.rest)) {
		r.broken = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) number() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// count reads the length of a list. An element takes at least one byte, so a
// larger count than bytes left is broken and never allocated for.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.broken = true
		return 0
	}
	return int(n)
}

func (r *reader) text() string { return string(r.take(r.number())) }

func (r *reader) texts() []string {
	n := r.count()
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) flag() bool {
	b := r.take(1)
	return len(b) == 1 && b[0] == 1
}

func (r *reader) whole() bool { return !r.broken && len(r.rest) == 0 }
