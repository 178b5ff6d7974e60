package store

import "github.com/ebb-faas/ebb/internal/ebb"

// SetReserved sets a function's reserved concurrency. ErrMissing: there is no
// such function.
func (tx *Tx) SetReserved(c ebb.Concurrency) error {
	_, err := tx.exec(`INSERT INTO reserved_concurrency (service, name, executions) VALUES (?, ?, ?)
		ON CONFLICT (service, name) DO UPDATE SET executions = excluded.executions`,
		string(c.Service), c.Name, c.Reserved)
	return err
}

// Reserved returns a function's reserved concurrency, or ErrNotFound.
func (tx *Tx) Reserved(key ebb.FunctionKey) (n int, err error) {
	err = tx.row("SELECT executions FROM reserved_concurrency WHERE service = ? AND name = ?",
		[]any{string(key.Service), key.Name}, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// DeleteReserved takes a function's reserved concurrency away. None is no error.
func (tx *Tx) DeleteReserved(key ebb.FunctionKey) error {
	_, err := tx.exec("DELETE FROM reserved_concurrency WHERE service = ? AND name = ?", string(key.Service), key.Name)
	return err
}

// SumReserved returns what all functions have reserved together, of whatever service:
// they share the node.
func (tx *Tx) SumReserved() (n int, err error) {
	err = tx.row("SELECT coalesce(sum(executions), 0) FROM reserved_concurrency", nil,
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// AllReserved calls each with every function that has reserved concurrency.
func (tx *Tx) AllReserved(each func(ebb.Concurrency)) error {
	return tx.rows("SELECT service, name, executions FROM reserved_concurrency", nil, func(scan func(...any) error) error {
		var c ebb.Concurrency
		if err := scan(&c.Service, &c.Name, &c.Reserved); err != nil {
			return err
		}
		each(c)
		return nil
	})
}
