package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Key is an access key with what proves it.
type Key struct {
	ebb.AccessKey
	TokenHash string     // SHA-256 of the bearer token, in hex
	Secret    ebb.Sealed // the secret access key
}

const keyColumns = `id, service, name, role, token_hash, enabled, created_at, expires_at, last_used_at,
	replaced_by, master_id, sealed`

// InsertKey adds an access key. ErrExists: its id or token is taken.
func (tx *Tx) InsertKey(k *Key) error {
	_, err := tx.exec("INSERT INTO access_key ("+keyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		k.ID, string(k.Service), k.Name, string(k.Role), k.TokenHash, flag(k.Enabled), k.CreatedAt.UnixMilli(),
		millis(k.ExpiresAt), millis(k.LastUsedAt), k.ReplacedBy, k.Secret.MasterID, k.Secret.Blob)
	return err
}

// UpdateKey replaces what may change of a key, or answers ErrNotFound.
func (tx *Tx) UpdateKey(k *ebb.AccessKey) error {
	n, err := tx.exec("UPDATE access_key SET name = ?, role = ?, enabled = ?, expires_at = ?, replaced_by = ? WHERE id = ?",
		k.Name, string(k.Role), flag(k.Enabled), millis(k.ExpiresAt), k.ReplacedBy, k.ID)
	return changed(n, err)
}

// TouchKey notes that a key was used, unless that is known or the key is gone.
func (tx *Tx) TouchKey(id string, at time.Time) error {
	_, err := tx.exec("UPDATE access_key SET last_used_at = ? WHERE id = ? AND last_used_at < ?",
		at.UnixMilli(), id, at.UnixMilli())
	return err
}

// Key returns an access key, or ErrNotFound.
func (tx *Tx) Key(id string) (*Key, error) {
	return tx.key("SELECT "+keyColumns+" FROM access_key WHERE id = ?", id)
}

// KeyByToken returns the access key whose bearer token has this hash, or ErrNotFound.
func (tx *Tx) KeyByToken(hash string) (*Key, error) {
	return tx.key("SELECT "+keyColumns+" FROM access_key WHERE token_hash = ?", hash)
}

// Keys returns up to limit access keys of a service ("" is the node) whose id is
// greater than after, by id.
func (tx *Tx) Keys(service ebb.ServiceID, after string, limit int) (all []*ebb.AccessKey, err error) {
	err = tx.rows("SELECT "+keyColumns+" FROM access_key WHERE service = ? AND id > ? ORDER BY id LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			k, err := scanKey(scan)
			if err == nil {
				all = append(all, &k.AccessKey)
			}
			return err
		})
	return all, err
}

// DeleteKey removes an access key, or answers ErrNotFound.
func (tx *Tx) DeleteKey(id string) error {
	n, err := tx.exec("DELETE FROM access_key WHERE id = ?", id)
	return changed(n, err)
}

func (tx *Tx) key(query string, args ...any) (k *Key, err error) {
	err = tx.row(query, args, func(scan func(...any) error) (err error) {
		k, err = scanKey(scan)
		return err
	})
	return k, err
}

func scanKey(scan func(...any) error) (*Key, error) {
	k := new(Key)
	var enabled, created, expires, used int64
	if err := scan(&k.ID, &k.Service, &k.Name, &k.Role, &k.TokenHash, &enabled, &created, &expires, &used,
		&k.ReplacedBy, &k.Secret.MasterID, &k.Secret.Blob); err != nil {
		return nil, err
	}
	k.Enabled = enabled != 0
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt = fromMillis(created), someTime(expires), someTime(used)
	return k, nil
}

// millis spells a time that may be none: zero is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func someTime(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return fromMillis(ms)
}
