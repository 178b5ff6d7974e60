package store

import "github.com/ebb-faas/ebb/internal/ebb"

const provisionedColumns = "service, name, qualifier, executions, last_modified"

// SetProvisioned makes or replaces the configuration of a qualifier. ErrMissing:
// there is no such function.
func (tx *Tx) SetProvisioned(p *ebb.Provisioned) error {
	_, err := tx.exec("INSERT INTO provisioned_concurrency ("+provisionedColumns+`) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (service, name, qualifier) DO UPDATE
		SET executions = excluded.executions, last_modified = excluded.last_modified`,
		string(p.Service), p.Name, p.Qualifier, p.Executions, p.LastModified.UnixMilli())
	return err
}

// Provisioned returns the configuration of a qualifier, or ErrNotFound.
func (tx *Tx) Provisioned(key ebb.FunctionKey, qualifier string) (*ebb.Provisioned, error) {
	var p *ebb.Provisioned
	err := tx.row("SELECT "+provisionedColumns+" FROM provisioned_concurrency WHERE service = ? AND name = ? AND qualifier = ?",
		[]any{string(key.Service), key.Name, qualifier}, func(scan func(...any) error) (err error) {
			p, err = scanProvisioned(scan)
			return err
		})
	return p, err
}

// FunctionProvisioned returns up to limit configurations of a function whose
// qualifier is greater than after, by qualifier.
func (tx *Tx) FunctionProvisioned(key ebb.FunctionKey, after string, limit int) ([]*ebb.Provisioned, error) {
	return tx.provisioned("SELECT "+provisionedColumns+` FROM provisioned_concurrency
		WHERE service = ? AND name = ? AND qualifier > ? ORDER BY qualifier LIMIT ?`,
		string(key.Service), key.Name, after, limit)
}

// AllProvisioned returns every configuration there is, by function and qualifier.
func (tx *Tx) AllProvisioned() ([]*ebb.Provisioned, error) {
	return tx.provisioned("SELECT " + provisionedColumns + " FROM provisioned_concurrency ORDER BY service, name, qualifier")
}

// SumProvisioned returns the executions that a function's other qualifiers have
// together, and those of all other functions that have reserved none, of whatever
// service: they share the node.
func (tx *Tx) SumProvisioned(key ebb.FunctionKey, qualifier string) (function, unreserved int, err error) {
	err = tx.row(`SELECT coalesce(sum(executions), 0) FROM provisioned_concurrency
		WHERE service = ? AND name = ? AND qualifier <> ?`, []any{string(key.Service), key.Name, qualifier},
		func(scan func(...any) error) error { return scan(&function) })
	if err != nil {
		return 0, 0, err
	}
	err = tx.row(`SELECT coalesce(sum(executions), 0) FROM provisioned_concurrency
		WHERE NOT (service = ? AND name = ?) AND NOT EXISTS (SELECT 1 FROM reserved_concurrency
			WHERE reserved_concurrency.service = provisioned_concurrency.service
			AND reserved_concurrency.name = provisioned_concurrency.name)`, []any{string(key.Service), key.Name},
		func(scan func(...any) error) error { return scan(&unreserved) })
	return function, unreserved, err
}

// DeleteProvisioned removes the configuration of a qualifier, or answers
// ErrNotFound.
func (tx *Tx) DeleteProvisioned(key ebb.FunctionKey, qualifier string) error {
	n, err := tx.exec("DELETE FROM provisioned_concurrency WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
	return changed(n, err)
}

func (tx *Tx) provisioned(query string, args ...any) (list []*ebb.Provisioned, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		p, err := scanProvisioned(scan)
		list = append(list, p)
		return err
	})
	return list, err
}

func scanProvisioned(scan func(...any) error) (*ebb.Provisioned, error) {
	p := new(ebb.Provisioned)
	var modified int64
	if err := scan(&p.Service, &p.Name, &p.Qualifier, &p.Executions, &modified); err != nil {
		return nil, err
	}
	p.LastModified = fromMillis(modified)
	return p, nil
}
