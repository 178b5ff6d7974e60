package store

import "github.com/ebb-faas/ebb/internal/ebb"

// PutRuntime adds a runtime, or replaces the one with its ID.
func (tx *Tx) PutRuntime(r *ebb.Runtime) error {
	document, err := encode(r)
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO runtime (id, digest, added_at, document) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, added_at = excluded.added_at, document = excluded.document`,
		r.ID, string(r.Digest), r.AddedAt.UnixMilli(), document)
	return err
}

// AddedRuntimes returns all runtimes that were added, by ID.
func (tx *Tx) AddedRuntimes() (rs []*ebb.Runtime, err error) {
	err = tx.rows("SELECT document FROM runtime ORDER BY id", nil, func(scan func(...any) error) error {
		var document string
		if err := scan(&document); err != nil {
			return err
		}
		r := new(ebb.Runtime)
		rs = append(rs, r)
		return decode("runtime.document", document, r)
	})
	return rs, err
}

// DeleteRuntime removes a runtime, or answers ErrNotFound.
func (tx *Tx) DeleteRuntime(id string) error {
	n, err := tx.exec("DELETE FROM runtime WHERE id = ?", id)
	return changed(n, err)
}

// RuntimeUsers returns up to limit functions of which a version names the
// runtime.
func (tx *Tx) RuntimeUsers(id string, limit int) (keys []ebb.FunctionKey, err error) {
	err = tx.rows("SELECT DISTINCT service, name FROM version WHERE runtime = ? ORDER BY service, name LIMIT ?",
		[]any{id, limit}, func(scan func(...any) error) error {
			var key ebb.FunctionKey
			if err := scan(&key.Service, &key.Name); err != nil {
				return err
			}
			keys = append(keys, key)
			return nil
		})
	return keys, err
}
