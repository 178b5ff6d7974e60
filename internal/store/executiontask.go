package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const executionTaskColumns = `execution, op, service, activity, token, worker, taken, created_at, heartbeat_at, heartbeat_s, input`

// InsertExecutionTask adds a task that waits for its token.
func (tx *Tx) InsertExecutionTask(t *ebb.ExecutionTask) error {
	_, err := tx.exec("INSERT INTO execution_task ("+executionTaskColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		string(t.Execution), t.Op, string(t.Service), t.Activity, t.Token, t.Worker, flag(t.Taken),
		t.CreatedAt.UnixMilli(), t.HeartbeatAt.UnixMilli(), t.HeartbeatS, t.Input)
	return err
}

// ExecutionTask returns the task of an op, or ErrNotFound.
func (tx *Tx) ExecutionTask(execution ebb.ExecutionID, op int64) (*ebb.ExecutionTask, error) {
	return tx.executionTask("SELECT "+executionTaskColumns+" FROM execution_task WHERE execution = ? AND op = ?", string(execution), op)
}

// WaitingTask returns the oldest task of an activity that no worker has, or
// ErrNotFound.
func (tx *Tx) WaitingTask(service ebb.ServiceID, activity string) (*ebb.ExecutionTask, error) {
	return tx.executionTask("SELECT "+executionTaskColumns+` FROM execution_task
		WHERE service = ? AND activity = ? AND taken = 0 ORDER BY created_at, execution, op LIMIT 1`, string(service), activity)
}

// TakeExecutionTask gives a task to a worker, or answers ErrChanged when it was
// taken already or is no more.
func (tx *Tx) TakeExecutionTask(execution ebb.ExecutionID, op int64, worker string, now time.Time) error {
	n, err := tx.exec("UPDATE execution_task SET taken = 1, worker = ?, heartbeat_at = ? WHERE execution = ? AND op = ? AND taken = 0",
		worker, now.UnixMilli(), string(execution), op)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// BeatExecutionTask notes a sign of life, or answers ErrNotFound.
func (tx *Tx) BeatExecutionTask(execution ebb.ExecutionID, op int64, now time.Time) error {
	n, err := tx.exec("UPDATE execution_task SET heartbeat_at = ? WHERE execution = ? AND op = ?", now.UnixMilli(), string(execution), op)
	return changed(n, err)
}

// DeleteExecutionTask removes the task of an op, if there is one.
func (tx *Tx) DeleteExecutionTask(execution ebb.ExecutionID, op int64) error {
	_, err := tx.exec("DELETE FROM execution_task WHERE execution = ? AND op = ?", string(execution), op)
	return err
}

func (tx *Tx) executionTask(query string, args ...any) (*ebb.ExecutionTask, error) {
	t := new(ebb.ExecutionTask)
	err := tx.row(query, args, func(scan func(...any) error) error {
		var taken, created, beat int64
		if err := scan(&t.Execution, &t.Op, &t.Service, &t.Activity, &t.Token, &t.Worker, &taken, &created, &beat, &t.HeartbeatS, &t.Input); err != nil {
			return err
		}
		t.Taken, t.CreatedAt, t.HeartbeatAt = taken != 0, fromMillis(created), fromMillis(beat)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}
