package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// window is how much of a streamed answer a runtime may send ahead of what the
// caller has taken, where several share a socket: a caller who is slow must not
// hold up the others, nor fill ebb's memory.
const window = 256 << 10

// keptBody is how much memory for an answer is kept for each place.
const keptBody = 4 << 10

// shared is what a Framed that takes several invocations keeps of them.
//
// There is no goroutine for reading: one of those in flight leads, that is, it
// reads for all and wakes the others when there is something for them. Whoever
// has what it came for passes the lead on. So a single invocation is as fast as
// on a socket of its own, and an idle session costs nothing.
type shared struct {
	places int

	mu       sync.Mutex
	flights  map[uint32]*flight // until their last frame has come
	inFlight int                // Invokes that have not returned
	waiting  []*flight          // those that sleep, and could lead
	leading  bool
	broken   error // why the conversation ended
	draining bool  // one was given up: what is in flight goes on, nothing new begins
	stream   uint32
	free     []*flight // to be used again
	recent   []turn    // by stream modulo length: whose late lines may still come
	until    time.Time // read deadline of the socket, never later than that of anyone in flight

	in   incoming // the leader's
	send sending
}

// flight is one invocation of several.
type flight struct {
	turn
	deadline time.Time
	sent     uint64        // where its frame ends in all that was ever sent
	wake     chan struct{} // capacity 1

	// Guarded by shared.mu.
	place  int // in waiting, -1 = not there
	queue  []item
	queued int64 // payload bytes in queue and being passed on
	over   error // why it will get no answer
	gone   bool  // its Invoke has returned: what comes for it is dropped

	taken int64  // of a stream, and the runtime was not told yet
	in    kept   // what is being passed on
	body  []byte // memory for an item, kept between invocations
}

// item is a frame for one flight, with what of its body is kept.
type item struct {
	h    header
	body []byte
}

func newShared(places int) *shared {
	sh := &shared{places: places, flights: make(map[uint32]*flight), recent: make([]turn, 2*places)}
	sh.send.done.L = &sh.send.mu
	return sh
}

// invokeShared is Invoke where others may be in flight.
func (s *Framed) invokeShared(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	f, err := s.board(c)
	if err != nil {
		return Outcome{}, notDelivered(err)
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, func() { s.giveUp(f, ctx.Err()) })()
	}
	a := answer{opt: &s.opt, sink: sink}
	if err = s.sendShared(c, f); err == nil {
		err = s.follow(f, &a)
	}
	if errors.Is(err, ErrProtocol) {
		s.fail(err)
	}
	if err != nil && !a.out.Answered && s.unsent(f) {
		err = notDelivered(err)
	}
	s.leave(f, err != nil, ctx.Done() == nil)
	return a.out, err
}

// board takes a place for c.
func (s *Framed) board(c *Call) (*flight, error) {
	sh := s.sh
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch {
	case sh.broken != nil || sh.draining:
		return nil, ErrClosed
	case sh.inFlight == sh.places:
		return nil, fmt.Errorf("%d invocations are in flight on this session", sh.places)
	case sh.inFlight == 0:
		if err := s.begin(framedIdle); err != nil {
			return nil, err
		}
	case s.state.Load() != framedBusy:
		return nil, ErrClosed
	}
	sh.inFlight++
	if sh.stream++; sh.stream == 0 {
		sh.stream = 1
	}
	var f *flight
	if n := len(sh.free); n > 0 {
		f = sh.free[n-1]
		sh.free = sh.free[:n-1]
	} else {
		f = &flight{wake: make(chan struct{}, 1)}
	}
	f.turn, f.deadline, f.place = turn{id: c.ID, stream: sh.stream}, c.Deadline, -1
	sh.flights[f.stream] = f
	sh.recent[int(f.stream)%len(sh.recent)] = f.turn
	if !c.Deadline.IsZero() && (sh.until.IsZero() || c.Deadline.Before(sh.until)) {
		sh.until = c.Deadline
		_ = s.conn.SetReadDeadline(sh.until) // fails only on a closed socket, which the next use tells
	}
	return f, nil
}

// leave gives f's place back.
func (s *Framed) leave(f *flight, failed, reuse bool) {
	sh := s.sh
	sh.mu.Lock()
	defer sh.mu.Unlock()
	f.gone = true
	sh.draining = sh.draining || failed
	if sh.inFlight--; sh.inFlight == 0 {
		s.in.rest()
		s.finish(framedIdle, sh.draining || sh.broken != nil)
	} else if !sh.leading {
		sh.wakeOne()
	}
	if reuse && !failed && sh.flights[f.stream] != f {
		*f = flight{wake: f.wake, queue: f.queue[:0], body: f.body[:0]}
		if cap(f.body) > keptBody {
			f.body = nil
		}
		sh.free = append(sh.free, f)
	}
}

// follow passes f's frames to a until the answer is complete.
func (s *Framed) follow(f *flight, a *answer) error {
	sh := s.sh
	sh.mu.Lock()
	for {
		switch {
		case len(f.queue) > 0:
			q := f.queue
			f.queue = nil
			sh.mu.Unlock()
			done, err := s.deliver(f, a, q)
			sh.mu.Lock()
			if f.queue == nil {
				f.queue = q[:0]
			}
			if done || err != nil {
				sh.mu.Unlock()
				return err
			}
		case f.over != nil:
			err := f.over
			sh.mu.Unlock()
			return err
		case sh.broken != nil:
			err := sh.broken
			sh.mu.Unlock()
			return err
		case !sh.leading:
			sh.leading = true
			s.lead(f)
			sh.leading = false
			sh.wakeOne()
		default:
			f.place = len(sh.waiting)
			sh.waiting = append(sh.waiting, f)
			sh.mu.Unlock()
			<-f.wake
			sh.mu.Lock()
		}
	}
}

