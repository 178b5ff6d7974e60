package store

import "github.com/ebb-faas/ebb/internal/ebb"

// serviceSettings is the part of a service that is never searched for. Fields
// may be added; a missing one reads as its zero value.
type serviceSettings struct {
	Description      string            `json:"description,omitempty"`
	Env              map[string]string `json:"env,omitempty"`
	LogRetentionDays int               `json:"log_retention_days,omitempty"`
	Egress           *ebb.Egress       `json:"egress,omitempty"`
	Quota            ebb.Quota         `json:"quota"`
}

const serviceColumns = "id, name, created_at, last_modified, settings"

// InsertService adds a service. ErrExists: its id or name is taken.
func (tx *Tx) InsertService(s *ebb.Service) error {
	settings, err := encodeService(s)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO service ("+serviceColumns+") VALUES (?, ?, ?, ?, ?)",
		string(s.ID), s.Name, s.CreatedAt.UnixMilli(), s.LastModified.UnixMilli(), settings)
	return err
}

// UpdateService replaces everything of a service but its id and age.
// ErrNotFound; ErrExists: the name is taken.
func (tx *Tx) UpdateService(s *ebb.Service) error {
	settings, err := encodeService(s)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE service SET name = ?, last_modified = ?, settings = ? WHERE id = ?",
		s.Name, s.LastModified.UnixMilli(), settings, string(s.ID))
	return changed(n, err)
}

// Service returns a service, or ErrNotFound.
func (tx *Tx) Service(id ebb.ServiceID) (*ebb.Service, error) {
	return tx.service("SELECT "+serviceColumns+" FROM service WHERE id = ?", string(id))
}

// ServiceByName returns the service of that name, or ErrNotFound.
func (tx *Tx) ServiceByName(name string) (*ebb.Service, error) {
	return tx.service("SELECT "+serviceColumns+" FROM service WHERE name = ?", name)
}

// Services returns up to limit services whose name is greater than after, by name.
func (tx *Tx) Services(after string, limit int) (all []*ebb.Service, err error) {
	err = tx.rows("SELECT "+serviceColumns+" FROM service WHERE name > ? ORDER BY name LIMIT ?", []any{after, limit},
		func(scan func(...any) error) error {
			s, err := scanService(scan)
			all = append(all, s)
			return err
		})
	return all, err
}

// ServiceContents counts what keeps a service from being deleted, by what it is;
// kinds of which there are none are left out.
func (tx *Tx) ServiceContents(id ebb.ServiceID) (map[string]int, error) {
	found := make(map[string]int)
	for kind, query := range map[string]string{
		"functions":      "SELECT count(*) FROM function WHERE service = ?",
		"layer versions": "SELECT count(*) FROM layer_version WHERE service = ?",
		"state machines": "SELECT count(*) FROM state_machine WHERE service = ?",
		"activities":     "SELECT count(*) FROM activity WHERE service = ?",
		"triggers":       "SELECT count(*) FROM triggers WHERE service = ?",
	} {
		var n int
		err := tx.row(query, []any{string(id)}, func(scan func(...any) error) error { return scan(&n) })
		if err != nil {
			return nil, err
		}
		if n > 0 {
			found[kind] = n
		}
	}
	return found, nil
}

// DeleteService removes a service with its access and API keys, roles, secrets and
// publishers, or answers ErrNotFound. Whether it has functions and the like is for the caller to see.
func (tx *Tx) DeleteService(id ebb.ServiceID) error {
	for _, query := range []string{
		"DELETE FROM access_key WHERE service = ?",
		"DELETE FROM api_key WHERE service = ?",
		"DELETE FROM role WHERE service = ?",
		"DELETE FROM secret WHERE service = ?",
		"DELETE FROM code_signing_config WHERE service = ?",
		"DELETE FROM publisher WHERE service = ?",
	} {
		if _, err := tx.exec(query, string(id)); err != nil {
			return err
		}
	}
	n, err := tx.exec("DELETE FROM service WHERE id = ?", string(id))
	return changed(n, err)
}

func (tx *Tx) service(query string, args ...any) (s *ebb.Service, err error) {
	err = tx.row(query, args, func(scan func(...any) error) (err error) {
		s, err = scanService(scan)
		return err
	})
	return s, err
}

func scanService(scan func(...any) error) (*ebb.Service, error) {
	s := new(ebb.Service)
	var created, modified int64
	var text string
	if err := scan(&s.ID, &s.Name, &created, &modified, &text); err != nil {
		return nil, err
	}
	var more serviceSettings
	if err := decode("service.settings", text, &more); err != nil {
		return nil, err
	}
	s.CreatedAt, s.LastModified = fromMillis(created), fromMillis(modified)
	s.Description, s.Env, s.LogRetentionDays = more.Description, more.Env, more.LogRetentionDays
	s.Egress, s.Quota = more.Egress, more.Quota
	return s, nil
}

func encodeService(s *ebb.Service) (string, error) {
	return encode(serviceSettings{
		Description: s.Description, Env: s.Env, LogRetentionDays: s.LogRetentionDays, Egress: s.Egress, Quota: s.Quota,
	})
}
