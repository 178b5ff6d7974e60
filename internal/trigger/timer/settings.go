package timer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/store"
)

// Settings are what a timer has besides what all triggers have.
type Settings struct {
	Schedule string     `json:"schedule" doc:"cron(…), rate(…), at(…), or six or seven fields of Quartz" example:"cron(0 2 * * ? *)"`
	Timezone string     `json:"timezone,omitempty" doc:"of the IANA database, UTC if left out" example:"Asia/Shanghai"`
	Start    *time.Time `json:"start,omitempty" doc:"due is nothing before it"`
	End      *time.Time `json:"end,omitempty" doc:"due is nothing after it"`
	Jitter   int        `json:"jitter,omitempty" minimum:"0" maximum:"86400" doc:"seconds over which fires are spread"`

	Calendar    string `json:"calendar,omitempty" doc:"whose days are meant by days and roll, and whose business date the event carries"`
	Days        string `json:"days,omitempty" doc:"any, working, holiday, or such as month-end-2"`
	Roll        string `json:"roll,omitempty" doc:"what is due on a day off moves to the working day following or preceding"`
	BusinessDay int    `json:"businessDay,omitempty" minimum:"-366" maximum:"366" doc:"working days by which the business date is shifted"`

	// Misfire says what becomes of fires that are late by more than Grace: skip
	// them, fire once for all of them, or fire all of them from the last
	// CatchUp on.
	Misfire string `json:"misfire,omitempty" enum:"once,skip,all" doc:"what becomes of fires that are late by more than grace"`
	Grace   int    `json:"grace,omitempty" minimum:"0" maximum:"2678400" doc:"seconds"`
	CatchUp int    `json:"catchUp,omitempty" minimum:"0" maximum:"2678400" doc:"seconds within which misfire all fires what was missed"`
	// Overlap says what becomes of a fire while the one before still runs: allow
	// it, skip it, queue one, or cancel the one before.
	Overlap     string `json:"overlap,omitempty" enum:"allow,skip,queue,cancel" doc:"what becomes of a fire while the one before runs"`
	DeleteAfter bool   `json:"deleteAfter,omitempty" doc:"remove the trigger when it is never due again"`

	Input json.RawMessage `json:"input,omitempty" doc:"JSON that the target gets in place of the event, with words such as <ebb.business-date> filled in"`
}

// Policies of Misfire and Overlap.
const (
	Skip   = "skip"
	Once   = "once"
	All    = "all"
	Allow  = "allow"
	Queue  = "queue"
	Cancel = "cancel"
)

// Bounds and defaults of Settings.
const (
	maxJitter      = 86400
	defaultGrace   = 60
	defaultCatchUp = 86400
	maxCatchUp     = 31 * 86400
	maxInput       = 256 << 10
	maxShift       = 366
)

// Check implements trigger.Kind.
func (k *Kind) Check(ctx context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, invalid("timer: %v", err)
	}
	if len(t.Filters) > 0 {
		return nil, invalid("filters: a timer's events are all alike")
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	var calendar *schedule.Calendar
	if s.Calendar != "" {
		err := k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			calendar, err = readCalendar(tx, s.Calendar)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return nil, invalid("timer.calendar: there is no calendar %q", s.Calendar)
		}
		if err != nil {
			return nil, err
		}
	}
	loc, err := s.location()
	if err != nil {
		return nil, err
	}
	sched, err := s.parse(t, loc, calendar)
	if err != nil {
		return nil, err
	}
	if _, ok := sched.Next(k.deps.Now()); !ok {
		return nil, invalid("timer.schedule: %s is never due again", sched)
	}
	return json.Marshal(s)
}

// complete fills in defaults and checks what needs nothing else to be known.
func (s *Settings) complete() error {
	for _, f := range []struct {
		name      string
		value     *int
		lowest    int
		highest   int
		byDefault int
	}{
		{"jitter", &s.Jitter, 0, maxJitter, 0},
		{"grace", &s.Grace, 0, maxCatchUp, defaultGrace},
		{"catchUp", &s.CatchUp, 0, maxCatchUp, defaultCatchUp},
		{"businessDay", &s.BusinessDay, -maxShift, maxShift, 0},
	} {
		if *f.value < f.lowest || *f.value > f.highest {
			return invalid("timer.%s: %d is not between %d and %d", f.name, *f.value, f.lowest, f.highest)
		}
		if *f.value == 0 {
			*f.value = f.byDefault
		}
	}
	if s.Misfire == "" {
		s.Misfire = Once
	}
	if s.Overlap == "" {
		s.Overlap = Allow
	}
	switch {
	case s.Misfire != Skip && s.Misfire != Once && s.Misfire != All:
		return invalid("timer.misfire: %q is none of skip, once and all", s.Misfire)
	case s.Overlap != Allow && s.Overlap != Skip && s.Overlap != Queue && s.Overlap != Cancel:
		return invalid("timer.overlap: %q is none of allow, skip, queue and cancel", s.Overlap)
	case s.Calendar == "" && s.BusinessDay != 0:
		return invalid("timer.businessDay: needs a calendar")
	case len(s.Input) > maxInput:
		return invalid("timer.input: %d bytes are more than %d", len(s.Input), maxInput)
	}
	return nil
}

// location is where the timer's wall clock is.
func (s *Settings) location() (*time.Location, error) {
	loc, err := time.LoadLocation(s.Timezone)
	if err != nil || s.Timezone == "Local" {
		return nil, invalid("timer.timezone: %q is not known; give a name like Asia/Shanghai", s.Timezone)
	}
	return loc, nil
}

// parse is the timer's schedule; loc is s's location, calendar the one that s
// names, or nil.
func (s *Settings) parse(t *ebb.Trigger, loc *time.Location, calendar *schedule.Calendar) (*schedule.Schedule, error) {
	opt := schedule.Options{Location: loc, Anchor: t.CreatedAt, Days: schedule.Days{Calendar: calendar, Rule: s.Days, Roll: s.Roll}}
	if s.Start != nil {
		opt.Start, opt.Anchor = *s.Start, time.Time{}
	}
	if s.End != nil {
		opt.End = *s.End
	}
	sched, err := schedule.Parse(s.Schedule, opt)
	if err != nil {
		return nil, invalid("timer.schedule: %v", err)
	}
	return sched, nil
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
