package store

import (
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// MasterKey returns the id of the master key that new values are sealed with,
// or "" when none was ever set.
func (tx *Tx) MasterKey() (id string, err error) {
	err = tx.row("SELECT id FROM master_key WHERE slot = 1", nil, func(scan func(...any) error) error { return scan(&id) })
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return id, err
}

// SetMasterKey makes id the master key if was is it ("" = none), else answers
// ErrChanged.
func (tx *Tx) SetMasterKey(id, was string) error {
	have, err := tx.MasterKey()
	if err != nil {
		return err
	}
	if have != was {
		return ErrChanged
	}
	if was == "" {
		_, err = tx.exec("INSERT INTO master_key (slot, id) VALUES (1, ?)", id)
		return err
	}
	n, err := tx.exec("UPDATE master_key SET id = ? WHERE slot = 1 AND id = ?", id, was)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// SealedSecret is a version of a secret, and SealedKey an access key, with what
// is sealed in it.
type (
	SealedSecret struct {
		Service ebb.ServiceID
		Name    string
		Number  int64
		Value   ebb.Sealed
	}
	SealedKey struct {
		ID     string
		Secret ebb.Sealed
	}
)

// StaleSecrets returns up to limit versions of secrets that are sealed with
// another master key than current.
func (tx *Tx) StaleSecrets(current string, limit int) (all []SealedSecret, err error) {
	err = tx.rows(`SELECT service, name, number, master_id, sealed FROM secret_version
		WHERE master_id <> ? ORDER BY service, name, number LIMIT ?`, []any{current, limit},
		func(scan func(...any) error) error {
			var s SealedSecret
			err := scan(&s.Service, &s.Name, &s.Number, &s.Value.MasterID, &s.Value.Blob)
			all = append(all, s)
			return err
		})
	return all, err
}

// StaleKeys is StaleSecrets for access keys.
func (tx *Tx) StaleKeys(current string, limit int) (all []SealedKey, err error) {
	err = tx.rows("SELECT id, master_id, sealed FROM access_key WHERE master_id <> ? ORDER BY id LIMIT ?",
		[]any{current, limit}, func(scan func(...any) error) error {
			var k SealedKey
			err := scan(&k.ID, &k.Secret.MasterID, &k.Secret.Blob)
			all = append(all, k)
			return err
		})
	return all, err
}

// ResealSecret replaces the seal of a version of a secret that was sealed with
// the master key was; one that is gone, or sealed anew already, stays.
func (tx *Tx) ResealSecret(s *SealedSecret, was string) error {
	_, err := tx.exec(`UPDATE secret_version SET master_id = ?, sealed = ?
		WHERE service = ? AND name = ? AND number = ? AND master_id = ?`,
		s.Value.MasterID, s.Value.Blob, string(s.Service), s.Name, s.Number, was)
	return err
}

// ResealKey is ResealSecret for access keys.
func (tx *Tx) ResealKey(k *SealedKey, was string) error {
	_, err := tx.exec("UPDATE access_key SET master_id = ?, sealed = ? WHERE id = ? AND master_id = ?",
		k.Secret.MasterID, k.Secret.Blob, k.ID, was)
	return err
}

// MasterKeysInUse lists the master keys that anything is sealed with.
func (tx *Tx) MasterKeysInUse() (ids []string, err error) {
	err = tx.rows("SELECT master_id FROM secret_version UNION SELECT master_id FROM access_key ORDER BY master_id", nil,
		func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		})
	return ids, err
}

// ForgetMasterKey takes the master key's id away if nothing is sealed with it,
// so that another one may take its place.
func (tx *Tx) ForgetMasterKey() error {
	used, err := tx.MasterKeysInUse()
	if err != nil || len(used) > 0 {
		return err
	}
	_, err = tx.exec("DELETE FROM master_key")
	return err
}
