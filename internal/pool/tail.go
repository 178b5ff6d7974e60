package pool

import "github.com/ebb-faas/ebb/internal/ebb"

// tailSize is how much of an invocation's log a caller may ask for.
const tailSize = 4 << 10

// tail keeps the last tailSize bytes of the lines given to it.
type tail struct {
	request ebb.InvocationID
	buf     []byte
}

func (t *tail) add(line []byte) {
	t.buf = append(t.buf, line...)
	t.buf = append(t.buf, '\n')
	if len(t.buf) > 8*tailSize { // copy seldom, not on every line
		t.cut()
	}
}

func (t *tail) cut() {
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
}

// bytes returns the tail and ends its collection.
func (t *tail) bytes() []byte {
	t.cut()
	return t.buf
}
