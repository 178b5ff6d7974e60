package store

import (
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// codeSigningSettings is the part of a code signing configuration that is never
// searched for. Fields may be added; a missing one reads as its zero value.
type codeSigningSettings struct {
	Description string            `json:"description,omitempty"`
	Publishers  []string          `json:"publishers"`
	Enforce     bool              `json:"enforce,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

const codeSigningColumns = "service, id, last_modified, settings"

// PutCodeSigningConfig adds a code signing configuration, or replaces the one
// with its id.
func (tx *Tx) PutCodeSigningConfig(c *ebb.CodeSigningConfig) error {
	settings, err := encode(codeSigningSettings{Description: c.Description, Publishers: c.Publishers, Enforce: c.Enforce, Tags: c.Tags})
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO code_signing_config ("+codeSigningColumns+`) VALUES (?, ?, ?, ?)
		ON CONFLICT (service, id) DO UPDATE SET last_modified = excluded.last_modified, settings = excluded.settings`,
		string(c.Service), c.ID, c.LastModified.UnixMilli(), settings)
	return err
}

// CodeSigningConfig returns a code signing configuration, or ErrNotFound.
func (tx *Tx) CodeSigningConfig(service ebb.ServiceID, id string) (c *ebb.CodeSigningConfig, err error) {
	err = tx.row("SELECT "+codeSigningColumns+" FROM code_signing_config WHERE service = ? AND id = ?", []any{string(service), id},
		func(scan func(...any) error) (err error) {
			c, err = scanCodeSigning(scan)
			return err
		})
	return c, err
}

// CodeSigningConfigs returns up to limit code signing configurations of a service
// whose id is greater than after, by id.
func (tx *Tx) CodeSigningConfigs(service ebb.ServiceID, after string, limit int) (all []*ebb.CodeSigningConfig, err error) {
	err = tx.rows("SELECT "+codeSigningColumns+" FROM code_signing_config WHERE service = ? AND id > ? ORDER BY id LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			c, err := scanCodeSigning(scan)
			all = append(all, c)
			return err
		})
	return all, err
}

// DeleteCodeSigningConfig removes a code signing configuration, or answers
// ErrNotFound. Whether functions have it is for the caller to see.
func (tx *Tx) DeleteCodeSigningConfig(service ebb.ServiceID, id string) error {
	n, err := tx.exec("DELETE FROM code_signing_config WHERE service = ? AND id = ?", string(service), id)
	return changed(n, err)
}

// SetFunctionCodeSigning gives a function a code signing configuration; "" takes
// it away. ErrMissing: there is no such function or configuration.
func (tx *Tx) SetFunctionCodeSigning(key ebb.FunctionKey, id string) error {
	if id == "" {
		_, err := tx.exec("DELETE FROM function_code_signing WHERE service = ? AND name = ?", string(key.Service), key.Name)
		return err
	}
	_, err := tx.exec(`INSERT INTO function_code_signing (service, name, config) VALUES (?, ?, ?)
		ON CONFLICT (service, name) DO UPDATE SET config = excluded.config`, string(key.Service), key.Name, id)
	return err
}

// FunctionCodeSigning returns the id of a function's code signing configuration,
// "" if it has none.
func (tx *Tx) FunctionCodeSigning(key ebb.FunctionKey) (id string, err error) {
	err = tx.row("SELECT config FROM function_code_signing WHERE service = ? AND name = ?", []any{string(key.Service), key.Name},
		func(scan func(...any) error) error { return scan(&id) })
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return id, err
}

// FunctionsByCodeSigning returns up to limit names, greater than after, of the
// functions that have a code signing configuration.
func (tx *Tx) FunctionsByCodeSigning(service ebb.ServiceID, id, after string, limit int) (names []string, err error) {
	err = tx.rows("SELECT name FROM function_code_signing WHERE service = ? AND config = ? AND name > ? ORDER BY name LIMIT ?",
		[]any{string(service), id, after, limit}, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			names = append(names, name)
			return err
		})
	return names, err
}

func scanCodeSigning(scan func(...any) error) (*ebb.CodeSigningConfig, error) {
	c := new(ebb.CodeSigningConfig)
	var modified int64
	var text string
	if err := scan(&c.Service, &c.ID, &modified, &text); err != nil {
		return nil, err
	}
	var s codeSigningSettings
	if err := decode("code_signing_config.settings", text, &s); err != nil {
		return nil, err
	}
	c.LastModified = fromMillis(modified)
	c.Description, c.Publishers, c.Enforce, c.Tags = s.Description, s.Publishers, s.Enforce, s.Tags
	return c, nil
}
