package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const apiKeyColumns = "id, service, name, enabled, created_at, expires_at, last_used_at, triggers"

// InsertAPIKey adds an API key of which hash is the SHA-256 in hex. ErrExists:
// its name is taken in the service.
func (tx *Tx) InsertAPIKey(k *ebb.APIKey, hash string) error {
	triggers, err := encode(k.Triggers)
	if err != nil {
		return err
	}
	n, err := tx.exec("INSERT INTO api_key ("+apiKeyColumns+", hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		k.ID, string(k.Service), k.Name, flag(k.Enabled), k.CreatedAt.UnixMilli(), millis(k.ExpiresAt), millis(k.LastUsedAt), triggers, hash)
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// UpdateAPIKey replaces what may change of a key, or answers ErrNotFound. The
// name stays.
func (tx *Tx) UpdateAPIKey(k *ebb.APIKey) error {
	triggers, err := encode(k.Triggers)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE api_key SET enabled = ?, expires_at = ?, triggers = ? WHERE service = ? AND name = ?",
		flag(k.Enabled), millis(k.ExpiresAt), triggers, string(k.Service), k.Name)
	return changed(n, err)
}

// TouchAPIKey notes that a key was used, unless that is known or the key is gone.
func (tx *Tx) TouchAPIKey(id string, at time.Time) error {
	_, err := tx.exec("UPDATE api_key SET last_used_at = ? WHERE id = ? AND last_used_at < ?", at.UnixMilli(), id, at.UnixMilli())
	return err
}

// APIKey returns an API key by its name, or ErrNotFound.
func (tx *Tx) APIKey(service ebb.ServiceID, name string) (*ebb.APIKey, error) {
	return tx.apiKey("SELECT "+apiKeyColumns+" FROM api_key WHERE service = ? AND name = ?", string(service), name)
}

// APIKeyByHash returns the API key with this hash, or ErrNotFound.
func (tx *Tx) APIKeyByHash(hash string) (*ebb.APIKey, error) {
	return tx.apiKey("SELECT "+apiKeyColumns+" FROM api_key WHERE hash = ?", hash)
}

// APIKeys returns up to limit API keys of a service whose name is greater than
// after, by name.
func (tx *Tx) APIKeys(service ebb.ServiceID, after string, limit int) (all []*ebb.APIKey, err error) {
	err = tx.rows("SELECT "+apiKeyColumns+" FROM api_key WHERE service = ? AND name > ? ORDER BY name LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			k, err := scanAPIKey(scan)
			if err == nil {
				all = append(all, k)
			}
			return err
		})
	return all, err
}

// DeleteAPIKey removes an API key, or answers ErrNotFound.
func (tx *Tx) DeleteAPIKey(service ebb.ServiceID, name string) error {
	n, err := tx.exec("DELETE FROM api_key WHERE service = ? AND name = ?", string(service), name)
	return changed(n, err)
}

func (tx *Tx) apiKey(query string, args ...any) (k *ebb.APIKey, err error) {
	err = tx.row(query, args, func(scan func(...any) error) (err error) {
		k, err = scanAPIKey(scan)
		return err
	})
	return k, err
}

func scanAPIKey(scan func(...any) error) (*ebb.APIKey, error) {
	k := new(ebb.APIKey)
	var enabled, created, expires, used int64
	var triggers string
	if err := scan(&k.ID, &k.Service, &k.Name, &enabled, &created, &expires, &used, &triggers); err != nil {
		return nil, err
	}
	k.Enabled = enabled != 0
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = fromMillis(created), someTime(expires), someTime(used)
	return k, decode("api_key.triggers", triggers, &k.Triggers)
}
