package store

import (
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Seen is an object or file that a trigger has seen by looking.
type Seen struct {
	Name     string
	Identity string // another one under the same name has another
	State    string // what is left to do with it; "" = nothing
	Task     ebb.MessageID
	At       time.Time
}

const seenColumns = "name, identity, state, task, at"

func scanSeen(scan func(...any) error) (*Seen, error) {
	s := new(Seen)
	var at int64
	err := scan(&s.Name, &s.Identity, &s.State, &s.Task, &at)
	s.At = fromMillis(at)
	return s, err
}

// PutSeen notes one, or answers ErrExists: this very one was noted before.
func (tx *Tx) PutSeen(trigger ebb.TriggerID, s *Seen) error {
	n, err := tx.exec(`INSERT INTO seen (trigger_id, name, identity, state, task, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (trigger_id, name) DO UPDATE SET identity = excluded.identity, state = excluded.state, task = excluded.task, at = excluded.at
		WHERE seen.identity <> excluded.identity`,
		string(trigger), s.Name, s.Identity, s.State, string(s.Task), s.At.UnixMilli())
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// SetSeenState writes what is left to do with one.
func (tx *Tx) SetSeenState(trigger ebb.TriggerID, name, identity, state string) error {
	_, err := tx.exec("UPDATE seen SET state = ? WHERE trigger_id = ? AND name = ? AND identity = ?", state, string(trigger), name, identity)
	return err
}

// SeenAfter are up to limit of those behind a name, by name.
func (tx *Tx) SeenAfter(trigger ebb.TriggerID, after string, limit int) ([]*Seen, error) {
	return tx.seen("SELECT "+seenColumns+" FROM seen WHERE trigger_id = ? AND name > ? ORDER BY name LIMIT ?", string(trigger), after, limit)
}

// SeenInState are up to limit of those in a state behind a name, by name.
func (tx *Tx) SeenInState(trigger ebb.TriggerID, state, after string, limit int) ([]*Seen, error) {
	return tx.seen("SELECT "+seenColumns+" FROM seen WHERE trigger_id = ? AND state = ? AND name > ? ORDER BY name LIMIT ?",
		string(trigger), state, after, limit)
}

// SeenOf are those of some names.
func (tx *Tx) SeenOf(trigger ebb.TriggerID, names []string) ([]*Seen, error) {
	if len(names) == 0 {
		return nil, nil
	}
	args := []any{string(trigger)}
	for _, name := range names {
		args = append(args, name)
	}
	return tx.seen("SELECT "+seenColumns+" FROM seen WHERE trigger_id = ? AND name IN (?"+strings.Repeat(", ?", len(names)-1)+")", args...)
}

// DeleteSeen forgets one.
func (tx *Tx) DeleteSeen(trigger ebb.TriggerID, name string) error {
	_, err := tx.exec("DELETE FROM seen WHERE trigger_id = ? AND name = ?", string(trigger), name)
	return err
}

func (tx *Tx) seen(query string, args ...any) (all []*Seen, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		s, err := scanSeen(scan)
		all = append(all, s)
		return err
	})
	return all, err
}
