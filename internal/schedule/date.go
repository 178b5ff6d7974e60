package schedule

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// dateOf is the day that t falls on, where t is.
func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// ParseDate reads 2026-11-22 or 20261122.
func ParseDate(text string) (Date, error) {
	for _, layout := range [...]string{time.DateOnly, "20060102"} {
		if t, err := time.Parse(layout, text); err == nil {
			return dateOf(t), nil
		}
	}
	return Date{}, fmt.Errorf("%q is not a date like 2026-11-22", text)
}

// String is the date as 2026-11-22.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDate(string(text))
	return err
}

// Weekday is the date's day of the week.
func (d Date) Weekday() time.Weekday { return d.midnight(time.UTC).Weekday() }

// Before reports whether d is earlier than other.
func (d Date) Before(other Date) bool {
	return d.midnight(time.UTC).Before(other.midnight(time.UTC))
}

// next is n days later; n may be negative.
func (d Date) next(n int) Date {
	return dateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// midnight is the first moment of the day: where the clock skips midnight, the
// first that exists.
func (d Date) midnight(loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
}
