package store

import "github.com/ebb-faas/ebb/internal/ebb"

const urlColumns = "id, service, name, qualifier, auth_type, invoke_mode, cors, created_at, last_modified"

// InsertFunctionURL adds a URL. ErrExists: the qualifier has one, or the id is
// taken. ErrMissing: there is no such function.
func (tx *Tx) InsertFunctionURL(u *ebb.FunctionURL) error {
	cors, err := encode(u.CORS)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO function_url ("+urlColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		u.ID, string(u.Service), u.Name, u.Qualifier, u.AuthType, u.InvokeMode, cors,
		u.CreatedAt.UnixMilli(), u.LastModified.UnixMilli())
	return err
}

// UpdateFunctionURL replaces what may change of the URL with u.ID, or answers
// ErrNotFound.
func (tx *Tx) UpdateFunctionURL(u *ebb.FunctionURL) error {
	cors, err := encode(u.CORS)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE function_url SET auth_type = ?, invoke_mode = ?, cors = ?, last_modified = ? WHERE id = ?",
		u.AuthType, u.InvokeMode, cors, u.LastModified.UnixMilli(), u.ID)
	return changed(n, err)
}

// FunctionURL returns the URL of a function's qualifier, or ErrNotFound.
func (tx *Tx) FunctionURL(key ebb.FunctionKey, qualifier string) (*ebb.FunctionURL, error) {
	return tx.functionURL("SELECT "+urlColumns+" FROM function_url WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
}

// FunctionURLByID returns the URL with that id, or ErrNotFound.
func (tx *Tx) FunctionURLByID(id string) (*ebb.FunctionURL, error) {
	return tx.functionURL("SELECT "+urlColumns+" FROM function_url WHERE id = ?", id)
}

// FunctionURLs returns up to limit URLs of a function whose qualifier is
// greater than after, by qualifier; first begins before "".
func (tx *Tx) FunctionURLs(key ebb.FunctionKey, first bool, after string, limit int) ([]*ebb.FunctionURL, error) {
	var us []*ebb.FunctionURL
	err := tx.rows("SELECT "+urlColumns+` FROM function_url WHERE service = ? AND name = ?
		AND (qualifier > ? OR (qualifier = '' AND ? = 1)) ORDER BY qualifier LIMIT ?`,
		[]any{string(key.Service), key.Name, after, flag(first), limit}, func(scan func(...any) error) error {
			u, err := scanFunctionURL(scan)
			us = append(us, u)
			return err
		})
	return us, err
}

// DeleteFunctionURL removes the URL of a function's qualifier, or answers ErrNotFound.
func (tx *Tx) DeleteFunctionURL(key ebb.FunctionKey, qualifier string) error {
	n, err := tx.exec("DELETE FROM function_url WHERE service = ? AND name = ? AND qualifier = ?",
		string(key.Service), key.Name, qualifier)
	return changed(n, err)
}

func (tx *Tx) functionURL(query string, args ...any) (*ebb.FunctionURL, error) {
	var u *ebb.FunctionURL
	err := tx.row(query, args, func(scan func(...any) error) (err error) {
		u, err = scanFunctionURL(scan)
		return err
	})
	return u, err
}

func scanFunctionURL(scan func(...any) error) (*ebb.FunctionURL, error) {
	u := new(ebb.FunctionURL)
	var created, modified int64
	var cors string
	if err := scan(&u.ID, &u.Service, &u.Name, &u.Qualifier, &u.AuthType, &u.InvokeMode, &cors,
		&created, &modified); err != nil {
		return nil, err
	}
	u.CreatedAt, u.LastModified = fromMillis(created), fromMillis(modified)
	return u, decode("function_url.cors", cors, &u.CORS)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
