package store

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	secretColumns        = "service, name, description, current_number, created_at, last_modified"
	secretVersionColumns = "number, size, is_binary, created_at"
)

// PutSecret adds a secret without versions, or replaces what may change of the
// one that is there.
func (tx *Tx) PutSecret(s *ebb.Secret) error {
	_, err := tx.exec("INSERT INTO secret ("+secretColumns+`) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (service, name) DO UPDATE SET description = excluded.description,
			current_number = excluded.current_number, last_modified = excluded.last_modified`,
		string(s.Service), s.Name, s.Description, s.Current, s.CreatedAt.UnixMilli(), s.LastModified.UnixMilli())
	return err
}

// InsertSecretVersion adds a value. ErrMissing: there is no such secret.
func (tx *Tx) InsertSecretVersion(service ebb.ServiceID, name string, v *ebb.SecretVersion, value ebb.Sealed) error {
	_, err := tx.exec(`INSERT INTO secret_version (service, name, number, size, is_binary, created_at, master_id, sealed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, string(service), name, v.Number, v.Size, flag(v.Binary),
		v.CreatedAt.UnixMilli(), value.MasterID, value.Blob)
	return err
}

// Secret returns a secret with its versions, or ErrNotFound.
func (tx *Tx) Secret(service ebb.ServiceID, name string) (s *ebb.Secret, err error) {
	err = tx.row("SELECT "+secretColumns+" FROM secret WHERE service = ? AND name = ?", []any{string(service), name},
		func(scan func(...any) error) (err error) {
			s, err = scanSecret(scan)
			return err
		})
	if err != nil {
		return nil, err
	}
	return s, tx.secretVersions(s)
}

// Secrets returns up to limit secrets of a service whose name is greater than
// after, with their versions, by name.
func (tx *Tx) Secrets(service ebb.ServiceID, after string, limit int) (all []*ebb.Secret, err error) {
	err = tx.rows("SELECT "+secretColumns+" FROM secret WHERE service = ? AND name > ? ORDER BY name LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			s, err := scanSecret(scan)
			all = append(all, s)
			return err
		})
	for _, s := range all {
		if err == nil {
			err = tx.secretVersions(s)
		}
	}
	return all, err
}

// CountSecrets returns how many secrets a service has.
func (tx *Tx) CountSecrets(service ebb.ServiceID) (n int, err error) {
	err = tx.row("SELECT count(*) FROM secret WHERE service = ?", []any{string(service)},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// SecretValue returns one version of a secret with its value, or ErrNotFound.
func (tx *Tx) SecretValue(service ebb.ServiceID, name string, number int64) (v ebb.SecretVersion, value ebb.Sealed, err error) {
	err = tx.row("SELECT "+secretVersionColumns+`, master_id, sealed FROM secret_version
		WHERE service = ? AND name = ? AND number = ?`, []any{string(service), name, number},
		func(scan func(...any) error) (err error) {
			v, err = scanSecretVersion(scan, &value.MasterID, &value.Blob)
			return err
		})
	return v, value, err
}

// DeleteSecretVersions removes the versions of a secret up to a number.
func (tx *Tx) DeleteSecretVersions(service ebb.ServiceID, name string, upTo int64) error {
	_, err := tx.exec("DELETE FROM secret_version WHERE service = ? AND name = ? AND number <= ?",
		string(service), name, upTo)
	return err
}

// DeleteSecret removes a secret with its versions, or answers ErrNotFound.
func (tx *Tx) DeleteSecret(service ebb.ServiceID, name string) error {
	n, err := tx.exec("DELETE FROM secret WHERE service = ? AND name = ?", string(service), name)
	return changed(n, err)
}

func (tx *Tx) secretVersions(s *ebb.Secret) error {
	return tx.rows("SELECT "+secretVersionColumns+` FROM secret_version
		WHERE service = ? AND name = ? ORDER BY number DESC`, []any{string(s.Service), s.Name},
		func(scan func(...any) error) error {
			v, err := scanSecretVersion(scan)
			s.Versions = append(s.Versions, v)
			return err
		})
}

func scanSecret(scan func(...any) error) (*ebb.Secret, error) {
	s := new(ebb.Secret)
	var created, modified int64
	if err := scan(&s.Service, &s.Name, &s.Description, &s.Current, &created, &modified); err != nil {
		return nil, err
	}
	s.CreatedAt, s.LastModified = fromMillis(created), fromMillis(modified)
	return s, nil
}

func scanSecretVersion(scan func(...any) error, more ...any) (v ebb.SecretVersion, err error) {
	var binary, created int64
	err = scan(append([]any{&v.Number, &v.Size, &binary, &created}, more...)...)
	v.Binary, v.CreatedAt = binary != 0, fromMillis(created)
	return v, err
}

// SecretUsers calls each for every version of the service's functions whose
// settings hold the text of a reference to the secret. Whether it is one is for
// the caller to see: a longer name may begin with this one.
func (tx *Tx) SecretUsers(service ebb.ServiceID, name string, each func(*ebb.Version)) error {
	like := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(ebb.SecretScheme+name) + "%"
	vs, err := tx.versions("SELECT "+versionColumns+` FROM version
		WHERE service = ? AND settings LIKE ? ESCAPE '!' ORDER BY name, number`, string(service), like)
	for _, v := range vs {
		each(v)
	}
	return err
}
