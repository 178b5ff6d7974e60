package store

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const triggerColumns = "id, service, name, kind, target, paused, revision, created_at, modified_at, document"

// triggerDocument is what of a trigger nobody searches by.
type triggerDocument struct {
	Description string            `json:"description,omitempty"`
	Filters     []json.RawMessage `json:"filters,omitempty"`
	MaxRetries  *int              `json:"max_retries,omitempty"`
	MaxAgeS     int               `json:"max_age_s,omitempty"`
	OnFailure   string            `json:"on_failure,omitempty"`
	Input       ebb.TriggerInput  `json:"input,omitzero"`
	Settings    json.RawMessage   `json:"settings,omitempty"`
}

func triggerText(t *ebb.Trigger) (string, error) {
	return encode(triggerDocument{t.Description, t.Filters, t.MaxRetries, t.MaxAgeS, t.OnFailure, t.Input, t.Settings})
}

// InsertTrigger adds a trigger and its empty state. ErrExists: the name or the id
// is taken.
func (tx *Tx) InsertTrigger(t *ebb.Trigger) error {
	document, err := triggerText(t)
	if err != nil {
		return err
	}
	n, err := tx.exec("INSERT INTO triggers ("+triggerColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		string(t.ID), string(t.Service), t.Name, string(t.Kind), t.Target, flag(t.Paused), t.Revision,
		t.CreatedAt.UnixMilli(), t.ModifiedAt.UnixMilli(), document)
	if err == nil && n == 0 {
		return ErrExists
	}
	if err == nil {
		_, err = tx.exec("INSERT INTO trigger_state ("+stateColumns+") VALUES (?, 0, 0, 0, '', '', '', 0, 0, 0, '')", string(t.ID))
	}
	return err
}

