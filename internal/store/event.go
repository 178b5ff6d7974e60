package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// SeeEvent notes that a service's event was taken, or answers ErrExists: an
// event of that source and id was seen already.
func (tx *Tx) SeeEvent(service ebb.ServiceID, source, id string, at time.Time) error {
	n, err := tx.exec("INSERT INTO event_seen (service, source, id, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		string(service), source, id, at.UnixMilli())
	if err == nil && n == 0 {
		return ErrExists
	}
	return err
}

// ForgetEvents removes up to limit events that were seen before a moment.
func (tx *Tx) ForgetEvents(before time.Time, limit int) (int64, error) {
	return tx.exec(`DELETE FROM event_seen WHERE (service, source, id) IN
		(SELECT service, source, id FROM event_seen WHERE at < ? ORDER BY at LIMIT ?)`, before.UnixMilli(), limit)
}