// deliver passes on what has come for f.
func (s *Framed) deliver(f *flight, a *answer, q []item) (done bool, err error) {
	var taken int64
	for _, it := range q {
		f.in.b = it.body
		a.in = &f.in
		done, err = a.frame(it.h)
		taken += it.h.payload()
		if done || err != nil {
			return done, err
		}
	}
	s.sh.mu.Lock()
	f.queued -= taken
	s.sh.mu.Unlock()
	if f.taken += taken; f.taken >= window/4 {
		s.grant(f, f.taken)
		f.taken = 0
	}
	return false, nil
}

// lead reads for everybody until there is something for f, or nothing more to
// come for anybody. sh.mu is held, but not while it reads.
func (s *Framed) lead(f *flight) {
	sh := s.sh
	for {
		sh.mu.Unlock()
		h, body, err := s.next()
		if err == nil && h.typ == frameLog {
			s.opt.Log(s.sh.request(h.stream), level(body[:h.head]), body[h.head:])
			sh.mu.Lock()
		} else {
			sh.mu.Lock()
			if err == nil {
				err = sh.dispatch(h, body)
			}
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.sweep(time.Now())
		case err != nil:
			s.failed(s.explain(context.Background(), err))
		}
		if sh.broken != nil || f.over != nil || len(f.queue) > 0 && !s.in.whole() {
			return
		}
	}
}

// dispatch gives a frame to the one it is for. sh.mu is held. body is only valid
// during the call unless it is as long as no buffer.
func (sh *shared) dispatch(h header, body []byte) error {
	f := sh.flights[h.stream]
	if f == nil {
		return unexpected(h)
	}
	switch h.typ {
	case frameResponse, frameError, frameEnd:
		delete(sh.flights, h.stream)
	case frameChunk:
		if f.queued += h.payload(); f.queued > window && !f.gone {
			return fmt.Errorf("%w: more of a stream than was asked for", ErrProtocol)
		}
	default:
		return unexpected(h)
	}
	if f.gone {
		return nil
	}
	if len(body) <= readSize { // it lies in the read buffer
		if len(f.queue) == 0 && len(f.body) == 0 {
			f.body = append(f.body, body...)
			body = f.body
		} else {
			body = append([]byte(nil), body...)
		}
	}
	f.queue = append(f.queue, item{h, body})
	sh.rouse(f)
	return nil
}

// request is the invocation that a stream is or lately was of, "" if unknown.
func (sh *shared) request(stream uint32) ebb.InvocationID {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if f := sh.flights[stream]; f != nil {
		return f.id
	}
	if t := sh.recent[int(stream)%len(sh.recent)]; stream != 0 && t.stream == stream {
		return t.id
	}
	return ""
}

// rouse wakes f if it sleeps. sh.mu is held.
func (sh *shared) rouse(f *flight) {
	if f.place < 0 {
		return
	}
	last := len(sh.waiting) - 1
	moved := sh.waiting[last]
	sh.waiting[f.place], moved.place = moved, f.place
	sh.waiting[last] = nil
	sh.waiting = sh.waiting[:last]
	f.place = -1
	f.wake <- struct{}{}
}

// wakeOne wakes somebody who then leads. sh.mu is held.
func (sh *shared) wakeOne() {
	if n := len(sh.waiting); n > 0 {
		sh.rouse(sh.waiting[n-1])
	}
}

// sweep ends the wait of those whose time is up, and has the socket tell when
// the next one's is. sh.mu is held.
func (s *Framed) sweep(now time.Time) {
	sh := s.sh
	sh.until = time.Time{}
	for _, f := range sh.flights {
		switch {
		case f.gone || f.over != nil || f.deadline.IsZero():
		case !f.deadline.After(now):
			f.over = context.DeadlineExceeded
			sh.draining = true
			sh.rouse(f)
		case sh.until.IsZero() || f.deadline.Before(sh.until):
			sh.until = f.deadline
		}
	}
	_ = s.conn.SetReadDeadline(sh.until)
}

// giveUp ends the wait of one whose caller's ctx has ended.
func (s *Framed) giveUp(f *flight, why error) {
	sh := s.sh
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if f.gone {
		return
	}
	f.over, sh.draining = why, true
	if f.place >= 0 {
		sh.rouse(f)
	} else if sh.leading { // perhaps by f
		sh.until = time.Unix(1, 0)
		_ = s.conn.SetReadDeadline(sh.until)
	}
}

// fail ends the conversation for everybody.
func (s *Framed) fail(err error) {
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	s.failed(err)
	if s.sh.leading {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// failed is fail with sh.mu held.
func (s *Framed) failed(err error) {
	if s.sh.broken == nil {
		s.sh.broken = err
	}
	for len(s.sh.waiting) > 0 {
		s.sh.wakeOne()
	}
}

// kept is the body of a frame that was taken off the socket.
type kept struct{ b []byte }

func (k *kept) take(n int) ([]byte, error) {
	b := k.b[:n]
	k.b = k.b[n:]
	return b, nil
}

func (k *kept) piece(left int64) ([]byte, error) { return k.take(int(left)) }
func (k *kept) all(n int64) ([]byte, error)      { return k.take(int(n)) }
func (k *kept) discard(int64) error              { return nil }
