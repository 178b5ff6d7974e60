package store

import "github.com/ebb-faas/ebb/internal/ebb"

const stateMachineVersionColumns = "service, name, number, revision, description, created_at"

// NextStateMachineVersion counts a state machine's versions up and returns the
// new number. A number is never given out twice.
func (tx *Tx) NextStateMachineVersion(key ebb.StateMachineKey) (n int64, err error) {
	err = tx.row(`INSERT INTO state_machine_version_number (service, name, last) VALUES (?, ?, 1)
		ON CONFLICT (service, name) DO UPDATE SET last = state_machine_version_number.last + 1
		RETURNING last`, []any{string(key.Service), key.Name},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// InsertStateMachineVersion adds a version. ErrMissing: there is no such state machine.
func (tx *Tx) InsertStateMachineVersion(v *ebb.StateMachineVersion) error {
	_, err := tx.exec("INSERT INTO state_machine_version ("+stateMachineVersionColumns+") VALUES (?, ?, ?, ?, ?, ?)",
		string(v.Service), v.Name, v.Number, v.Revision, v.Description, v.CreatedAt.UnixMilli())
	return err
}

// StateMachineVersion returns a version, or ErrNotFound.
func (tx *Tx) StateMachineVersion(key ebb.StateMachineKey, number int64) (*ebb.StateMachineVersion, error) {
	vs, err := tx.stateMachineVersions("SELECT "+stateMachineVersionColumns+" FROM state_machine_version WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
	if err != nil || len(vs) == 0 {
		return nil, missing(err)
	}
	return vs[0], nil
}

// StateMachineVersions returns up to limit versions with a number less than
// before, the newest first.
func (tx *Tx) StateMachineVersions(key ebb.StateMachineKey, before int64, limit int) ([]*ebb.StateMachineVersion, error) {
	return tx.stateMachineVersions("SELECT "+stateMachineVersionColumns+` FROM state_machine_version
		WHERE service = ? AND name = ? AND number < ? ORDER BY number DESC LIMIT ?`,
		string(key.Service), key.Name, before, limit)
}

// DeleteStateMachineVersion removes a version, or answers ErrNotFound.
func (tx *Tx) DeleteStateMachineVersion(key ebb.StateMachineKey, number int64) error {
	n, err := tx.exec("DELETE FROM state_machine_version WHERE service = ? AND name = ? AND number = ?",
		string(key.Service), key.Name, number)
	return changed(n, err)
}

func (tx *Tx) stateMachineVersions(query string, args ...any) (vs []*ebb.StateMachineVersion, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		v := new(ebb.StateMachineVersion)
		var created int64
		if err := scan(&v.Service, &v.Name, &v.Number, &v.Revision, &v.Description, &created); err != nil {
			return err
		}
		v.CreatedAt = fromMillis(created)
		vs = append(vs, v)
		return nil
	})
	return vs, err
}

// missing is what a look-up without a result answers.
func missing(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}
