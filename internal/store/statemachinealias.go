package store

import "github.com/ebb-faas/ebb/internal/ebb"

const stateMachineAliasColumns = "service, name, alias, description, routing, created_at, updated_at"

// InsertStateMachineAlias adds an alias. ErrExists: the name is taken.
// ErrMissing: there is no such state machine.
func (tx *Tx) InsertStateMachineAlias(a *ebb.StateMachineAlias) error {
	routing, err := encode(a.Routing)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO state_machine_alias ("+stateMachineAliasColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		string(a.Service), a.Name, a.Alias, a.Description, routing, a.CreatedAt.UnixMilli(), a.UpdatedAt.UnixMilli())
	return err
}

// UpdateStateMachineAlias replaces what may change, or answers ErrNotFound.
func (tx *Tx) UpdateStateMachineAlias(a *ebb.StateMachineAlias) error {
	routing, err := encode(a.Routing)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE state_machine_alias SET description = ?, routing = ?, updated_at = ? WHERE service = ? AND name = ? AND alias = ?",
		a.Description, routing, a.UpdatedAt.UnixMilli(), string(a.Service), a.Name, a.Alias)
	return changed(n, err)
}

// StateMachineAlias returns an alias, or ErrNotFound.
func (tx *Tx) StateMachineAlias(key ebb.StateMachineKey, alias string) (*ebb.StateMachineAlias, error) {
	as, err := tx.stateMachineAliases("SELECT "+stateMachineAliasColumns+" FROM state_machine_alias WHERE service = ? AND name = ? AND alias = ?",
		string(key.Service), key.Name, alias)
	if err != nil || len(as) == 0 {
		return nil, missing(err)
	}
	return as[0], nil
}

// StateMachineAliases returns up to limit aliases greater than after, in order.
func (tx *Tx) StateMachineAliases(key ebb.StateMachineKey, after string, limit int) ([]*ebb.StateMachineAlias, error) {
	return tx.stateMachineAliases("SELECT "+stateMachineAliasColumns+` FROM state_machine_alias
		WHERE service = ? AND name = ? AND alias > ? ORDER BY alias LIMIT ?`, string(key.Service), key.Name, after, limit)
}

// DeleteStateMachineAlias removes an alias, or answers ErrNotFound.
func (tx *Tx) DeleteStateMachineAlias(key ebb.StateMachineKey, alias string) error {
	n, err := tx.exec("DELETE FROM state_machine_alias WHERE service = ? AND name = ? AND alias = ?", string(key.Service), key.Name, alias)
	return changed(n, err)
}

func (tx *Tx) stateMachineAliases(query string, args ...any) (as []*ebb.StateMachineAlias, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		a := new(ebb.StateMachineAlias)
		var created, updated int64
		var routing string
		if err := scan(&a.Service, &a.Name, &a.Alias, &a.Description, &routing, &created, &updated); err != nil {
			return err
		}
		a.CreatedAt, a.UpdatedAt = fromMillis(created), fromMillis(updated)
		as = append(as, a)
		return decode("state_machine_alias.routing", routing, &a.Routing)
	})
	return as, err
}
