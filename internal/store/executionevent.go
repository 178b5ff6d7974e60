package store

import "github.com/ebb-faas/ebb/internal/ebb"

// AppendExecutionEvents adds a row of events under a sequence, or answers
// ErrChanged when somebody else has done so.
func (tx *Tx) AppendExecutionEvents(id ebb.ExecutionID, sequence int64, events []byte) error {
	n, err := tx.exec("INSERT INTO execution_event (execution, sequence, events) VALUES (?, ?, ?) ON CONFLICT (execution, sequence) DO NOTHING",
		string(id), sequence, events)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// ExecutionEvents calls each with the rows of an execution after a sequence, in
// order. each must not keep events.
func (tx *Tx) ExecutionEvents(id ebb.ExecutionID, after int64, each func(sequence int64, events []byte) error) error {
	return tx.rows("SELECT sequence, events FROM execution_event WHERE execution = ? AND sequence > ? ORDER BY sequence",
		[]any{string(id), after}, func(scan func(...any) error) error {
			var sequence int64
			var events []byte
			if err := scan(&sequence, &events); err != nil {
				return err
			}
			return each(sequence, events)
		})
}

// PutExecutionSnapshot keeps what folding an execution's rows up to a sequence
// yields.
func (tx *Tx) PutExecutionSnapshot(id ebb.ExecutionID, sequence, lastEvent int64, state []byte) error {
	_, err := tx.exec("INSERT INTO execution_snapshot (execution, sequence, last_event, state) VALUES (?, ?, ?, ?) ON CONFLICT (execution, sequence) DO NOTHING",
		string(id), sequence, lastEvent, state)
	return err
}

// ExecutionSnapshot returns the last snapshot that has no history event from
// first on, or ErrNotFound; first = 0 is the last of all.
func (tx *Tx) ExecutionSnapshot(id ebb.ExecutionID, first int64) (sequence int64, state []byte, err error) {
	if first == 0 {
		first = 1 << 62
	}
	err = tx.row("SELECT sequence, state FROM execution_snapshot WHERE execution = ? AND last_event < ? ORDER BY sequence DESC LIMIT 1",
		[]any{string(id), first}, func(scan func(...any) error) error { return scan(&sequence, &state) })
	return sequence, state, err
}

// NameExecutionPayload notes that a row of an execution names a payload.
func (tx *Tx) NameExecutionPayload(id ebb.ExecutionID, d ebb.Digest) error {
	_, err := tx.exec("INSERT INTO execution_payload (execution, digest) VALUES (?, ?) ON CONFLICT (execution, digest) DO NOTHING", string(id), string(d))
	return err
}
