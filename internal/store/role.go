package store

import "github.com/ebb-faas/ebb/internal/ebb"

const roleColumns = "service, name, created_at, last_modified, policy"

// PutRole adds a role, or replaces the policy of the one that is there.
func (tx *Tx) PutRole(r *ebb.Role) error {
	policy, err := encode(r.Policy)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO role ("+roleColumns+`) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (service, name) DO UPDATE SET last_modified = excluded.last_modified, policy = excluded.policy`,
		string(r.Service), r.Name, r.CreatedAt.UnixMilli(), r.LastModified.UnixMilli(), policy)
	return err
}

// Role returns a role, or ErrNotFound.
func (tx *Tx) Role(service ebb.ServiceID, name string) (r *ebb.Role, err error) {
	err = tx.row("SELECT "+roleColumns+" FROM role WHERE service = ? AND name = ?", []any{string(service), name},
		func(scan func(...any) error) (err error) {
			r, err = scanRole(scan)
			return err
		})
	return r, err
}

// Roles returns up to limit roles of a service whose name is greater than after,
// by name.
func (tx *Tx) Roles(service ebb.ServiceID, after string, limit int) (all []*ebb.Role, err error) {
	err = tx.rows("SELECT "+roleColumns+" FROM role WHERE service = ? AND name > ? ORDER BY name LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			r, err := scanRole(scan)
			all = append(all, r)
			return err
		})
	return all, err
}

// DeleteRole removes a role, or answers ErrNotFound.
func (tx *Tx) DeleteRole(service ebb.ServiceID, name string) error {
	n, err := tx.exec("DELETE FROM role WHERE service = ? AND name = ?", string(service), name)
	return changed(n, err)
}

func scanRole(scan func(...any) error) (*ebb.Role, error) {
	r := new(ebb.Role)
	var created, modified int64
	var policy string
	if err := scan(&r.Service, &r.Name, &created, &modified, &policy); err != nil {
		return nil, err
	}
	r.CreatedAt, r.LastModified = fromMillis(created), fromMillis(modified)
	return r, decode("role.policy", policy, &r.Policy)
}
