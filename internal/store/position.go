package store

import (
	"encoding/json"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// PutTriggerPositions writes how far a trigger has read its source. Which seek
// was done is kept if a position says none. A trigger that is gone has none.
func (tx *Tx) PutTriggerPositions(id ebb.TriggerID, ps []ebb.TriggerPosition) error {
	for _, p := range ps {
		_, err := tx.exec(`INSERT INTO trigger_position (trigger_id, part, position, latest, at, sought)
			SELECT id, ?, ?, ?, ?, ? FROM triggers WHERE id = ?
			ON CONFLICT (trigger_id, part) DO UPDATE SET position = excluded.position, latest = excluded.latest, at = excluded.at,
			sought = CASE WHEN excluded.sought = 0 THEN trigger_position.sought ELSE excluded.sought END`,
			p.Part, p.Position, p.Latest, millis(p.At), p.Sought, string(id))
		if err != nil {
			return err
		}
	}
	return nil
}

// TriggerPositions returns how far a trigger has read its source, by part.
func (tx *Tx) TriggerPositions(id ebb.TriggerID) (ps []ebb.TriggerPosition, err error) {
	err = tx.rows("SELECT part, position, latest, at, sought FROM trigger_position WHERE trigger_id = ? ORDER BY part",
		[]any{string(id)}, func(scan func(...any) error) error {
			var p ebb.TriggerPosition
			var at int64
			if err := scan(&p.Part, &p.Position, &p.Latest, &at, &p.Sought); err != nil {
				return err
			}
			p.At = someTime(at)
			ps = append(ps, p)
			return nil
		})
	return ps, err
}

// PutTriggerSeek has a trigger read on from elsewhere: number is the revision
// from which on that holds.
func (tx *Tx) PutTriggerSeek(id ebb.TriggerID, number int64, document json.RawMessage) error {
	_, err := tx.exec(`INSERT INTO trigger_seek (trigger_id, number, document) VALUES (?, ?, ?)
		ON CONFLICT (trigger_id) DO UPDATE SET number = excluded.number, document = excluded.document`,
		string(id), number, string(document))
	return err
}

// TriggerSeek returns the last seek of a trigger; number 0 = there was none.
func (tx *Tx) TriggerSeek(id ebb.TriggerID) (number int64, document json.RawMessage, err error) {
	var text string
	err = tx.row("SELECT number, document FROM trigger_seek WHERE trigger_id = ?", []any{string(id)}, func(scan func(...any) error) error {
		return scan(&number, &text)
	})
	if errors.Is(err, ErrNotFound) {
		return 0, nil, nil
	}
	return number, json.RawMessage(text), err
}
