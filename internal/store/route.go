package store

import "github.com/ebb-faas/ebb/internal/ebb"

// RouteClaim is one method of one path at one host, and the trigger it belongs
// to. Two claims that differ only in the trigger cannot be.
type RouteClaim struct {
	Host    string // "" = every host that no route names
	Method  string
	Path    string // a shape, see ebb.RouteShape
	Trigger ebb.TriggerID
	Service ebb.ServiceID
	Parent  string // the wildcard that Host is under; "" of a wildcard and of ""
}

const claimColumns = "host, method, path, trigger_id, service, parent"

// InsertRouteClaim adds a claim, or answers ErrExists.
func (tx *Tx) InsertRouteClaim(c *RouteClaim) error {
	n, err := tx.exec("INSERT INTO route ("+claimColumns+") VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		c.Host, c.Method, c.Path, string(c.Trigger), string(c.Service), c.Parent)
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// DeleteRouteClaims removes the claims of a trigger.
func (tx *Tx) DeleteRouteClaims(id ebb.TriggerID) error {
	_, err := tx.exec("DELETE FROM route WHERE trigger_id = ?", string(id))
	return err
}

// RouteClaim returns who has a method of a path at a host, or ErrNotFound.
func (tx *Tx) RouteClaim(host, method, path string) (*RouteClaim, error) {
	return tx.claim("SELECT "+claimColumns+" FROM route WHERE host = ? AND method = ? AND path = ?", host, method, path)
}

// ForeignRouteClaim returns a claim of another service on a host, on the
// wildcard parent that it is under, or on a host under it, or ErrNotFound.
func (tx *Tx) ForeignRouteClaim(service ebb.ServiceID, host, parent string) (*RouteClaim, error) {
	return tx.claim("SELECT "+claimColumns+` FROM route
		WHERE service <> ? AND (host = ? OR (? <> '' AND host = ?) OR (? <> '' AND parent = ?)) ORDER BY host, method, path LIMIT 1`,
		string(service), host, parent, parent, host, host)
}

func (tx *Tx) claim(query string, args ...any) (*RouteClaim, error) {
	c := new(RouteClaim)
	err := tx.row(query, args, func(scan func(...any) error) error {
		return scan(&c.Host, &c.Method, &c.Path, &c.Trigger, &c.Service, &c.Parent)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}
