package queue

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Get returns a message whatever became of it, or store.ErrNotFound.
func (q *Queue) Get(ctx context.Context, key ebb.MessageKey) (*ebb.Message, error) {
	var m *ebb.Message
	err := q.store.Read(ctx, func(tx *store.Tx) (err error) {
		m, err = tx.Message(key)
		return err
	})
	return m, err
}

// List returns up to limit messages, the newest ids first, and the Before of the
// next page: "" when there is none. A page may be short, even empty, and have a
// next one.
func (q *Queue) List(ctx context.Context, f store.MessageFilter, limit int) (ms []*ebb.Message, next ebb.MessageID, err error) {
	err = q.store.Read(ctx, func(tx *store.Tx) (err error) {
		ms, next, err = tx.Messages(f, limit)
		return err
	})
	return ms, next, err
}

// Cancel stops a live message, in the caller's Tx: one that waits is never
// handled, and the context of a handler that has it ends once the Tx is
// committed (in another process, when that next renews the lease). What such a
// handler returns is void. store.ErrChanged: the message is not live.
func (q *Queue) Cancel(tx *store.Tx, key ebb.MessageKey, reason string) error {
	now := q.cfg.Now()
	if err := tx.StopMessage(key, reason, now, now.Add(q.cfg.KeepDead)); err != nil {
		return err
	}
	q.stopHandler(tx, key)
	return nil
}

// Remove is Cancel of a message that another takes the place of: nothing of it is
// kept. It is no error that the message is not live.
func (q *Queue) Remove(tx *store.Tx, key ebb.MessageKey) error {
	if err := tx.RemoveMessage(key); err != nil {
		return err
	}
	q.stopHandler(tx, key)
	return nil
}

// stopHandler ends a message's handler once tx is committed, if this process has
// one.
func (q *Queue) stopHandler(tx *store.Tx, key ebb.MessageKey) {
	l := q.lines[key.Queue]
	if l == nil {
		return
	}
	tx.AfterCommit(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h := l.held[key]; h != nil {
			l.lose(h, ErrStopped)
		}
	})
}

// Redrive makes a dead letter live again as if it were new, in the caller's Tx,
// with another body unless that is nil. store.ErrChanged: it is not dead.
func (q *Queue) Redrive(tx *store.Tx, key ebb.MessageKey, body []byte) error {
	if err := tx.RedriveMessage(key, q.cfg.Now(), body); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		q.Wake(key.Queue)
		q.hints.add(key.Queue)
	})
	return nil
}
