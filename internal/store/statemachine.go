package store

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// revisionSettings is the part of a revision that is never searched for.
type revisionSettings struct {
	Initial bool                    `json:"initial,omitempty"`
	Type    string                  `json:"type"`
	Role    string                  `json:"role"`
	Logging ebb.StateMachineLogging `json:"logging,omitzero"`
	Tracing bool                    `json:"tracing,omitempty"`
}

const (
	stateMachineColumns = "m.service, m.name, m.type, m.created_at, m.deleting, m.tags, r.id, r.created_at, r.definition, r.settings"
	stateMachineTables  = " FROM state_machine m JOIN state_machine_revision r ON r.id = m.revision "
)

// InsertStateMachine adds a state machine with its first revision. ErrExists:
// the name is taken.
func (tx *Tx) InsertStateMachine(m *ebb.StateMachine) error {
	tags, err := encodeTags(m.Tags)
	if err != nil {
		return err
	}
	if _, err := tx.exec("INSERT INTO state_machine (service, name, type, created_at, deleting, revision, tags) VALUES (?, ?, ?, ?, 0, ?, ?)",
		string(m.Service), m.Name, m.Type, m.CreatedAt.UnixMilli(), m.Revision.ID, tags); err != nil {
		return err
	}
	return tx.InsertStateMachineRevision(&m.Revision)
}

// InsertStateMachineRevision adds a revision.
func (tx *Tx) InsertStateMachineRevision(r *ebb.StateMachineRevision) error {
	settings, err := encode(revisionSettings{Initial: r.Initial, Type: r.Type, Role: r.Role, Logging: r.Logging, Tracing: r.Tracing})
	if err != nil {
		return err
	}
	_, err = tx.exec("INSERT INTO state_machine_revision (id, service, name, created_at, definition, settings) VALUES (?, ?, ?, ?, ?, ?)",
		r.ID, string(r.Service), r.Name, r.CreatedAt.UnixMilli(), r.Definition, settings)
	return err
}

// SetStateMachineRevision makes a revision the current one if was still is, else
// answers ErrChanged.
func (tx *Tx) SetStateMachineRevision(key ebb.StateMachineKey, revision, was string) error {
	n, err := tx.exec("UPDATE state_machine SET revision = ? WHERE service = ? AND name = ? AND revision = ? AND deleting = 0",
		revision, string(key.Service), key.Name, was)
	if err == nil && n == 0 {
		return ErrChanged
	}
	return err
}

// SetStateMachineTags replaces the tags, or answers ErrNotFound.
func (tx *Tx) SetStateMachineTags(key ebb.StateMachineKey, t map[string]string) error {
	tags, err := encodeTags(t)
	if err != nil {
		return err
	}
	n, err := tx.exec("UPDATE state_machine SET tags = ? WHERE service = ? AND name = ?", tags, string(key.Service), key.Name)
	return changed(n, err)
}

// SetStateMachineDeleting says that the state machine is to go, or ErrNotFound.
func (tx *Tx) SetStateMachineDeleting(key ebb.StateMachineKey) error {
	n, err := tx.exec("UPDATE state_machine SET deleting = 1 WHERE service = ? AND name = ?", string(key.Service), key.Name)
	return changed(n, err)
}

// DeleteStateMachine removes a state machine with its versions and aliases, or
// answers ErrNotFound. Its executions stay.
func (tx *Tx) DeleteStateMachine(key ebb.StateMachineKey) error {
	n, err := tx.exec("DELETE FROM state_machine WHERE service = ? AND name = ?", string(key.Service), key.Name)
	return changed(n, err)
}

// StateMachine returns a state machine, or ErrNotFound.
func (tx *Tx) StateMachine(key ebb.StateMachineKey) (m *ebb.StateMachine, err error) {
	err = tx.row("SELECT "+stateMachineColumns+stateMachineTables+"WHERE m.service = ? AND m.name = ?",
		[]any{string(key.Service), key.Name}, func(scan func(...any) error) (err error) {
			m, err = scanStateMachine(scan)
			return err
		})
	return m, err
}

// StateMachines returns up to limit state machines of a service whose name is
// greater than after, by name.
func (tx *Tx) StateMachines(service ebb.ServiceID, after string, limit int) (ms []*ebb.StateMachine, err error) {
	err = tx.rows("SELECT "+stateMachineColumns+stateMachineTables+"WHERE m.service = ? AND m.name > ? ORDER BY m.service, m.name LIMIT ?",
		[]any{string(service), after, limit}, func(scan func(...any) error) error {
			m, err := scanStateMachine(scan)
			ms = append(ms, m)
			return err
		})
	return ms, err
}

// StateMachineRevision returns a revision, or ErrNotFound.
func (tx *Tx) StateMachineRevision(id string) (*ebb.StateMachineRevision, error) {
	r := new(ebb.StateMachineRevision)
	err := tx.row("SELECT id, service, name, created_at, definition, settings FROM state_machine_revision WHERE id = ?",
		[]any{id}, func(scan func(...any) error) error {
			var created int64
			var settings string
			if err := scan(&r.ID, &r.Service, &r.Name, &created, &r.Definition, &settings); err != nil {
				return err
			}
			return fillRevision(r, created, settings)
		})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// SweepStateMachineRevisions removes revisions made before a time that nothing
// refers to, and returns how many.
func (tx *Tx) SweepStateMachineRevisions(before time.Time) (int64, error) {
	return tx.exec(`DELETE FROM state_machine_revision WHERE created_at < ?
		AND NOT EXISTS (SELECT 1 FROM state_machine m WHERE m.service = state_machine_revision.service AND m.name = state_machine_revision.name AND m.revision = state_machine_revision.id)
		AND NOT EXISTS (SELECT 1 FROM state_machine_version v WHERE v.revision = state_machine_revision.id)
		AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.revision = state_machine_revision.id)`, before.UnixMilli())
}

func scanStateMachine(scan func(...any) error) (*ebb.StateMachine, error) {
	m := new(ebb.StateMachine)
	var created, revised, deleting int64
	var tags, settings string
	if err := scan(&m.Service, &m.Name, &m.Type, &created, &deleting, &tags,
		&m.Revision.ID, &revised, &m.Revision.Definition, &settings); err != nil {
		return nil, err
	}
	m.CreatedAt, m.Deleting = fromMillis(created), deleting != 0
	m.Revision.StateMachineKey = m.StateMachineKey
	if err := decode("state_machine.tags", tags, &m.Tags); err != nil {
		return nil, err
	}
	return m, fillRevision(&m.Revision, revised, settings)
}

func fillRevision(r *ebb.StateMachineRevision, created int64, settings string) error {
	var s revisionSettings
	if err := decode("state_machine_revision.settings", settings, &s); err != nil {
		return err
	}
	r.CreatedAt, r.Initial, r.Type = fromMillis(created), s.Initial, s.Type
	r.Role, r.Logging, r.Tracing = s.Role, s.Logging, s.Tracing
	return nil
}
