package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
)

// Causes for which a handler's context ends.
var (
	// ErrStopped: somebody stopped the message.
	ErrStopped = errors.New("queue: the message was stopped")
	// ErrLost: another process has the message.
	ErrLost     = errors.New("queue: the lease was lost")
	errStopping = errors.New("queue: the process is stopping")
)

// line is one queue as this process works on it.
type line struct {
	q      *Queue
	name   string
	handle Handler
	opts   Options
	limit  int

	woken chan struct{} // holds one: look again
	work  sync.WaitGroup

	mu        sync.Mutex
	life      context.Context // of handlers; nil before run and after stopping began
	lanes     map[string]*lane
	clock     clock // lanes whose next message is not due yet
	hungry    ring  // lanes with due messages in the database
	ready     ring  // lanes with leased messages that nobody handles yet
	held      map[ebb.MessageKey]*held
	running   int
	waiting   int                   // bytes of messages that are leased and not begun
	tenants   map[ebb.ServiceID]int // running, by service
	finished  int                   // since the last claim: how far to claim ahead
	suspects  suspects
	rescan    bool
	claiming  bool                      // due messages are being claimed
	preceding bool                      // messages are due that go first, see Options.First
	counts    map[string]*metrics.Queue // by lane
}

// maxAhead is how many leased messages of a lane may wait in a process that has
// the database for itself, and maxWaiting how many bytes of all lanes.
const (
	maxAhead   = 2048
	maxWaiting = 32 << 20
)

func newLine(q *Queue, name string, h Handler) *line {
	opts := q.cfg.Queues[name]
	if opts.Concurrency == 0 {
		opts.Concurrency = q.cfg.Concurrency
	}
	return &line{
		q: q, name: name, handle: h, opts: opts, limit: opts.Concurrency,
		woken: make(chan struct{}, 1), lanes: make(map[string]*lane), held: make(map[ebb.MessageKey]*held),
		tenants: make(map[ebb.ServiceID]int), counts: make(map[string]*metrics.Queue),
	}
}

func (l *line) signal() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// lane returns the lane of that name.
func (l *line) lane(name string) *lane {
	n := l.lanes[name]
	if n == nil {
		n = &lane{name: name, service: serviceOf(name), index: -1}
		l.lanes[name] = n
	}
	return n
}

// room is how many more handlers of a lane may start, see the package comment.
func (l *line) room(n *lane) int {
	const share = 3 // each start takes one from what is free, one from its service's and one from its lane's
	left := l.limit - l.running - l.tenants[n.service] - n.running
	if left <= 0 {
		return 0
	}
	return (left + share - 1) / share
}

// takes says whether a message that is due may be leased as it is inserted: this
// process has room, and nobody in its lane waits longer.
func (l *line) takes(name string, service ebb.ServiceID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life == nil {
		return false
	}
	n := l.lanes[name]
	if n == nil {
		n = &lane{name: name, service: service, index: -1}
	}
	ahead := l.ahead()
	if l.q.cfg.Exclusive {
		ahead = maxAhead // nobody else could do it meanwhile
	}
	return !n.hungry && len(n.ready) < l.room(n)+ahead && l.waiting < maxWaiting
}

// ahead is how many messages are leased beyond those that can start at once:
// about as many as finish during one claim.
func (l *line) ahead() int {
	const most = 64
	return min(l.finished, most)
}

// arrived learns of a message that was enqueued.
func (l *line) arrived(m *ebb.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.lane(m.Lane)
	if m.Leased {
		l.hold(n, m)
		l.precedes()
		l.start()
		return
	}
	l.expect(n, m.Due)
}

// expect learns that a lane has a message due then.
func (l *line) expect(n *lane, due time.Time) {
	if n.hungry || !n.next.IsZero() && !due.Before(n.next) {
		return
	}
	first := len(l.clock) == 0 || due.Before(l.clock[0].next)
	l.clock.set(n, due)
	if first {
		l.signal()
	}
}

