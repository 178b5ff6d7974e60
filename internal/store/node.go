package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Now is the time by which nodes agree: the server's clock where several share
// it, else local, the process's own.
func (tx *Tx) Now(local time.Time) (now time.Time, err error) {
	if tx.dialect.clock == "" {
		return fromMillis(local.UnixMilli()), nil
	}
	var ms int64
	err = tx.row(tx.dialect.clock, nil, func(scan func(...any) error) error { return scan(&ms) })
	return fromMillis(ms), err
}

// nodeAbout is what nobody searches for of a node.
type nodeAbout struct {
	API       string `json:"api,omitempty"`
	Gateway   string `json:"gateway,omitempty"`
	Version   string `json:"version,omitempty"`
	Instances int    `json:"instances,omitempty"`
}

// PutNode writes a node's row: its first, or its heartbeat.
func (tx *Tx) PutNode(n *ebb.Node) error {
	about, err := encode(nodeAbout{API: n.API, Gateway: n.Gateway, Version: n.Version, Instances: n.Instances})
	if err != nil {
		return err
	}
	_, err = tx.exec(`INSERT INTO node (id, began_at, heartbeat_at, about) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET began_at = excluded.began_at, heartbeat_at = excluded.heartbeat_at, about = excluded.about`,
		string(n.ID), n.BeganAt.UnixMilli(), n.HeartbeatAt.UnixMilli(), about)
	return err
}

// Nodes returns all nodes, by id.
func (tx *Tx) Nodes() (ns []*ebb.Node, err error) {
	err = tx.rows("SELECT id, began_at, heartbeat_at, about FROM node ORDER BY id", nil, func(scan func(...any) error) error {
		n := new(ebb.Node)
		var began, beat int64
		var text string
		if err := scan(&n.ID, &began, &beat, &text); err != nil {
			return err
		}
		n.BeganAt, n.HeartbeatAt = fromMillis(began), fromMillis(beat)
		var about nodeAbout
		if err := decode("node.about", text, &about); err != nil {
			return err
		}
		n.API, n.Gateway, n.Version, n.Instances = about.API, about.Gateway, about.Version, about.Instances
		ns = append(ns, n)
		return nil
	})
	return ns, err
}

// DeleteNode removes a node that has left, and frees its leases. It is not an
// error if there is none.
func (tx *Tx) DeleteNode(id ebb.NodeID) error {
	if _, err := tx.exec("UPDATE lease SET node = '', expires_at = 0 WHERE node = ?", string(id)); err != nil {
		return err
	}
	_, err := tx.exec("DELETE FROM node WHERE id = ?", string(id))
	return err
}

// DeleteNodesBefore removes nodes whose last heartbeat is older than that. Their
// leases expire by themselves.
func (tx *Tx) DeleteNodesBefore(t time.Time) error {
	_, err := tx.exec("DELETE FROM node WHERE heartbeat_at < ?", t.UnixMilli())
	return err
}
