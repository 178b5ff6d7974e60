package schedule

import (
	"bufio"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bank is the calendar of the golden table: China in October 2026, where weekends
// are swapped for the long holiday.
func bank(t *testing.T) *Calendar {
	t.Helper()
	c := &Calendar{CutOver: 17 * time.Hour}
	err := c.ImportCSV(strings.NewReader(`date,kind,name
2026-09-25,holiday,中秋节
2026-10-01,holiday,国庆节
2026-10-02,holiday,国庆节
2026-10-05,holiday,国庆节
2026-10-06,holiday,国庆节
2026-10-07,holiday,国庆节
2026-09-20,workday,国庆节（班）
2026-10-10,workday,国庆节（班）
2027-01-01,New Year
`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNext runs testdata/next.txt: an expression to a line with what it needs,
// the fires that follow below it.
func TestNext(t *testing.T) {
	f, err := os.Open("testdata/next.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calendar := bank(t)
	var s *Schedule
	var at time.Time
	fires := 0
	for lines, n := bufio.NewScanner(f), 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(lines.Text(), " "):
			s, at = readCase(t, n, line, calendar)
		default:
			got, ok := s.Next(at)
			text := "never"
			if ok {
				text = got.Format("2006-01-02T15:04:05Z07:00 Mon")
			}
			if !strings.HasPrefix(text, line) {
				t.Errorf("line %d: %s after %s: got %s, want %s", n, s, at.Format(time.RFC3339), text, line)
			}
			at = got
			fires++
		}
	}
	if fires < 100 {
		t.Errorf("only %d fires were read", fires)
	}
}

// readCase reads EXPRESSION | key=value …
func readCase(t *testing.T, n int, line string, calendar *Calendar) (*Schedule, time.Time) {
	t.Helper()
	expression, rest, _ := strings.Cut(line, " | ")
	var opt Options
	var from time.Time
	for word := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(word, "=")
		var err error
		moment := func() (at time.Time) { at, err = time.Parse(time.RFC3339, value); return at }
		switch key {
		case "zone":
			opt.Location, err = time.LoadLocation(value)
		case "from":
			from = moment()
		case "start":
			opt.Start = moment()
		case "end":
			opt.End = moment()
		case "anchor":
			opt.Anchor = moment()
		case "days":
			opt.Days.Rule, opt.Days.Calendar = value, calendar
		case "roll":
			opt.Days.Roll = value
		default:
			err = fmt.Errorf("no such key")
		}
		if err != nil {
			t.Fatalf("line %d: %s: %v", n, word, err)
		}
	}
	s, err := Parse(expression, opt)
	if err != nil {
		t.Fatalf("line %d: %v", n, err)
	}
	return s, from
}

func TestParseRefuses(t *testing.T) {
	for expression, says := range map[string]string{
		"":                              "is none of cron",
		"cron(0 12 * * ? *":             "no closing parenthesis",
		"every(5 minutes)":              "every() is none of",
		"cron(0 12 * * ?)":              "six fields",
		"0 12 * * *":                    "six or seven fields",
		"cron(0 12 * * * *)":            "one of day and weekday must be ?",
		"cron(0 12 ? * ? *)":            "one of day and weekday must be ?",
		"cron(? 12 * * ? *)":            "minute: \"?\"",
		"cron(60 12 * * ? *)":           "not understood",
		"cron(0 24 * * ? *)":            "not understood",
		"cron(0 12 32 * ? *)":           "not understood",
		"cron(0 12 0 * ? *)":            "not understood",
		"cron(0 12 * 13 ? *)":           "not understood",
		"cron(0 12 ? * 8 *)":            "weekday: \"8\"",
		"cron(0 12 ? * 0 *)":            "weekday: \"0\"",
		"cron(0 12 ? * MONDAY *)":       "weekday: \"MONDAY\"",
		"cron(0 12 ? * FRI#6 *)":        "weekday: \"FRI#6\"",
		"cron(0 12 * * ? 1969)":         "year: ",
		"cron(0 12 * * ? 2200)":         "year: ",
		"cron(0 12 30 FEB ? *)":         "never comes",
		"cron(H 12 * * ? *)":            "minute: \"H\"",
		"@daily":                        "is none of cron",
		"rate(0 minutes)":               "whole number from 1",
		"rate(1 minutes)":               "with an s",
		"rate(5 minute)":                "with an s",
		"rate(5 weeks)":                 "with an s",
		"rate(five minutes)":            "whole number from 1",
		"rate(5minutes)":                "a number and a unit",
		"rate(367 days)":                "at most 366 days",
		"at(2026-11-22)":                "takes a time like",
		"at(2026-02-30T00:00:00)":       "takes a time like",
		"at(2026-11-22T18:30:00+01:00)": "takes a time like",
	} {
		if _, err := Parse(expression, Options{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", expression, err, says)
		}
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for says, opt := range map[string]Options{
		"does not exist":     {Location: berlin},
		"ends before":        {Start: now, End: now.Add(-1)},
		"need a calendar":    {Days: Days{Rule: "working"}},
		"takes no days":      {Days: Days{Rule: "working", Calendar: &Calendar{}}},
		"days: \"weekdays\"": {Days: Days{Rule: "weekdays", Calendar: &Calendar{}}},
		"roll: \"up\"":       {Days: Days{Rule: "working", Roll: "up", Calendar: &Calendar{}}},
		"roll: goes with":    {Days: Days{Rule: "holiday", Roll: "following", Calendar: &Calendar{}}},
	} {
		if _, err := Parse("at(2026-03-29T02:30:00)", opt); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", opt, err, says)
		}
	}
}

// TestCronAgrees: Next finds exactly the minutes that match field by field, in
// zones that change their clocks, each wall time once.
func TestCronAgrees(t *testing.T) {
	zones := []string{"UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"}
	rapid.Check(t, func(t *rapid.T) {
		loc, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		minutes := rapid.Uint64Range(1, 1<<60-1).Draw(t, "minutes")
		hours := rapid.Uint64Range(1, 1<<24-1).Draw(t, "hours")
		weekdays := rapid.Uint64Range(1, 1<<7-1).Draw(t, "weekdays")
		text := fmt.Sprintf("cron(%s %s ? * %s *)", listOf(minutes, 0), listOf(hours, 0), listOf(weekdays, 1))
		s, err := Parse(text, Options{Location: loc})
		if err != nil {
			t.Fatal(err)
		}
		// Two days around a change of the clocks, or anywhere.
		from := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "from"), 0).Truncate(time.Minute)
		if rapid.Bool().Draw(t, "change") {
			from = changeAfter(from, loc).Add(-6 * time.Hour)
		}
		end, seen := from.Add(36*time.Hour), make(map[string]bool)
		var want, got []string
		for m := from.Add(-3 * time.Hour); m.Before(end); m = m.Add(time.Minute) {
			at := m.In(loc)
			wall := at.Format(time.DateTime)
			match := minutes>>at.Minute()&1 == 1 && hours>>at.Hour()&1 == 1 && weekdays>>at.Weekday()&1 == 1
			if match && !seen[wall] && m.After(from) {
				want = append(want, at.Format(time.RFC3339))
			}
			seen[wall] = true
		}
		for m, ok := s.Next(from); ok && m.Before(end); m, ok = s.Next(m) {
			got = append(got, m.Format(time.RFC3339))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("%s in %s from %s:\ngot  %v\nwant %v", text, loc, from.In(loc), got, want)
		}
	})
}

// changeAfter is the next change of the clocks, or t if there is none for a year.
func changeAfter(t time.Time, loc *time.Location) time.Time {
	_, before := t.In(loc).Zone()
	for h := range 366 * 24 {
		at := t.Add(time.Duration(h) * time.Hour)
		if _, offset := at.In(loc).Zone(); offset != before {
			return at
		}
	}
	return t
}

func listOf(set uint64, base int) string {
	var parts []string
	for ; set != 0; set &= set - 1 {
		parts = append(parts, fmt.Sprint(bits.TrailingZeros64(set)+base))
	}
	return strings.Join(parts, ",")
}

func TestJitter(t *testing.T) {
	due := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	spread := make(map[time.Duration]int)
	for n := range 1000 {
		j := Jitter(fmt.Sprint("t", n), due, 10*time.Second)
		if j < 0 || j >= 10*time.Second || j != Jitter(fmt.Sprint("t", n), due.Local(), 10*time.Second) {
			t.Fatalf("%v", j)
		}
		spread[j]++
	}
	if len(spread) != 10 {
		t.Errorf("not spread: %v", spread)
	}
	if Jitter("t", due, 0) != 0 {
		t.Error("no window, and later all the same")
	}
}

func BenchmarkNext(b *testing.B) {
	s, err := Parse("cron(0/5 9-17 ? * MON-FRI *)", Options{})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		at, _ = s.Next(at)
	}
}

// FuzzParse: whatever is parsed goes forward, and quickly.
func FuzzParse(f *testing.F) {
	for _, e := range []string{"cron(0 12 L-3 * ? *)", "0/7 * 5-9 15W 2/3 ? 2027-2099/3", "rate(5 minutes)", "at(2026-11-22T18:30:00)", "cron(0 9 ? * 2#1,6L *)"} {
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := Parse(expression, Options{})
		if err != nil {
			return
		}
		at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		for range 5 {
			next, ok := s.Next(at)
			if !ok {
				return
			}
			if !next.After(at) || next.Nanosecond() != 0 {
				t.Fatalf("%q: %s after %s", expression, next, at)
			}
			at = next
		}
	})
}
