package store

import (
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// PutCalendar adds a calendar, or replaces the one of its name.
func (tx *Tx) PutCalendar(c *ebb.Calendar) error {
	_, err := tx.exec(`INSERT INTO calendar (name, modified_at, document) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET modified_at = excluded.modified_at, document = excluded.document`,
		c.Name, c.ModifiedAt.UnixMilli(), string(c.Document))
	return err
}

// Calendar returns a calendar, or ErrNotFound.
func (tx *Tx) Calendar(name string) (*ebb.Calendar, error) {
	var c *ebb.Calendar
	err := tx.row("SELECT name, modified_at, document FROM calendar WHERE name = ?", []any{name}, func(scan func(...any) error) (err error) {
		c, err = scanCalendar(scan)
		return err
	})
	return c, err
}

// Calendars returns all calendars, by name.
func (tx *Tx) Calendars() (cs []*ebb.Calendar, err error) {
	err = tx.rows("SELECT name, modified_at, document FROM calendar ORDER BY name", nil, func(scan func(...any) error) error {
		c, err := scanCalendar(scan)
		cs = append(cs, c)
		return err
	})
	return cs, err
}

// DeleteCalendar removes a calendar, or answers ErrNotFound.
func (tx *Tx) DeleteCalendar(name string) error {
	n, err := tx.exec("DELETE FROM calendar WHERE name = ?", name)
	return changed(n, err)
}

func scanCalendar(scan func(...any) error) (*ebb.Calendar, error) {
	c := new(ebb.Calendar)
	var modified int64
	var document string
	err := scan(&c.Name, &modified, &document)
	c.ModifiedAt, c.Document = fromMillis(modified), json.RawMessage(document)
	return c, err
}
