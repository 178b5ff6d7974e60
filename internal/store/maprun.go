package store

import (
	"math"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const mapRunColumns = `id, execution, op, service, machine, label, status, started_at, stopped_at, redrive_count, redriven_at,
	max_concurrency, tolerated_count, tolerated_percentage, items, children, results_written, plan`

// InsertMapRun adds a map run, or answers ErrExists.
func (tx *Tx) InsertMapRun(m *ebb.MapRun) error {
	_, err := tx.exec("INSERT INTO map_run ("+mapRunColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		m.ID, string(m.Execution), m.Op, string(m.Service), m.Machine, m.Label, m.Status, m.StartedAt.UnixMilli(), millis(m.StoppedAt),
		m.RedriveCount, millis(m.RedrivenAt), m.MaxConcurrency, m.ToleratedCount, millionths(m.ToleratedPercentage),
		m.Items, m.Children, m.ResultsWritten, m.Plan)
	return err
}

// UpdateMapRun replaces what changes while a map run runs, or answers
// ErrNotFound.
func (tx *Tx) UpdateMapRun(m *ebb.MapRun) error {
	n, err := tx.exec(`UPDATE map_run SET op = ?, status = ?, stopped_at = ?, redrive_count = ?, redriven_at = ?,
		items = ?, children = ?, results_written = ?, plan = ? WHERE id = ?`,
		m.Op, m.Status, millis(m.StoppedAt), m.RedriveCount, millis(m.RedrivenAt), m.Items, m.Children, m.ResultsWritten, m.Plan, m.ID)
	return changed(n, err)
}

// SetMapRunLimits replaces what may be changed while a map run runs, or answers
// ErrNotFound.
func (tx *Tx) SetMapRunLimits(id string, concurrency, count int64, percentage float64) error {
	n, err := tx.exec("UPDATE map_run SET max_concurrency = ?, tolerated_count = ?, tolerated_percentage = ? WHERE id = ?",
		concurrency, count, millionths(percentage), id)
	return changed(n, err)
}

// MapRun returns a map run, or ErrNotFound.
func (tx *Tx) MapRun(id string) (*ebb.MapRun, error) {
	ms, err := tx.mapRuns("SELECT "+mapRunColumns+" FROM map_run WHERE id = ?", id)
	if err != nil || len(ms) == 0 {
		return nil, missing(err)
	}
	return ms[0], nil
}

// MapRuns returns up to limit map runs of an execution after the one with that
// id, in the order in which they started; "" begins with the first.
func (tx *Tx) MapRuns(execution ebb.ExecutionID, after string, limit int) ([]*ebb.MapRun, error) {
	return tx.mapRuns("SELECT "+mapRunColumns+" FROM map_run WHERE execution = ? AND id > ? ORDER BY started_at, id LIMIT ?",
		string(execution), after, limit)
}

// PutMapRunChild notes what became of a child; a child that ran again replaces
// what it was before.
func (tx *Tx) PutMapRunChild(mapRun string, c *ebb.MapRunChild) error {
	outcome, err := encode(c.Outcome)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO map_run_child (map_run, item, status, items, outcome) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (map_run, item) DO UPDATE SET status = excluded.status, items = excluded.items, outcome = excluded.outcome`,
		mapRun, c.Item, c.Status, c.Items, outcome)
	return err
}

// DeleteMapRunChildren forgets the children of a map run that did not succeed,
// so that they run again.
func (tx *Tx) DeleteMapRunChildren(mapRun string) error {
	_, err := tx.exec("DELETE FROM map_run_child WHERE map_run = ? AND status <> 'SUCCEEDED'", mapRun)
	return err
}

// MapRunChildren calls each with the children of a map run after an item, in
// order.
func (tx *Tx) MapRunChildren(mapRun string, after int64, limit int, each func(*ebb.MapRunChild) error) error {
	return tx.rows("SELECT item, status, items, outcome FROM map_run_child WHERE map_run = ? AND item > ? ORDER BY item LIMIT ?",
		[]any{mapRun, after, limit}, func(scan func(...any) error) error {
			c := new(ebb.MapRunChild)
			var outcome string
			if err := scan(&c.Item, &c.Status, &c.Items, &outcome); err != nil {
				return err
			}
			if err := decode("map_run_child.outcome", outcome, &c.Outcome); err != nil {
				return err
			}
			return each(c)
		})
}

// MapRunCount is how many children of one status there are and how many items
// they had.
type MapRunCount struct{ Children, Items int64 }

// CountMapRunChildren counts the children that ended, by status.
func (tx *Tx) CountMapRunChildren(mapRun string) (map[string]MapRunCount, error) {
	counts := make(map[string]MapRunCount)
	err := tx.rows("SELECT status, count(*), CAST(coalesce(sum(items), 0) AS BIGINT) FROM map_run_child WHERE map_run = ? GROUP BY status",
		[]any{mapRun}, func(scan func(...any) error) error {
			var status string
			var n MapRunCount
			err := scan(&status, &n.Children, &n.Items)
			counts[status] = n
			return err
		})
	return counts, err
}

func (tx *Tx) mapRuns(query string, args ...any) (ms []*ebb.MapRun, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		m := new(ebb.MapRun)
		var started, stopped, redriven, percentage int64
		if err := scan(&m.ID, &m.Execution, &m.Op, &m.Service, &m.Machine, &m.Label, &m.Status, &started, &stopped,
			&m.RedriveCount, &redriven, &m.MaxConcurrency, &m.ToleratedCount, &percentage,
			&m.Items, &m.Children, &m.ResultsWritten, &m.Plan); err != nil {
			return err
		}
		m.StartedAt, m.StoppedAt, m.RedrivenAt = fromMillis(started), someTime(stopped), someTime(redriven)
		m.ToleratedPercentage = float64(percentage) / 1e6
		ms = append(ms, m)
		return nil
	})
	return ms, err
}

// millionths spells a percentage as a whole number.
func millionths(percentage float64) int64 { return int64(math.Round(percentage * 1e6)) }