// UpdateTrigger replaces what may change of the trigger with t's id and counts
// its revision up, or answers ErrChanged if that is not t.Revision any more.
func (tx *Tx) UpdateTrigger(t *ebb.Trigger) error {
	document, err := triggerText(t)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE triggers SET target = ?, paused = ?, revision = revision + 1, modified_at = ?, document = ?
		WHERE id = ? AND revision = ?`,
		t.Target, flag(t.Paused), t.ModifiedAt.UnixMilli(), document, string(t.ID), t.Revision)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// Trigger returns a trigger, or ErrNotFound.
func (tx *Tx) Trigger(key ebb.TriggerKey) (*ebb.Trigger, error) {
	return tx.trigger("SELECT "+triggerColumns+" FROM triggers WHERE service = ? AND name = ?", string(key.Service), key.Name)
}

// TriggerByID returns the trigger with that id, or ErrNotFound.
func (tx *Tx) TriggerByID(id ebb.TriggerID) (*ebb.Trigger, error) {
	return tx.trigger("SELECT "+triggerColumns+" FROM triggers WHERE id = ?", string(id))
}

// TriggerRevision is how often the trigger with that id was changed, or ErrNotFound.
func (tx *Tx) TriggerRevision(id ebb.TriggerID) (revision int64, err error) {
	err = tx.row("SELECT revision FROM triggers WHERE id = ?", []any{string(id)}, func(scan func(...any) error) error { return scan(&revision) })
	return revision, err
}

// TriggerFilter says which triggers are listed; empty fields do not limit.
type TriggerFilter struct {
	Service ebb.ServiceID
	Kind    ebb.TriggerKind
	Target  string
	After   ebb.TriggerKey // those behind this one
}

// Triggers returns up to limit triggers, by service and name. Only what limits is in
// the statement, so that an index is found for it.
func (tx *Tx) Triggers(f TriggerFilter, limit int) (ts []*ebb.Trigger, err error) {
	where, args := "(service, name) > (?, ?)", []any{string(f.After.Service), f.After.Name}
	for _, c := range [...]struct{ column, value string }{{"service", string(f.Service)}, {"kind", string(f.Kind)}, {"target", f.Target}} {
		if c.value != "" {
			where += " AND " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	err = tx.rows("SELECT "+triggerColumns+" FROM triggers WHERE "+where+" ORDER BY service, name LIMIT ?",
		append(args, limit), func(scan func(...any) error) error {
			t, err := scanTrigger(scan)
			ts = append(ts, t)
			return err
		})
	return ts, err
}

// DeleteTrigger removes a trigger with its state and fires, or answers ErrNotFound.
func (tx *Tx) DeleteTrigger(id ebb.TriggerID) error {
	n, err := tx.exec("DELETE FROM triggers WHERE id = ?", string(id))
	return changed(n, err)
}

func (tx *Tx) trigger(query string, args ...any) (t *ebb.Trigger, err error) {
	err = tx.row(query, args, func(scan func(...any) error) (err error) {
		t, err = scanTrigger(scan)
		return err
	})
	return t, err
}

func scanTrigger(scan func(...any) error) (*ebb.Trigger, error) {
	t := new(ebb.Trigger)
	var paused, created, modified int64
	var document string
	if err := scan(&t.ID, &t.Service, &t.Name, &t.Kind, &t.Target, &paused, &t.Revision, &created, &modified, &document); err != nil {
		return nil, err
	}
	var d triggerDocument
	if err := decode("triggers.document", document, &d); err != nil {
		return nil, err
	}
	t.Paused, t.CreatedAt, t.ModifiedAt = paused == 1, fromMillis(created), fromMillis(modified)
	t.Description, t.Filters, t.MaxRetries, t.MaxAgeS, t.OnFailure, t.Input, t.Settings = d.Description, d.Filters, d.MaxRetries, d.MaxAgeS, d.OnFailure, d.Input, d.Settings
	return t, nil
}

const stateColumns = "trigger_id, next_at, last_at, last_due, last_task, outcome, error, fired, skipped, failed, position"

// TriggerState returns what a trigger has done, or ErrNotFound.
func (tx *Tx) TriggerState(id ebb.TriggerID) (*ebb.TriggerState, error) {
	s := new(ebb.TriggerState)
	err := tx.row("SELECT "+stateColumns+" FROM trigger_state WHERE trigger_id = ?", []any{string(id)}, func(scan func(...any) error) error {
		var next, last, due int64
		err := scan(&id, &next, &last, &due, &s.LastTask, &s.Outcome, &s.Error, &s.Fired, &s.Skipped, &s.Failed, &s.Position)
		s.NextAt, s.LastAt, s.LastDue = someTime(next), someTime(last), someTime(due)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// TriggerLastTask is the task that a trigger's last event became, "" if there is
// none, or ErrNotFound.
func (tx *Tx) TriggerLastTask(id ebb.TriggerID) (last ebb.MessageID, err error) {
	err = tx.row("SELECT last_task FROM trigger_state WHERE trigger_id = ?", []any{string(id)}, func(scan func(...any) error) error { return scan(&last) })
	return last, err
}

// AddTriggerState writes s, but its counters are added to, and its LastTask and
// its Position are kept if it has none.
func (tx *Tx) AddTriggerState(id ebb.TriggerID, s *ebb.TriggerState) error {
	n, err := tx.exec(`UPDATE trigger_state SET next_at = ?, last_at = ?, last_due = ?,
		last_task = CASE WHEN ? = '' THEN last_task ELSE ? END, outcome = ?, error = ?,
		fired = fired + ?, skipped = skipped + ?, failed = failed + ?, position = CASE WHEN ? = '' THEN position ELSE ? END
		WHERE trigger_id = ?`,
		millis(s.NextAt), millis(s.LastAt), millis(s.LastDue), string(s.LastTask), string(s.LastTask), s.Outcome, s.Error,
		s.Fired, s.Skipped, s.Failed, s.Position, s.Position, string(id))
	return changed(n, err)
}

// SetTriggerNext writes when a trigger is due next.
func (tx *Tx) SetTriggerNext(id ebb.TriggerID, at time.Time) error {
	n, err := tx.exec("UPDATE trigger_state SET next_at = ? WHERE trigger_id = ?", millis(at), string(id))
	return changed(n, err)
}

// InsertFire adds a fire of a trigger as it was at a revision. ErrExists: what was
// due then was handled; ErrChanged: the trigger is another by now, or gone.
func (tx *Tx) InsertFire(f *ebb.Fire, revision int64) error {
	n, err := tx.exec(`INSERT INTO fire (trigger_id, due_at, at, outcome, task)
		SELECT id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT) FROM triggers WHERE id = ? AND revision = ?
		ON CONFLICT DO NOTHING`,
		f.Due.UnixMilli(), f.At.UnixMilli(), f.Outcome, string(f.Task), string(f.Trigger), revision)
	if err != nil || n > 0 {
		return err
	}
	now, err := tx.TriggerRevision(f.Trigger)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && now != revision:
		return ErrChanged
	case err == nil:
		return ErrExists
	}
	return err
}

// Fires returns up to limit fires of a trigger that were due before a moment, the
// latest first.
func (tx *Tx) Fires(id ebb.TriggerID, before time.Time, limit int) (fs []*ebb.Fire, err error) {
	err = tx.rows("SELECT due_at, at, outcome, task FROM fire WHERE trigger_id = ? AND due_at < ? ORDER BY due_at DESC LIMIT ?",
		[]any{string(id), before.UnixMilli(), limit}, func(scan func(...any) error) error {
			f := &ebb.Fire{Trigger: id}
			var due, at int64
			if err := scan(&due, &at, &f.Outcome, &f.Task); err != nil {
				return err
			}
			f.Due, f.At = fromMillis(due), fromMillis(at)
			fs = append(fs, f)
			return nil
		})
	return fs, err
}

// DeleteFires removes up to limit fires that were handled before a moment, but
// of every trigger the latest ones: those that are due from its last on.
func (tx *Tx) DeleteFires(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM fire WHERE (trigger_id, due_at) IN (SELECT f.trigger_id, f.due_at FROM fire AS f
		JOIN trigger_state AS s ON s.trigger_id = f.trigger_id WHERE f.at < ? AND f.due_at < s.last_due LIMIT ?)`,
		before.UnixMilli(), limit)
}

// SetTriggerPosition writes up to where a trigger's source has come.
func (tx *Tx) SetTriggerPosition(id ebb.TriggerID, position string) error {
	n, err := tx.exec("UPDATE trigger_state SET position = ? WHERE trigger_id = ?", position, string(id))
	return changed(n, err)
}
