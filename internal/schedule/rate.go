package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// units of a rate. A day is 24 hours, whatever the wall clock does.
var units = map[string]time.Duration{
	"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour,
}

// maxRate is the longest period.
const maxRate = 366 * 24 * time.Hour

func parseRate(text string, opt Options) (func(time.Time) (time.Time, bool), error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return nil, fmt.Errorf("rate() takes a number and a unit, like rate(5 minutes)")
	}
	n, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("rate() takes a whole number from 1, not %q", fields[0])
	}
	unit, ok := units[strings.TrimSuffix(fields[1], "s")]
	if !ok || (n == 1) == strings.HasSuffix(fields[1], "s") {
		return nil, fmt.Errorf("the unit of rate() is second, minute, hour or day, with an s if there are several")
	}
	period := time.Duration(n) * unit
	if n > int64(maxRate/unit) {
		return nil, fmt.Errorf("rate() is at most 366 days")
	}
	anchor := opt.Anchor.Truncate(time.Second)
	switch {
	case !opt.Anchor.IsZero():
	case !opt.Start.IsZero():
		anchor = opt.Start.Truncate(time.Second).Add(-period)
	default:
		anchor = time.Unix(0, 0)
	}
	step := func(after time.Time) time.Time {
		if after.Before(anchor) {
			return anchor.Add(period)
		}
		return anchor.Add((after.Sub(anchor)/period + 1) * period) //nolint:durationcheck // so many periods
	}
	return func(after time.Time) (time.Time, bool) {
		for range horizon {
			t := step(after).In(opt.Location)
			day := dateOf(t)
			if opt.Days.fires(day) {
				return t, true
			}
			after = day.next(1).midnight(opt.Location).Add(-time.Nanosecond)
			if after.Before(t) {
				after = t
			}
		}
		return time.Time{}, false
	}, nil
}
