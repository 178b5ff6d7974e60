package schedule

import (
	"strings"
	"testing"
	"time"
)

func date(t *testing.T, text string) Date {
	t.Helper()
	d, err := ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBusinessDate(t *testing.T) {
	c := bank(t)
	c.Location = time.FixedZone("bank", 8*3600)
	for _, test := range []struct {
		at    string
		shift int
		want  string
	}{
		{"2026-11-20T08:59:59Z", 0, "2026-11-20"}, // 16:59:59
		{"2026-11-20T09:00:00Z", 0, "2026-11-23"}, // 17:00, a Friday
		{"2026-11-21T03:00:00Z", 0, "2026-11-23"},
		{"2026-11-22T18:00:00Z", -1, "2026-11-20"}, // Monday at two in the morning: Friday's batch
		{"2026-09-30T09:00:00Z", 0, "2026-10-08"},
		{"2026-10-09T10:00:00Z", 0, "2026-10-10"}, // the swapped Saturday
		{"2026-10-08T01:00:00Z", -1, "2026-09-30"},
		{"2026-10-08T01:00:00Z", 2, "2026-10-10"},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := c.BusinessDate(at, test.shift); !ok || got.String() != test.want {
			t.Errorf("%s %+d: %s, want %s", test.at, test.shift, got, test.want)
		}
	}
}

func TestCalendarWithoutEnd(t *testing.T) {
	c := &Calendar{Holidays: map[Date]string{}}
	for d := date(t, "2026-01-01"); d.Before(date(t, "2028-01-01")); d = d.next(1) {
		c.Holidays[d] = "closed"
	}
	if d, ok := c.Add(date(t, "2026-01-05"), 1); ok {
		t.Errorf("a bank that is closed for two years opens on %s", d)
	}
	if err := (&Calendar{Weekend: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}).Validate(); err == nil {
		t.Error("a week of days off")
	}
	if err := (&Calendar{CutOver: 24 * time.Hour}).Validate(); err == nil {
		t.Error("a cut-over after the day")
	}
	if c := (&Calendar{Weekend: []time.Weekday{time.Friday, time.Saturday}}); c.Validate() != nil || c.Working(date(t, "2026-11-20")) || !c.Working(date(t, "2026-11-22")) {
		t.Error("a weekend of Friday and Saturday")
	}
}

func TestImportICalendar(t *testing.T) {
	c := new(Calendar)
	err := c.ImportICalendar(strings.NewReader(strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261001
DTEND;VALUE=DATE:20261008
SUMMARY:国庆节
 （休）
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20261010
SUMMARY:国庆节（班）
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260920
X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY
SUMMARY:National Day
END:VEVENT
BEGIN:VEVENT
DTSTART:20261225T000000Z
DTEND:20261225T235900Z
RRULE:FREQ=YEARLY
SUMMARY:Christmas\, the first day
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20280229
RRULE:FREQ=YEARLY;COUNT=5
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"2026-09-30": true, "2026-10-01": false, "2026-10-07": false, "2026-10-08": true, "2026-10-10": true, "2026-09-20": true,
		"2026-12-25": false, "2035-12-25": false, "2037-12-25": true, "2028-02-29": false, "2029-03-01": true, "2032-02-29": false,
	} {
		if got := c.Working(date(t, text)); got != want {
			t.Errorf("%s: working %v, want %v", text, got, want)
		}
	}
	if name := c.Holidays[date(t, "2026-12-25")]; name != "Christmas, the first day" {
		t.Errorf("%q", name)
	}
	if name := c.Holidays[date(t, "2026-10-03")]; name != "国庆节（休）" {
		t.Errorf("%q", name)
	}
}

func TestImportRefuses(t *testing.T) {
	event := func(lines string) string { return "BEGIN:VEVENT\n" + lines + "\nEND:VEVENT\n" }
	for text, says := range map[string]string{
		"":                               "not one day",
		"BEGIN:VEVENT\nDTSTART:20261001": "does not end",
		event("SUMMARY:x"):               "no DTSTART",
		event("DTSTART:2026-31-01"):      "is not a date",
		event("DTSTART:20260101\nDTEND:20280101"):                  "days long",
		event("DTSTART:20260101\nRRULE:FREQ=WEEKLY"):               "only FREQ=YEARLY",
		event("DTSTART:20260101\nRRULE:FREQ=YEARLY;BYDAY=1MO"):     "write the days out",
		event("DTSTART:20260101\nRRULE:FREQ=YEARLY;COUNT=1000000"): "COUNT=1000000",
		event("DTSTART:20260101\nRRULE:FREQ=YEARLY;INTERVAL=2"):    "write the days out",
	} {
		c := new(Calendar)
		if err := c.ImportICalendar(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) || c.Holidays != nil {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	for text, says := range map[string]string{
		"":                      "not one day",
		"date\n2026-13-01":      "line 2",
		"2026-10-01,vacation,x": `line 1: "vacation"`,
		"2026-10-01\n\"":        "csv: ",
		strings.Repeat("2026-10-01,holiday\n", 3) + "x": "line 4",
	} {
		c := new(Calendar)
		if err := c.ImportCSV(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) || c.Holidays != nil {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}
