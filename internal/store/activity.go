package store

import "github.com/ebb-faas/ebb/internal/ebb"

const activityColumns = "service, name, created_at, tags"

// InsertActivity adds an activity. ErrExists: the name is taken.
func (tx *Tx) InsertActivity(a *ebb.Activity) error {
	tags, err := encodeTags(a.Tags)
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO activity ("+activityColumns+") VALUES (?, ?, ?, ?)",
		string(a.Service), a.Name, a.CreatedAt.UnixMilli(), tags)
	return err
}

// Activity returns an activity, or ErrNotFound.
func (tx *Tx) Activity(service ebb.ServiceID, name string) (*ebb.Activity, error) {
	as, err := tx.activities("SELECT "+activityColumns+" FROM activity WHERE service = ? AND name = ?", string(service), name)
	if err != nil || len(as) == 0 {
		return nil, missing(err)
	}
	return as[0], nil
}

// Activities returns up to limit activities of a service whose name is greater
// than after, by name.
func (tx *Tx) Activities(service ebb.ServiceID, after string, limit int) ([]*ebb.Activity, error) {
	return tx.activities("SELECT "+activityColumns+" FROM activity WHERE service = ? AND name > ? ORDER BY name LIMIT ?",
		string(service), after, limit)
}

// SetActivityTags replaces the tags, or answers ErrNotFound.
func (tx *Tx) SetActivityTags(service ebb.ServiceID, name string, t map[string]string) error {
	tags, err := encodeTags(t)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE activity SET tags = ? WHERE service = ? AND name = ?", tags, string(service), name)
	return changed(n, err)
}

// DeleteActivity removes an activity, or answers ErrNotFound. Tasks that wait
// for a worker wait on, until they time out.
func (tx *Tx) DeleteActivity(service ebb.ServiceID, name string) error {
	n, err := tx.exec("DELETE FROM activity WHERE service = ? AND name = ?", string(service), name)
	return changed(n, err)
}

func (tx *Tx) activities(query string, args ...any) (as []*ebb.Activity, err error) {
	err = tx.rows(query, args, func(scan func(...any) error) error {
		a := new(ebb.Activity)
		var created int64
		var tags string
		if err := scan(&a.Service, &a.Name, &created, &tags); err != nil {
			return err
		}
		a.CreatedAt = fromMillis(created)
		as = append(as, a)
		return decode("activity.tags", tags, &a.Tags)
	})
	return as, err
}
