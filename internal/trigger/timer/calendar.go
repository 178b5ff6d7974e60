package timer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/store"
)

// Calendar is a calendar as it is kept and told.
type Calendar struct {
	Name     string                   `json:"name"`
	Weekend  []string                 `json:"weekend,omitempty"` // names of days; nil = saturday, sunday
	Holidays map[schedule.Date]string `json:"holidays,omitempty"`
	Workdays map[schedule.Date]string `json:"workdays,omitempty"` // days of a weekend that are worked
	CutOver  string                   `json:"cutOver,omitempty"`  // 17:00
	Timezone string                   `json:"timezone,omitempty"` // of CutOver
	Modified time.Time                `json:"modified,omitzero"`
}

var calendarRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$`)

// compile is the calendar as package schedule wants it.
func (c *Calendar) compile() (*schedule.Calendar, error) {
	s := &schedule.Calendar{Holidays: c.Holidays, Workdays: c.Workdays}
	if !calendarRE.MatchString(c.Name) {
		return nil, invalid("name: %.140q is not 1 to 64 letters, digits, dots, dashes and underscores", c.Name)
	}
	for _, name := range c.Weekend {
		d, ok := weekdays[strings.ToLower(name)]
		if !ok {
			return nil, invalid("weekend: %q is not the name of a day", name)
		}
		s.Weekend = append(s.Weekend, d)
	}
	if c.CutOver != "" {
		at, err := time.Parse("15:04", c.CutOver)
		if err != nil {
			return nil, invalid("cutOver: %q is not a time like 17:00", c.CutOver)
		}
		s.CutOver = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	var err error
	if s.Location, err = time.LoadLocation(c.Timezone); err != nil || c.Timezone == "Local" {
		return nil, invalid("timezone: %q is not known; give a name like Asia/Shanghai", c.Timezone)
	}
	if err := s.Validate(); err != nil {
		return nil, invalid("%v", err)
	}
	return s, nil
}

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

// readCalendar reads a calendar, or answers store.ErrNotFound.
func readCalendar(tx *store.Tx, name string) (*schedule.Calendar, error) {
	row, err := tx.Calendar(name)
	if err != nil {
		return nil, err
	}
	c, err := decodeCalendar(row)
	if err != nil {
		return nil, err
	}
	return c.compile()
}

func decodeCalendar(row *ebb.Calendar) (*Calendar, error) {
	c := &Calendar{Name: row.Name, Modified: row.ModifiedAt}
	if err := json.Unmarshal(row.Document, c); err != nil {
		return nil, fmt.Errorf("calendar %s: %w", row.Name, err)
	}
	c.Modified = row.ModifiedAt
	return c, nil
}

// PutCalendar makes a calendar, or replaces the one of its name. Timers that use
// it are due by the new one at once.
func (k *Kind) PutCalendar(ctx context.Context, c Calendar) error {
	c.Modified = time.Time{}
	if _, err := c.compile(); err != nil {
		return err
	}
	document, err := json.Marshal(c)
	if err != nil {
		return err
	}
	row := &ebb.Calendar{Name: c.Name, Document: document, ModifiedAt: k.deps.Now().UTC()}
	if err := k.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.PutCalendar(row) }); err != nil {
		return err
	}
	users, err := k.calendarUsers(ctx, c.Name)
	if err != nil {
		return err
	}
	for _, key := range users {
		if err := k.renew(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// renew has a timer's next fire found anew.
func (k *Kind) renew(ctx context.Context, key ebb.TriggerKey) error {
	err := k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		t, err := tx.Trigger(key)
		if err != nil {
			return err
		}
		if err := tx.UpdateTrigger(t); err != nil {
			return err
		}
		now := *t
		now.Revision++
		return k.Set(tx, t, &now)
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrChanged) {
		return nil // whoever changed it found the new calendar
	}
	return err
}

// page is how many triggers are read at once.
const page = 500

// calendarUsers are the timers that name a calendar.
func (k *Kind) calendarUsers(ctx context.Context, name string) (keys []ebb.TriggerKey, err error) {
	f := store.TriggerFilter{Kind: ebb.TriggerTimer}
	for {
		var ts []*ebb.Trigger
		err := k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			ts, err = tx.Triggers(f, page)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			var s Settings
			if err := json.Unmarshal(t.Settings, &s); err == nil && s.Calendar == name {
				keys = append(keys, t.TriggerKey)
			}
		}
		if len(ts) < page {
			return keys, nil
		}
		f.After = ts[len(ts)-1].TriggerKey
	}
}

// Calendar returns a calendar, or NotFound.
func (k *Kind) Calendar(ctx context.Context, name string) (c *Calendar, err error) {
	err = k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Calendar(name)
		if err != nil {
			return err
		}
		c, err = decodeCalendar(row)
		return err
	})
	return c, noCalendar(err, name)
}

// Calendars returns all calendars, by name.
func (k *Kind) Calendars(ctx context.Context) (cs []*Calendar, err error) {
	err = k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		cs = nil
		rows, err := tx.Calendars()
		for _, row := range rows {
			c, err := decodeCalendar(row)
			if err != nil {
				return err
			}
			cs = append(cs, c)
		}
		return err
	})
	return cs, err
}

// DeleteCalendar removes a calendar that no timer names.
func (k *Kind) DeleteCalendar(ctx context.Context, name string) error {
	users, err := k.calendarUsers(ctx, name)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "calendar %s is used by the timer %s", name, users[0].Name)
	}
	return noCalendar(k.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteCalendar(name) }), name)
}

func noCalendar(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Calendar not found: %s", name)
	}
	return err
}
