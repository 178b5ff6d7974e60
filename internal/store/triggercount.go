package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const countColumns = "taken, filtered, delivered, retried, failed, dead, result, result_at, failing_at"

// AddTriggerCounts adds to what became of a trigger's events. The result is
// taken over unless c has none (ResultAt is zero); TakenAt is kept in the
// trigger's state. A trigger that is gone has no counts.
func (tx *Tx) AddTriggerCounts(id ebb.TriggerID, c *ebb.TriggerCounts) error {
	at := millis(c.ResultAt)
	_, err := tx.exec(`INSERT INTO trigger_count (trigger_id, `+countColumns+`)
		SELECT t.id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT),
			CAST(? AS TEXT), CAST(? AS BIGINT), CASE WHEN CAST(? AS TEXT) = '' AND s.error = '' THEN 0 ELSE CAST(? AS BIGINT) END
		FROM triggers AS t JOIN trigger_state AS s ON s.trigger_id = t.id WHERE t.id = ?
		ON CONFLICT (trigger_id) DO UPDATE SET
			taken = trigger_count.taken + excluded.taken, filtered = trigger_count.filtered + excluded.filtered,
			delivered = trigger_count.delivered + excluded.delivered, retried = trigger_count.retried + excluded.retried,
			failed = trigger_count.failed + excluded.failed, dead = trigger_count.dead + excluded.dead,
			result = CASE WHEN excluded.result_at = 0 THEN trigger_count.result ELSE excluded.result END,
			result_at = CASE WHEN excluded.result_at = 0 THEN trigger_count.result_at ELSE excluded.result_at END,
			failing_at = CASE WHEN excluded.result_at = 0 THEN trigger_count.failing_at
				WHEN excluded.failing_at = 0 OR trigger_count.failing_at = 0 THEN excluded.failing_at
				ELSE trigger_count.failing_at END`,
		c.Taken, c.Filtered, c.Delivered, c.Retried, c.Failed, c.Dead, c.Result, at, c.Result, at, string(id))
	if err == nil && !c.TakenAt.IsZero() {
		_, err = tx.exec("UPDATE trigger_state SET last_at = ? WHERE trigger_id = ? AND last_at < ?",
			c.TakenAt.UnixMilli(), string(id), c.TakenAt.UnixMilli())
	}
	return err
}

// countTrigger makes the row of a trigger that is there.
func (tx *Tx) countTrigger(id ebb.TriggerID) error {
	_, err := tx.exec("INSERT INTO trigger_count (trigger_id, "+countColumns+`)
		SELECT id, 0, 0, 0, 0, 0, 0, '', 0, 0 FROM triggers WHERE id = ? ON CONFLICT DO NOTHING`, string(id))
	return err
}

// failing writes since when a trigger fails, by its source's error and its last
// delivery's result.
func (tx *Tx) failing(id ebb.TriggerID, at int64) error {
	_, err := tx.exec(`UPDATE trigger_count SET failing_at = CASE
			WHEN result = '' AND (SELECT s.error FROM trigger_state AS s WHERE s.trigger_id = trigger_count.trigger_id) = '' THEN 0
			WHEN failing_at = 0 THEN ? ELSE failing_at END
		WHERE trigger_id = ?`, at, string(id))
	return err
}

// TriggerCounts returns what became of a trigger's events; zeros if there were none.
func (tx *Tx) TriggerCounts(id ebb.TriggerID) (*ebb.TriggerCounts, error) {
	c := new(ebb.TriggerCounts)
	err := tx.rows("SELECT "+countColumns+" FROM trigger_count WHERE trigger_id = ?", []any{string(id)},
		func(scan func(...any) error) error {
			var result, failing int64
			err := scan(&c.Taken, &c.Filtered, &c.Delivered, &c.Retried, &c.Failed, &c.Dead, &c.Result, &result, &failing)
			c.ResultAt, c.FailingAt = someTime(result), someTime(failing)
			return err
		})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// FailingTriggers returns up to limit triggers that fail and are not paused.
func (tx *Tx) FailingTriggers(limit int) (refs []ebb.TriggerRef, err error) {
	err = tx.rows(`SELECT t.service, t.name, t.id, t.kind FROM trigger_count AS c JOIN triggers AS t ON t.id = c.trigger_id
		WHERE c.failing_at > 0 AND t.paused = 0 ORDER BY t.service, t.name LIMIT ?`, []any{limit},
		func(scan func(...any) error) error {
			var r ebb.TriggerRef
			err := scan(&r.Service, &r.Name, &r.ID, &r.Kind)
			refs = append(refs, r)
			return err
		})
	return refs, err
}

// SetTriggerError writes why a trigger's source is down, "" that it is up.
func (tx *Tx) SetTriggerError(id ebb.TriggerID, why string, at time.Time) error {
	n, err := tx.exec("UPDATE trigger_state SET error = ? WHERE trigger_id = ?", why, string(id))
	if err := changed(n, err); err != nil {
		return err
	}
	if err := tx.countTrigger(id); err != nil {
		return err
	}
	return tx.failing(id, at.UnixMilli())
}
