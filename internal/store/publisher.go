package store

import "github.com/ebb-faas/ebb/internal/ebb"

const publisherColumns = "service, name, version, public_key, created_at"

// PutPublisher adds a publisher, or does nothing where it is there.
func (tx *Tx) PutPublisher(p *ebb.Publisher) error {
	_, err := tx.exec("INSERT INTO publisher ("+publisherColumns+") VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		string(p.Service), p.Name, p.Version, p.PublicKey, p.CreatedAt.UnixMilli())
	return err
}

// Publisher returns a version of a publisher, or ErrNotFound.
func (tx *Tx) Publisher(service ebb.ServiceID, name, version string) (p *ebb.Publisher, err error) {
	err = tx.row("SELECT "+publisherColumns+" FROM publisher WHERE service = ? AND name = ? AND version = ?",
		[]any{string(service), name, version}, func(scan func(...any) error) (err error) {
			p, err = scanPublisher(scan)
			return err
		})
	return p, err
}

// Publishers returns up to limit publishers of a service that come after (name,
// version), by both.
func (tx *Tx) Publishers(service ebb.ServiceID, name, version string, limit int) (all []*ebb.Publisher, err error) {
	err = tx.rows("SELECT "+publisherColumns+` FROM publisher WHERE service = ? AND (name, version) > (?, ?)
		ORDER BY name, version LIMIT ?`, []any{string(service), name, version, limit}, func(scan func(...any) error) error {
		p, err := scanPublisher(scan)
		all = append(all, p)
		return err
	})
	return all, err
}

// DeletePublisher removes a version of a publisher, or all if version is "". It
// answers ErrNotFound.
func (tx *Tx) DeletePublisher(service ebb.ServiceID, name, version string) error {
	n, err := tx.exec("DELETE FROM publisher WHERE service = ? AND name = ? AND (version = ? OR ? = '')",
		string(service), name, version, version)
	return changed(n, err)
}

func scanPublisher(scan func(...any) error) (*ebb.Publisher, error) {
	p := new(ebb.Publisher)
	var created int64
	if err := scan(&p.Service, &p.Name, &p.Version, &p.PublicKey, &created); err != nil {
		return nil, err
	}
	p.CreatedAt = fromMillis(created)
	return p, nil
}
