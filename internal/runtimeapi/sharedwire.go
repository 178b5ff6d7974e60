package runtimeapi

import (
	"context"
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"time"
)

// incoming is the frame that is being read. It survives the end of a read
// deadline: another one may go on where the last leader was interrupted.
type incoming struct {
	h    header
	have bool   // h is read
	left int64  // of its body, unread
	room int64  // of its body, to be kept
	body []byte // what was kept of a body that does not fit the buffer
}

// next reads a frame. The body is valid until the next call if it fits the read
// buffer, else for good. What is over the limits is read and not kept.
func (s *Framed) next() (header, []byte, error) {
	in := &s.sh.in
	if !in.have {
		h, err := s.in.next()
		if err != nil {
			return h, nil, err
		}
		*in = incoming{h: h, have: true, left: int64(h.body), room: int64(h.body)}
		if limit := s.keep(h); h.payload() > limit {
			in.room = int64(h.head)
		}
	}
	for in.left > 0 {
		p, err := s.in.piece(in.left)
		if err != nil {
			return in.h, nil, err
		}
		in.left -= int64(len(p))
		if int64(len(p)) == int64(in.h.body) && in.room == int64(in.h.body) {
			in.have = false
			return in.h, p, nil
		}
		p = p[:min(int64(len(p)), in.room-int64(len(in.body)))]
		in.body = append(in.body, p...)
	}
	in.have = false
	return in.h, in.body, nil
}

// keep is how much of the payload of h is worth keeping.
func (s *Framed) keep(h header) int64 {
	switch h.typ {
	case frameResponse, frameError:
		return s.opt.MaxResponse
	case frameChunk:
		return window // more is refused
	}
	return maxLog
}

// sending is the way out of a session that is shared. What is to be sent while
// somebody writes leaves with the next write.
type sending struct {
	mu       sync.Mutex
	done     sync.Cond // on mu: nobody writes
	writing  bool
	pending  []byte
	spare    []byte    // memory for pending
	offered  uint64    // bytes ever given to be sent
	begun    uint64    // bytes of them that are being written, or were
	sent     uint64    // bytes of them that the socket is known to have taken
	failed   bool      // a write has
	deadline time.Time // write deadline of the socket
}

// deadlineSlack is by how much earlier than asked for a write may give up:
// setting the socket's deadline for each would cost more than that is worth.
const deadlineSlack = 100 * time.Millisecond

// sendShared sends the invoke frame of c.
func (s *Framed) sendShared(c *Call, f *flight) error {
	p := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(p)
	b, err := s.appendInvoke((*p)[:0], c, f.stream)
	if err != nil {
		return err
	}
	*p = b[:0]
	f.sent = s.post(b, c.Payload, c.Deadline)
	return nil
}

// grant tells the runtime that n more bytes of a stream may come.
func (s *Framed) grant(f *flight, n int64) {
	h := header{body: 4, typ: frameWindow, stream: f.stream}
	s.post(binary.BigEndian.AppendUint32(h.append(nil), uint32(n)), nil, f.deadline)
}

// post sends b and payload, or has the one who is writing send them. It returns
// where they end in all that was ever sent. That a write fails is told to
// everybody in flight.
func (s *Framed) post(b, payload []byte, deadline time.Time) (end uint64) {
	w := &s.sh.send
	w.mu.Lock()
	w.offered += uint64(len(b) + len(payload))
	end = w.offered
	if len(b)+len(payload) > writeSize {
		s.postLarge(b, payload, deadline)
		return end
	}
	w.pending = append(append(w.pending, b...), payload...)
	if w.writing {
		w.mu.Unlock()
		return end
	}
	w.writing = true
	w.mu.Unlock()
	if s.busy() {
		runtime.Gosched() // others have something to send as well: in one write
	}
	s.flush(deadline)
	return end
}

// busy reports whether others are in flight.
func (s *Framed) busy() bool {
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	return s.sh.inFlight > 1
}

// postLarge sends without a copy. w.mu is held, and free when it returns.
func (s *Framed) postLarge(b, payload []byte, deadline time.Time) {
	w := &s.sh.send
	for w.writing {
		w.done.Wait()
	}
	w.writing = true
	w.begun += uint64(len(b) + len(payload))
	w.mu.Unlock()
	s.writeDeadline(deadline)
	bufs := net.Buffers{b, payload}
	n, err := bufs.WriteTo(s.conn)
	w.mu.Lock()
	w.sent += uint64(n)
	w.failed = w.failed || err != nil
	w.mu.Unlock()
	if err != nil {
		s.fail(s.explain(context.Background(), err))
	}
	s.flush(deadline)
}

// flush writes until nothing is pending. The caller has set writing.
func (s *Framed) flush(deadline time.Time) {
	w := &s.sh.send
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > 0 {
		b := w.pending
		w.pending = w.spare[:0]
		w.begun += uint64(len(b))
		w.mu.Unlock()
		s.writeDeadline(deadline)
		n, err := s.conn.Write(b)
		w.mu.Lock()
		w.sent += uint64(n)
		w.spare = nil
		if cap(b) <= readSize {
			w.spare = b
		}
		if err != nil {
			w.failed, w.pending = true, nil
			w.mu.Unlock()
			s.fail(s.explain(context.Background(), err))
			w.mu.Lock()
		}
	}
	w.writing = false
	w.done.Signal()
}

// writeDeadline bounds what the writer does next.
func (s *Framed) writeDeadline(t time.Time) {
	w := &s.sh.send
	if ahead := t.Sub(w.deadline); ahead < 0 || ahead > deadlineSlack || t.IsZero() != w.deadline.IsZero() {
		w.deadline = t
		_ = s.conn.SetWriteDeadline(t) // fails only on a closed socket, which the next use tells
	}
}

// unsent reports whether the runtime has not seen all of f's invoke frame.
func (s *Framed) unsent(f *flight) bool {
	w := &s.sh.send
	w.mu.Lock()
	defer w.mu.Unlock()
	return f.sent == 0 || f.sent > w.begun || w.failed && f.sent > w.sent
}

// exclusive prepares the socket for a use that is nobody's in flight, and
// returns what makes it ready for those again.
func (s *Framed) exclusive() func() {
	if s.sh == nil {
		return func() {}
	}
	clean := func() {
		s.deadline = time.Time{}
		s.sh.mu.Lock()
		s.sh.until = time.Time{}
		s.sh.mu.Unlock()
		s.sh.send.deadline = time.Time{}
		_ = s.conn.SetDeadline(time.Time{})
	}
	clean()
	return clean
}
