package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// PutObjectRule writes which bucket a trigger listens to. source "" is the
// platform's own endpoint.
func (tx *Tx) PutObjectRule(id ebb.TriggerID, source, bucket string) error {
	_, err := tx.exec(`INSERT INTO object_rule (trigger_id, source, bucket) VALUES (?, ?, ?)
		ON CONFLICT (trigger_id) DO UPDATE SET source = excluded.source, bucket = excluded.bucket`, string(id), source, bucket)
	return err
}

// ObjectTriggers are the triggers that listen to a bucket, by service and name.
func (tx *Tx) ObjectTriggers(source, bucket string) (ts []*ebb.Trigger, err error) {
	err = tx.rows("SELECT "+triggerColumns+` FROM triggers
		WHERE id IN (SELECT trigger_id FROM object_rule WHERE source = ? AND bucket = ?) ORDER BY service, name`,
		[]any{source, bucket}, func(scan func(...any) error) error {
			t, err := scanTrigger(scan)
			ts = append(ts, t)
			return err
		})
	return ts, err
}

// HeldEvent is an event of a trigger that was paused when it came.
type HeldEvent struct {
	ID    ebb.MessageID
	At    time.Time
	Event string // JSON
}

// HoldEvent keeps an event of a paused trigger. One that is there is left as it is.
func (tx *Tx) HoldEvent(trigger ebb.TriggerID, e *HeldEvent) error {
	_, err := tx.exec("INSERT INTO object_held (trigger_id, id, at, event) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		string(trigger), string(e.ID), e.At.UnixMilli(), e.Event)
	return err
}

// HeldEvents are up to limit events that wait for a trigger, the earliest first.
func (tx *Tx) HeldEvents(trigger ebb.TriggerID, limit int) (es []*HeldEvent, err error) {
	err = tx.rows("SELECT id, at, event FROM object_held WHERE trigger_id = ? ORDER BY at, id LIMIT ?",
		[]any{string(trigger), limit}, func(scan func(...any) error) error {
			e := new(HeldEvent)
			var at int64
			err := scan(&e.ID, &at, &e.Event)
			e.At = fromMillis(at)
			es = append(es, e)
			return err
		})
	return es, err
}

// DropHeldEvent removes an event that waits no more.
func (tx *Tx) DropHeldEvent(trigger ebb.TriggerID, e *HeldEvent) error {
	_, err := tx.exec("DELETE FROM object_held WHERE trigger_id = ? AND at = ? AND id = ?", string(trigger), e.At.UnixMilli(), string(e.ID))
	return err
}