// hold takes a leased message among those to be handled. If this process has
// it already, under a lease that ran out, its handler goes on under the new one;
// one whose outcome was written meanwhile sees to it when it ends.
func (l *line) hold(n *lane, m *ebb.Message) {
	if l.life == nil {
		return // it was leased as the process began to stop; the lease runs out
	}
	if h := l.held[m.MessageKey]; h != nil && !h.lost {
		h.m.Epoch, h.until, h.next = m.Epoch, m.Due, m
		return
	}
	h := &held{m: m, lane: n, until: m.Due}
	l.held[m.MessageKey] = h
	n.ready = append(n.ready, h)
	l.waiting += len(m.Body)
	if !n.queued {
		n.queued = true
		l.ready.push(n)
	}
}

// start begins as many handlers as there is room for, by turns, unless those of
// another queue go first.
func (l *line) start() {
	for l.opts.Rank != Yields || !l.q.first.hold.Load() {
		n := l.ready.pop(func(n *lane) bool { return l.room(n) > 0 })
		if n == nil {
			return
		}
		n.queued = false
		h := n.ready[0]
		n.ready[0] = nil
		n.ready = n.ready[1:]
		l.waiting -= len(h.m.Body)
		if len(n.ready) > 0 {
			n.queued = true
			l.ready.push(n)
		}
		if h.lost {
			l.forget(h)
			continue
		}
		n.running++
		l.begin(h)
	}
}

// begin runs the handler of a leased message.
func (l *line) begin(h *held) {
	l.running++
	l.tenants[h.m.Service]++
	ctx, cancel := context.WithCancelCause(l.life)
	h.cancel = cancel
	m := view(h.m)
	l.work.Go(func() {
		out := l.guarded(ctx, m)
		l.q.cfg.Failpoint("handled")
		epoch := l.settle(h, &out)
		l.q.cfg.Failpoint("settled")
		cancel(nil)
		l.ended(h, epoch)
	})
}

// guarded runs the handler, unless the message crashed its holders too often. A
// panic counts like a crash of the process.
func (l *line) guarded(ctx context.Context, m *Message) (o Outcome) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		l.q.log.Error("a message's handler panicked", "queue", l.name, "message", m.ID, "panic", p, "stack", string(debug.Stack()))
		o = Later(l.q.cfg.Now().Add(backoff(m.Crashes)), nil)
		o.crash = true
	}()
	if m.Crashes < l.q.cfg.MaxCrashes {
		return l.handle(ctx, m)
	}
	reason := fmt.Sprintf("%d holders ended while they had it", m.Crashes)
	if l.opts.Poison != nil {
		return l.opts.Poison(m, reason)
	}
	return Dead(reason, nil)
}

// ended gives back the place of a handler whose outcome was settled under the
// lease of epoch. If the message was leased anew since, its turn comes.
func (l *line) ended(h *held, epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	l.finished++
	if l.tenants[h.m.Service]--; l.tenants[h.m.Service] == 0 {
		delete(l.tenants, h.m.Service)
	}
	if h.lane == nil {
		l.suspects.ended()
		l.rescan = true
	} else {
		h.lane.running--
	}
	l.forget(h)
	if n := h.next; n != nil && !h.lost && n.Epoch != epoch {
		l.hold(l.lane(n.Lane), n)
	}
	l.precedes()
	l.start()
	if !l.hungry.empty() && (!l.late() || h.lane != nil && h.lane.running == 0) || h.lane == nil {
		l.signal()
	}
}

// forget drops a message that this process no longer has.
func (l *line) forget(h *held) {
	if l.held[h.m.MessageKey] == h {
		delete(l.held, h.m.MessageKey)
	}
	l.sweep(h.lane)
}

// sweep drops a lane of which nothing is known.
func (l *line) sweep(n *lane) {
	if n != nil && n.idle() {
		delete(l.lanes, n.name)
		delete(l.counts, n.name)
	}
}

// view is a stored message as handlers see it.
func view(m *ebb.Message) *Message {
	return &Message{
		Enqueue: Enqueue{ID: m.ID, Queue: m.Queue, Service: m.Service, Group: m.Group, Body: m.Body, Payload: m.Payload},
		Attempt: m.Attempt, EnqueuedAt: m.EnqueuedAt, Epoch: m.Epoch, Crashes: m.Crashes,
	}
}

// backoff is how long to wait after the n-th failure in a row, from 0.
func backoff(n int) time.Duration {
	const longest = 5 * time.Minute
	return min(time.Second<<min(n, 20), longest)
}
