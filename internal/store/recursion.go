package store

import "github.com/ebb-faas/ebb/internal/ebb"

// SetLoops says whether a function may run in a loop. ErrMissing: there is no
// such function.
func (tx *Tx) SetLoops(key ebb.FunctionKey, allowed bool) error {
	query := "DELETE FROM recursion_allowed WHERE service = ? AND name = ?"
	if allowed {
		query = "INSERT INTO recursion_allowed (service, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
	}
	_, err := tx.exec(query, string(key.Service), key.Name)
	return err
}

// Loops reports whether a function may run in a loop.
func (tx *Tx) Loops(key ebb.FunctionKey) (allowed bool, err error) {
	err = tx.rows("SELECT 1 FROM recursion_allowed WHERE service = ? AND name = ?", []any{string(key.Service), key.Name},
		func(func(...any) error) error { allowed = true; return nil })
	return allowed, err
}
