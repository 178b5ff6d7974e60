package main

import (
	"testing"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
)

func TestParseWhen(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, zone)
	for s, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"3d":                        now.AddDate(0, 0, -3),
		"2026-11-22T08:00:00Z":      time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		"2026-11-22T08:00:00+08:00": time.Date(2026, 11, 22, 8, 0, 0, 0, zone),
		"2026-11-22T08:00:00":       time.Date(2026, 11, 22, 8, 0, 0, 0, zone),
		"2026-11-22 08:00:01":       time.Date(2026, 11, 22, 8, 0, 1, 0, zone),
		"2026-11-22":                time.Date(2026, 11, 22, 0, 0, 0, 0, zone),
	} {
		if got, err := parseWhen(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "-10m", "-1d", "soon", "10", "22.11.2026", "xd"} {
		if got, err := parseWhen(s, now); err == nil {
			t.Errorf("%q is %s", s, got)
		}
	}
}

// A log is written by whoever calls the function: it must not steer the terminal.
func TestLogText(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 1_000_000, time.Local)
	const stamp = "2026-11-22 12:00:00.001"
	hostile := "a\x1b]0;title\x07\x1b[2Jb\x1b[31mred\x1b[0m\tc\u009bd\re\n"
	for _, c := range []struct {
		line             client.LogLine
		terminal, colour bool
		want             string
	}{
		{client.LogLine{Text: "x\r\n"}, false, false, stamp + " x"},
		{client.LogLine{Text: "a\n" + stamp + " END RequestId: b\n"}, false, false, stamp + " a\n    " + stamp + " END RequestId: b"},
		{client.LogLine{Text: hostile}, false, false, stamp + " " + hostile[:len(hostile)-1]},
		{client.LogLine{Text: hostile}, true, false, stamp + " a\uFFFD]0;title\uFFFD\uFFFD[2Jbred\tc\uFFFDd\uFFFDe"},
		{client.LogLine{Text: hostile}, true, true, dim + stamp + reset + " a\uFFFD]0;title\uFFFD\uFFFD[2Jb\x1b[31mred\x1b[0m\tc\uFFFDd\uFFFDe" + reset},
		{client.LogLine{Text: "x", Kind: "platform"}, true, true, dim + stamp + reset + " " + dim + "x" + reset},
		{client.LogLine{Text: "x", Level: "ERROR"}, true, true, dim + stamp + reset + " " + red + "x" + reset},
		{client.LogLine{Text: "x", Level: "WARN"}, true, true, dim + stamp + reset + " " + yellow + "x" + reset},
	} {
		c.line.Time = at
		if got := logText(c.line, c.terminal, c.colour); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}
