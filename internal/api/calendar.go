package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
)

// Calendars is the answer of GET /v1/calendars.
type Calendars struct {
	Calendars []*timer.Calendar `json:"calendars" nullable:"false" doc:"by name"`
}

// NewCalendar is a calendar as a user says it.
type NewCalendar struct {
	Weekend   []string          `json:"weekend,omitempty" doc:"names of the days off; saturday and sunday if left out"`
	Holidays  map[string]string `json:"holidays,omitempty" doc:"names of days off by date, 2026-10-01"`
	Workdays  map[string]string `json:"workdays,omitempty" doc:"names of days of a weekend that are worked, by date"`
	CutOver   string            `json:"cutOver,omitempty" doc:"from when on it is the next business day's work" example:"17:00"`
	Timezone  string            `json:"timezone,omitempty" doc:"of cutOver" example:"Asia/Shanghai"`
	CSV       string            `json:"csv,omitempty" doc:"more days: lines of DATE,holiday|workday,NAME"`
	ICalendar string            `json:"icalendar,omitempty" doc:"more days: the text of an iCalendar file"`
}

type (
	CalendarPath struct {
		Name string `path:"name" maxLength:"64"`
	}
	putCalendarInput struct {
		CalendarPath
		Body NewCalendar
	}
	calendarOutput  struct{ Body timer.Calendar }
	calendarsOutput struct{ Body Calendars }
)

func (a *API) registerCalendars(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListCalendars", Method: http.MethodGet, Path: Prefix + "calendars", Summary: "Calendars that timers may name",
	}), a.listCalendars)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetCalendar", Method: http.MethodGet, Path: Prefix + "calendars/{name}", Summary: "A calendar",
	}), a.getCalendar)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "PutCalendar", Method: http.MethodPut, Path: Prefix + "calendars/{name}",
		Summary: "Make or replace a calendar; timers follow it at once",
	}), a.putCalendar)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteCalendar", Method: http.MethodDelete, Path: Prefix + "calendars/{name}", Summary: "Delete a calendar that no timer names",
	}), a.deleteCalendar)
}

func (a *API) listCalendars(ctx context.Context, _ *struct{}) (*calendarsOutput, error) {
	cs, err := a.cfg.Calendars.Calendars(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &calendarsOutput{Calendars{list(cs)}}, nil
}

func (a *API) getCalendar(ctx context.Context, in *CalendarPath) (*calendarOutput, error) {
	c, err := a.cfg.Calendars.Calendar(ctx, in.Name)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &calendarOutput{*c}, nil
}

func (a *API) putCalendar(ctx context.Context, in *putCalendarInput) (*calendarOutput, error) {
	c, err := in.read()
	if err == nil {
		err = a.cfg.Calendars.PutCalendar(ctx, *c)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "calendar changed", "calendar", in.Name)
	return a.getCalendar(ctx, &in.CalendarPath)
}

func (a *API) deleteCalendar(ctx context.Context, in *CalendarPath) (*struct{}, error) {
	if err := a.cfg.Calendars.DeleteCalendar(ctx, in.Name); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "calendar deleted", "calendar", in.Name)
	return nil, nil
}

// read is the calendar with its imported days.
func (in *putCalendarInput) read() (*timer.Calendar, error) {
	b := &in.Body
	days := new(schedule.Calendar)
	for _, m := range []struct {
		field string
		from  map[string]string
		into  *map[schedule.Date]string
	}{{"holidays", b.Holidays, &days.Holidays}, {"workdays", b.Workdays, &days.Workdays}} {
		for text, name := range m.from {
			d, err := schedule.ParseDate(text)
			if err != nil {
				return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s: %v", m.field, err)
			}
			if *m.into == nil {
				*m.into = make(map[schedule.Date]string)
			}
			(*m.into)[d] = name
		}
	}
	if b.CSV != "" {
		if err := days.ImportCSV(bytes.NewReader([]byte(b.CSV))); err != nil {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%v", err)
		}
	}
	if b.ICalendar != "" {
		if err := days.ImportICalendar(bytes.NewReader([]byte(b.ICalendar))); err != nil {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%v", err)
		}
	}
	return &timer.Calendar{Name: in.Name, Weekend: b.Weekend, Holidays: days.Holidays, Workdays: days.Workdays,
		CutOver: b.CutOver, Timezone: b.Timezone}, nil
}
