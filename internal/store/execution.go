package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const executionColumns = `id, service, machine, name, status, started_at, stopped_at, redrive_count, redriven_at,
	revision, version, alias, map_run, item, parent, parent_op, input, outcome, settings`

// InsertExecution adds an execution. ErrExists: the name is taken.
func (tx *Tx) InsertExecution(e *ebb.Execution) error {
	outcome, err := encode(e.Outcome)
	if err != nil {
		return err
	}
	settings, err := encode(e.Settings)
	if err != nil {
		return err
	}
	n, err := tx.exec("INSERT INTO execution ("+executionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (service, machine, name) DO NOTHING`,
		string(e.ID), string(e.Service), e.Machine, e.Name, e.Status, e.StartedAt.UnixMilli(), millis(e.StoppedAt),
		e.RedriveCount, millis(e.RedrivenAt), e.Revision, e.Version, e.Alias, e.MapRun, e.Item,
		string(e.Parent), e.ParentOp, e.Input, outcome, settings)
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// UpdateExecution replaces status, stop time, redrives, who waits for the end,
// outcome and settings, or answers ErrNotFound.
func (tx *Tx) UpdateExecution(e *ebb.Execution) error {
	outcome, err := encode(e.Outcome)
	if err != nil {
		return err
	}
	settings, err := encode(e.Settings)
	if err != nil {
		return err
	}
	n, err := tx.exec(`UPDATE execution SET status = ?, stopped_at = ?, redrive_count = ?, redriven_at = ?,
		outcome = ?, settings = ? WHERE id = ?`,
		e.Status, millis(e.StoppedAt), e.RedriveCount, millis(e.RedrivenAt), outcome, settings, string(e.ID))
	return changed(n, err)
}

// Execution returns an execution, or ErrNotFound.
func (tx *Tx) Execution(id ebb.ExecutionID) (*ebb.Execution, error) {
	return tx.execution("SELECT "+executionColumns+" FROM execution WHERE id = ?", string(id))
}

// ExecutionByName returns the execution with a name, or ErrNotFound. machine is
// as in the ARN.
func (tx *Tx) ExecutionByName(service ebb.ServiceID, machine, name string) (*ebb.Execution, error) {
	return tx.execution("SELECT "+executionColumns+" FROM execution WHERE service = ? AND machine = ? AND name = ?",
		string(service), machine, name)
}

// ExecutionFilter is which executions a list is of. Either Machine or MapRun is
// set; of Status, Version and Alias at most Status and one other.
type ExecutionFilter struct {
	Service ebb.ServiceID
	Machine string
	MapRun  string
	Status  string // "" = all
	Version int64  // 0 = all
	Alias   string // "" = all
	Redrive string // "", REDRIVEN or NOT_REDRIVEN

	BeforeTime time.Time // of the last one on the page before; zero = from the newest
	BeforeID   ebb.ExecutionID
	Limit      int
}

// Executions returns up to f.Limit executions, the last started first.
func (tx *Tx) Executions(f ExecutionFilter) ([]*ebb.Execution, error) {
	before, id := int64(1)<<62, f.BeforeID
	if !f.BeforeTime.IsZero() {
		before = f.BeforeTime.UnixMilli()
	}
	low, high := int64(0), int64(1)<<31
	switch f.Redrive {
	case "REDRIVEN":
		low = 1
	case "NOT_REDRIVEN":
		high = 0
	}
	const order = " AND redrive_count BETWEEN ? AND ? AND (started_at, id) < (?, ?) ORDER BY started_at DESC, id DESC LIMIT ?"
	tail := []any{low, high, before, string(id), f.Limit}
	query, args := "SELECT "+executionColumns+" FROM execution WHERE ", []any{string(f.Service), f.Machine}
	switch {
	case f.MapRun != "" && f.Status != "":
		return tx.executions(query+"map_run = ? AND status = ?"+order, append([]any{f.MapRun, f.Status}, tail...)...)
	case f.MapRun != "":
		return tx.executions(query+"map_run = ?"+order, append([]any{f.MapRun}, tail...)...)
	case f.Version != 0:
		return tx.executions(query+"service = ? AND machine = ? AND version = ? AND (? = '' OR status = ?)"+order,
			append(append(args, f.Version, f.Status, f.Status), tail...)...)
	case f.Alias != "":
		return tx.executions(query+"service = ? AND machine = ? AND alias = ? AND (? = '' OR status = ?)"+order,
			append(append(args, f.Alias, f.Status, f.Status), tail...)...)
	case f.Status != "":
		return tx.executions(query+"service = ? AND machine = ? AND status = ?"+order, append(append(args, f.Status), tail...)...)
	}
	return tx.executions(query+"service = ? AND machine = ?"+order, append(args, tail...)...)
}

// ExecutionsOf returns the executions that an op of a parent waits for.
func (tx *Tx) ExecutionsOf(parent ebb.ExecutionID, op int64) ([]*ebb.Execution, error) {
	return tx.executions("SELECT "+executionColumns+" FROM execution WHERE parent = ? AND parent_op = ? AND parent <> ''",
		string(parent), op)
}

// CountMapRunExecutions counts a map run's executions by status.
func (tx *Tx) CountMapRunExecutions(mapRun string) (map[string]int64, error) {
	counts := make(map[string]int64)
	err := tx.rows("SELECT status, count(*) FROM execution WHERE map_run = ? AND map_run <> '' GROUP BY status",
		[]any{mapRun}, func(scan func(...any) error) error {
			var status string
			var n int64
			err := scan(&status, &n)
			counts[status] = n
			return err
		})
	return counts, err
}

// OldExecutions returns up to limit executions that ended before a time, with
// their map runs.
func (tx *Tx) OldExecutions(before time.Time, limit int) (ids []ebb.ExecutionID, err error) {
	err = tx.rows("SELECT id FROM execution WHERE stopped_at <> 0 AND stopped_at < ? ORDER BY stopped_at LIMIT ?",
		[]any{before.UnixMilli(), limit}, func(scan func(...any) error) error {
			var id ebb.ExecutionID
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// DeleteExecution removes an execution with all that is known of it.
func (tx *Tx) DeleteExecution(id ebb.ExecutionID) error {
	for _, q := range []string{
		"DELETE FROM map_run_child WHERE map_run IN (SELECT id FROM map_run WHERE execution = ?)",
		"DELETE FROM map_run WHERE execution = ?",
		"DELETE FROM execution_task WHERE execution = ?",
		"DELETE FROM execution_payload WHERE execution = ?",
		"DELETE FROM execution_snapshot WHERE execution = ?",
		"DELETE FROM execution_event WHERE execution = ?",
		"DELETE FROM execution WHERE id = ?",
	} {
		if _, err := tx.exec(q, string(id)); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) execution(query string, args ...any) (*ebb.Execution, error) {
	es, err := tx.executions(query, args...)
	if err != nil || len(es) == 0 {
		return nil, missing(err)
	}
	return es[0], nil
}

func (tx *Tx) executions(query string, args ...any) (es []*ebb.Execution, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		e := new(ebb.Execution)
		var started, stopped, redriven int64
		var outcome, settings string
		if err := scan(&e.ID, &e.Service, &e.Machine, &e.Name, &e.Status, &started, &stopped, &e.RedriveCount, &redriven,
			&e.Revision, &e.Version, &e.Alias, &e.MapRun, &e.Item, &e.Parent, &e.ParentOp, &e.Input, &outcome, &settings); err != nil {
			return err
		}
		e.StartedAt, e.StoppedAt, e.RedrivenAt = fromMillis(started), someTime(stopped), someTime(redriven)
		es = append(es, e)
		if err := decode("execution.outcome", outcome, &e.Outcome); err != nil {
			return err
		}
		return decode("execution.settings", settings, &e.Settings)
	})
	return es, err
}

// PendRedrives marks the executions of a map run that did not succeed: they are
// to run again.
func (tx *Tx) PendRedrives(mapRun string) error {
	_, err := tx.exec("UPDATE execution SET status = 'PENDING_REDRIVE' WHERE map_run = ? AND map_run <> '' AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED')", mapRun)
	return err
}
