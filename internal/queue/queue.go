package queue

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Enqueue is a message to be.
type Enqueue struct {
	ID        ebb.MessageID // "" = a new UUIDv7
	Queue     string
	Service   ebb.ServiceID
	Group     string     // what it is about, for fairness and look-ups: a function, an execution
	Body      []byte     // not to be changed any more
	Payload   ebb.Digest // what the body refers to in the artifact store, or ""
	NotBefore time.Time  // zero = at once
}

// Message is a message as its handler sees it.
type Message struct {
	Enqueue
	Attempt    int // 1 = first
	EnqueuedAt time.Time
	Epoch      int64 // of the lease
	Crashes    int   // how many holders ended without a word
}

// Queue is all queues of one database as one process works on them. It is safe
// for concurrent use.
type Queue struct {
	cfg   Config
	store *store.Store
	log   *slog.Logger
	lines map[string]*line
	acks  chan *ack
	hints hints
	first first
}

// New makes the queues named in handlers. Whatever is enqueued in others waits
// for a process that has a handler for it.
func New(cfg Config, s *store.Store, handlers map[string]Handler, log *slog.Logger) *Queue {
	q := &Queue{cfg: cfg.withDefaults(), store: s, log: log, lines: make(map[string]*line), acks: make(chan *ack), hints: newHints()}
	for name, h := range handlers {
		q.lines[name] = newLine(q, name, h)
	}
	return q
}

// Enqueue adds a message in the caller's Tx. store.ErrExists: the id is taken in
// this queue and service. A process that runs the queue learns of the message
// when the Tx is committed.
func (q *Queue) Enqueue(tx *store.Tx, e Enqueue) (ebb.MessageID, error) {
	if e.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return "", err
		}
		e.ID = ebb.MessageID(id.String())
	}
	now := q.cfg.Now()
	m := &ebb.Message{
		MessageKey: ebb.MessageKey{Queue: e.Queue, Service: e.Service, ID: e.ID},
		Group:      e.Group, Due: e.NotBefore, EnqueuedAt: now, Payload: e.Payload, Body: e.Body,
		Lane: laneName(e.Service, e.Group, q.cfg.Queues[e.Queue].PerGroup),
	}
	if m.Due.IsZero() {
		m.Due = now
	}
	l := q.lines[e.Queue]
	if l != nil && !m.Due.After(now) && l.takes(m.Lane, m.Service) {
		m.Leased, m.Epoch, m.Attempt, m.Due = true, 1, 1, now.Add(q.cfg.Visibility)
	}
	if err := tx.InsertMessage(m); err != nil {
		return "", err
	}
	tx.AfterCommit(func() {
		if l != nil {
			q.cfg.Failpoint("enqueued")
			l.arrived(m)
		}
		if !m.Leased && !m.Due.After(now) {
			q.hints.add(e.Queue)
		}
	})
	return e.ID, nil
}

// Wake has a queue look for due messages now. Enqueue does so by itself; this is
// for those who learn that another process enqueued, see store.ChangeMessages.
func (q *Queue) Wake(queue string) {
	if l := q.lines[queue]; l != nil {
		l.mu.Lock()
		l.rescan = true
		l.mu.Unlock()
		l.signal()
	}
}

// Run handles messages until ctx ends. Then it claims no more, gives back what
// it has not begun, lets handlers finish for up to Config.Drain, and returns when
// the last outcome is written.
func (q *Queue) Run(ctx context.Context) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx)) // of handlers
	defer end(nil)
	below, stop := context.WithCancel(context.WithoutCancel(ctx)) // of what handlers stand on
	defer stop()
	var ground, front errgroup.Group
	ground.Go(func() error { q.acknowledge(below); return nil })
	ground.Go(func() error { q.every(below, q.cfg.Visibility/renewals, q.renew); return nil })
	ground.Go(func() error { q.every(below, removeEvery, q.removeEnded); return nil })
	if q.store.Shared() {
		ground.Go(func() error { q.tellOthers(below); return nil })
	}
	for _, l := range q.lines {
		front.Go(func() error { return l.run(ctx, life) })
	}
	drained := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(q.cfg.Drain, func() { end(errStopping) })
		context.AfterFunc(life, func() { t.Stop() })
	})
	defer drained()
	err := front.Wait()
	end(nil)
	stop()
	_ = ground.Wait()
	return err
}

// every calls do now and then until ctx ends.
func (q *Queue) every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

const removeEvery = time.Minute

// removeEnded removes what was kept for long enough.
func (q *Queue) removeEnded(ctx context.Context) {
	const batch = 500
	for ctx.Err() == nil {
		var n int64
		err := q.store.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.RemoveEnded(q.cfg.Now(), batch)
			return err
		})
		if err != nil && ctx.Err() == nil {
			q.log.Warn("old messages stay", "error", err)
		}
		if err != nil || n < batch {
			return
		}
	}
}
