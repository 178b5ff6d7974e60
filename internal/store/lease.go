package store

import (
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// AcquireLease gives the lease to a node until the time told, if nobody else holds
// it at now, and returns its epoch: a new one, unless the node was the last to
// have it; else ErrExists, with who holds it in holder. Times are those of Now.
func (tx *Tx) AcquireLease(name string, node ebb.NodeID, now, until time.Time) (epoch int64, holder ebb.NodeID, err error) {
	err = tx.row(`INSERT INTO lease (name, node, epoch, expires_at) VALUES (?, ?, 1, ?)
		ON CONFLICT (name) DO UPDATE SET epoch = lease.epoch + CASE WHEN lease.node = excluded.node THEN 0 ELSE 1 END,
			node = excluded.node, expires_at = excluded.expires_at
		WHERE lease.expires_at <= ? OR lease.node = excluded.node
		RETURNING epoch`, []any{name, string(node), until.UnixMilli(), now.UnixMilli()},
		func(scan func(...any) error) error { return scan(&epoch) })
	if !errors.Is(err, ErrNotFound) {
		return epoch, node, err
	}
	l, err := tx.Lease(name)
	if err != nil {
		return 0, "", err
	}
	return 0, l.Node, ErrExists
}

// RenewLease prolongs the lease if the node still holds it with this epoch, else
// answers ErrChanged. One that has expired and that nobody took is held still.
func (tx *Tx) RenewLease(l ebb.Lease, until time.Time) error {
	return held(tx.exec("UPDATE lease SET expires_at = ? WHERE name = ? AND node = ? AND epoch = ?",
		until.UnixMilli(), l.Name, string(l.Node), l.Epoch))
}

// ReleaseLease gives the lease up if the node still holds it with this epoch,
// else answers ErrChanged.
func (tx *Tx) ReleaseLease(l ebb.Lease) error {
	return held(tx.exec("UPDATE lease SET node = '', expires_at = 0 WHERE name = ? AND node = ? AND epoch = ?",
		l.Name, string(l.Node), l.Epoch))
}

// HoldLease answers ErrChanged if the lease has a later epoch: somebody else has
// taken it since. Every Tx that writes as the holder of a lease calls it.
func (tx *Tx) HoldLease(l ebb.Lease) error {
	err := tx.row("SELECT 1 FROM lease WHERE name = ? AND node = ? AND epoch = ?",
		[]any{l.Name, string(l.Node), l.Epoch}, discard)
	if errors.Is(err, ErrNotFound) {
		return ErrChanged
	}
	return err
}

// Lease returns a lease, also one that has expired, or ErrNotFound.
func (tx *Tx) Lease(name string) (ebb.Lease, error) {
	l := ebb.Lease{Name: name}
	err := tx.row("SELECT node, epoch, expires_at FROM lease WHERE name = ?", []any{name}, func(scan func(...any) error) error {
		var expires int64
		err := scan(&l.Node, &l.Epoch, &expires)
		l.ExpiresAt = fromMillis(expires)
		return err
	})
	return l, err
}

// CountLeases returns how many leases a node holds at now.
func (tx *Tx) CountLeases(node ebb.NodeID, now time.Time) (n int, err error) {
	err = tx.row("SELECT count(*) FROM lease WHERE node = ? AND expires_at > ?", []any{string(node), now.UnixMilli()},
		func(scan func(...any) error) error { return scan(&n) })
	return n, err
}
