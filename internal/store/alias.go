package store

import (
	"database/sql"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const aliasColumns = "service, name, alias, version, canary, weight, revision_id, last_modified, description"

// InsertAlias adds an alias. ErrExists: the function has one of this name.
// ErrMissing: there is no such function, or no such version of it.
func (tx *Tx) InsertAlias(a *ebb.Alias) error {
	_, err := tx.exec("INSERT INTO alias ("+aliasColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		string(a.Service), a.Name, a.Alias, a.Version, orNull(a.Canary), a.Weight,
		a.RevisionID, a.LastModified.UnixMilli(), a.Description)
	return err
}

// UpdateAlias replaces everything of an alias if its revision still is was, else
// answers ErrChanged (also when it does not exist).
func (tx *Tx) UpdateAlias(a *ebb.Alias, was string) error {
	n, err := tx.exec(`UPDATE alias SET version = ?, canary = ?, weight = ?, revision_id = ?, last_modified = ?, description = ?
		WHERE service = ? AND name = ? AND alias = ? AND revision_id = ?`,
		a.Version, orNull(a.Canary), a.Weight, a.RevisionID, a.LastModified.UnixMilli(), a.Description,
		string(a.Service), a.Name, a.Alias, was)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// Alias returns one alias of a function, or ErrNotFound.
func (tx *Tx) Alias(key ebb.FunctionKey, alias string) (*ebb.Alias, error) {
	var a *ebb.Alias
	err := tx.row("SELECT "+aliasColumns+" FROM alias WHERE service = ? AND name = ? AND alias = ?",
		[]any{string(key.Service), key.Name, alias}, func(scan func(...any) error) (err error) {
			a, err = scanAlias(scan)
			return err
		})
	return a, err
}

// Aliases returns up to limit aliases of a function whose name is greater than
// after, by name.
func (tx *Tx) Aliases(key ebb.FunctionKey, after string, limit int) ([]*ebb.Alias, error) {
	return tx.aliases("SELECT "+aliasColumns+` FROM alias
		WHERE service = ? AND name = ? AND alias > ? ORDER BY alias LIMIT ?`,
		string(key.Service), key.Name, after, limit)
}

// AliasesOf is Aliases with those only that send invocations to a version.
func (tx *Tx) AliasesOf(key ebb.FunctionKey, version int64, after string, limit int) ([]*ebb.Alias, error) {
	return tx.aliases("SELECT "+aliasColumns+` FROM alias
		WHERE service = ? AND name = ? AND alias > ? AND (version = ? OR canary = ?) ORDER BY alias LIMIT ?`,
		string(key.Service), key.Name, after, version, version, limit)
}

// DeleteAlias removes an alias, or answers ErrNotFound.
func (tx *Tx) DeleteAlias(key ebb.FunctionKey, alias string) error {
	n, err := tx.exec("DELETE FROM alias WHERE service = ? AND name = ? AND alias = ?",
		string(key.Service), key.Name, alias)
	return changed(n, err)
}

func (tx *Tx) aliases(query string, args ...any) ([]*ebb.Alias, error) {
	var as []*ebb.Alias
	err := tx.rows(query, args, func(scan func(...any) error) error {
		a, err := scanAlias(scan)
		as = append(as, a)
		return err
	})
	return as, err
}

func scanAlias(scan func(...any) error) (*ebb.Alias, error) {
	a := new(ebb.Alias)
	var modified int64
	var canary sql.NullInt64
	err := scan(&a.Service, &a.Name, &a.Alias, &a.Version, &canary, &a.Weight, &a.RevisionID, &modified, &a.Description)
	a.Canary, a.LastModified = canary.Int64, fromMillis(modified)
	return a, err
}

// orNull keeps "none" out of a column that refers to something.
func orNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}
