package store

import (
	"context"
	"log/slog"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Change says that something was changed, not how: drop what is remembered of it.
type Change struct {
	Kind string
	ID   string
	Seq  int64 // grows in the order of commits
}

// Kinds of changes.
const (
	// ChangeFunction: a function, or anything that belongs to one.
	ChangeFunction = "function"
	// ChangeService: a service's settings. The id is the service's.
	ChangeService = "service"
	// ChangeAccess: an access key or a role, of any service.
	ChangeAccess = "access"
	// ChangeSecret: the value of a secret. The id is SERVICE/NAME.
	ChangeSecret = "secret"
	// ChangeMessages: a queue, the id, has messages that are due and that nobody
	// has leased. It is a hint, has no number, and may be lost; see Hint.
	ChangeMessages = "messages"
	// ChangeRules: rules of the event bus. The id is the service's.
	ChangeRules = "rules"
	// ChangeRoute: HTTP routes, whichever.
	ChangeRoute = "route"
)

// changePage is how many changes are read at a time.
const changePage = 1000

// TouchFunction is Touch for a function.
func (tx *Tx) TouchFunction(key ebb.FunctionKey) error {
	return tx.Touch(ChangeFunction, string(key.Service)+"/"+key.Name)
}

// Function is the function that was changed, if it was one.
func (c Change) Function() (key ebb.FunctionKey, ok bool) {
	service, name, ok := strings.Cut(c.ID, "/")
	return ebb.FunctionKey{Service: ebb.ServiceID(service), Name: name}, ok && c.Kind == ChangeFunction
}

// Touch makes every process that watches hear, within a second of the commit,
// that the thing of this kind was changed. It belongs into the Tx that changes
// it. Txs that touch anything wait for each other: it is for what people change.
func (tx *Tx) Touch(kind, id string) error {
	var seq int64
	if err := tx.row("UPDATE change_counter SET last = last + 1 WHERE id = 1 RETURNING last", nil,
		func(scan func(...any) error) error { return scan(&seq) }); err != nil {
		return err
	}
	if _, err := tx.exec(`INSERT INTO change (kind, id, seq) VALUES (?, ?, ?)
		ON CONFLICT (kind, id) DO UPDATE SET seq = excluded.seq`, kind, id, seq); err != nil {
		return err
	}
	if tx.dialect.notify == "" {
		return nil
	}
	return tx.rows(tx.dialect.notify, nil, discard)
}

// Hint tells every process that watches, this one among them, that a queue has
// messages for whoever has room. It is no part of the transaction that enqueued
// them: those that notify wait for each other at their commit. With SQLite there
// is nobody to be told.
func (s *Store) Hint(ctx context.Context, queue string) error {
	if !s.Shared() {
		return nil
	}
	return s.Tx(ctx, func(tx *Tx) error { return tx.rows(tx.dialect.hint, []any{queue}, discard) })
}

// Changes returns up to limit changes after a number, in order; of one thing the
// last.
func (tx *Tx) Changes(after int64, limit int) (cs []Change, err error) {
	err = tx.rows("SELECT kind, id, seq FROM change WHERE seq > ? ORDER BY seq LIMIT ?", []any{after, limit},
		func(scan func(...any) error) error {
			var c Change
			err := scan(&c.Kind, &c.ID, &c.Seq)
			cs = append(cs, c)
			return err
		})
	return cs, err
}

// LastChange is the number of the last change.
func (tx *Tx) LastChange() (seq int64, err error) {
	err = tx.row("SELECT last FROM change_counter WHERE id = 1", nil,
		func(scan func(...any) error) error { return scan(&seq) })
	return seq, err
}

// Watch calls each for whatever this or another process has touched since Open,
// until ctx ends. Nothing is left out: after the database was away, what was
// changed meanwhile is told. With SQLite, which one process has for itself,
// nothing is ever told. Hints are told, too. Call it once.
func (s *Store) Watch(ctx context.Context, log *slog.Logger, each func(Change)) {
	after, blind := s.seen, false
	hint := func(queue string) { each(Change{Kind: ChangeMessages, ID: queue}) }
	s.engine.watch(ctx, hint, func() {
		for {
			var cs []Change
			err := s.Read(ctx, func(tx *Tx) (err error) {
				cs, err = tx.Changes(after, changePage)
				return err
			})
			if ctx.Err() != nil {
				return
			}
			if failed := err != nil; failed != blind {
				blind = failed
				if failed {
					log.Error("changes that other nodes make are not seen until the database is back", "error", err)
				} else {
					log.Info("changes that other nodes make are seen again")
				}
			}
			for _, c := range cs {
				each(c)
				after = c.Seq
			}
			if len(cs) < changePage {
				return
			}
		}
	})
}
