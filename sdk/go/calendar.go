package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Calendar is a market's working days.
type Calendar struct {
	Name     string            `json:"name"`
	Weekend  []string          `json:"weekend,omitempty"`
	Holidays map[string]string `json:"holidays,omitempty"` // by date
	Workdays map[string]string `json:"workdays,omitempty"` // by date
	CutOver  string            `json:"cutOver,omitempty"`
	Timezone string            `json:"timezone,omitempty"`
	Modified time.Time         `json:"modified,omitzero"`
}

// NewCalendar is a calendar to be made or replaced. CSV and ICalendar add days.
type NewCalendar struct {
	Weekend   []string          `json:"weekend,omitempty"`
	Holidays  map[string]string `json:"holidays,omitempty"`
	Workdays  map[string]string `json:"workdays,omitempty"`
	CutOver   string            `json:"cutOver,omitempty"`
	Timezone  string            `json:"timezone,omitempty"`
	CSV       string            `json:"csv,omitempty"`
	ICalendar string            `json:"icalendar,omitempty"`
}

// Calendars lists the calendars.
func (c *Client) Calendars(ctx context.Context) ([]Calendar, error) {
	var out struct {
		Calendars []Calendar `json:"calendars"`
	}
	err := c.get(ctx, "/v1/calendars", nil, &out)
	return out.Calendars, err
}

// Calendar returns a calendar.
func (c *Client) Calendar(ctx context.Context, name string) (*Calendar, error) {
	out := new(Calendar)
	return out, c.get(ctx, calendarPath(name), nil, out)
}

// PutCalendar makes a calendar or replaces it.
func (c *Client) PutCalendar(ctx context.Context, name string, n NewCalendar) (*Calendar, error) {
	out := new(Calendar)
	return out, c.call(ctx, http.MethodPut, calendarPath(name), nil, n, out)
}

// DeleteCalendar removes a calendar that no timer names.
func (c *Client) DeleteCalendar(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, calendarPath(name), nil, nil, nil)
}

func calendarPath(name string) string { return "/v1/calendars/" + url.PathEscape(name) }
