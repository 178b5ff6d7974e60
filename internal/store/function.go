package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// InsertFunction adds a function without versions, or answers ErrExists.
func (tx *Tx) InsertFunction(f *ebb.Function) error {
	tags, err := encodeTags(f.Tags)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO function (service, name, created_at, tags) VALUES (?, ?, ?, ?)",
		string(f.Service), f.Name, f.CreatedAt.UnixMilli(), tags)
	return err
}

// Function returns a function, or ErrNotFound.
func (tx *Tx) Function(key ebb.FunctionKey) (*ebb.Function, error) {
	f := &ebb.Function{FunctionKey: key}
	err := tx.row("SELECT created_at, tags FROM function WHERE service = ? AND name = ?",
		[]any{string(key.Service), key.Name}, func(scan func(...any) error) error {
			var created int64
			var tags string
			if err := scan(&created, &tags); err != nil {
				return err
			}
			f.CreatedAt = fromMillis(created)
			return decode("function.tags", tags, &f.Tags)
		})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// SetTags replaces a function's tags, or answers ErrNotFound.
func (tx *Tx) SetTags(key ebb.FunctionKey, t map[string]string) error {
	tags, err := encodeTags(t)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE function SET tags = ? WHERE service = ? AND name = ?",
		tags, string(key.Service), key.Name)
	return changed(n, err)
}

// DeleteFunction removes a function with its versions and URLs, or answers
// ErrNotFound. Its last version number stays known, see NextVersionNumber.
func (tx *Tx) DeleteFunction(key ebb.FunctionKey) error {
	n, err := tx.exec("DELETE FROM function WHERE service = ? AND name = ?", string(key.Service), key.Name)
	return changed(n, err)
}

// CountFunctions returns how many functions a service has.
func (tx *Tx) CountFunctions(service ebb.ServiceID) (n int, err error) {
	err = tx.row("SELECT count(*) FROM function WHERE service = ?", []any{string(service)},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

func encodeTags(t map[string]string) (string, error) {
	if t == nil {
		t = map[string]string{}
	}
	return encode(t)
}

// changed turns "no row was touched" into ErrNotFound.
func changed(n int64, err error) error {
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func decode(what, text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
