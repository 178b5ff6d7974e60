package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// clearScreen puts the cursor at the top of an empty terminal.
const clearScreen = "\033[H\033[2J"

// screen reports whether the output is a terminal on which a picture can be drawn
// anew.
func (a *app) screen() bool {
	kind := os.Getenv("TERM")
	return terminal(a.out) && kind != "" && kind != "dumb"
}

// showTop writes one look: as JSON, as a table, or as much of it as the terminal
// has room for. again says that it is not the first.
func (a *app) showTop(t top, again bool) error {
	if a.output == outJSON {
		return a.print(t, nil, nil)
	}
	summary := fmt.Sprintf("%s  instances %d (%d idle, %d of them frozen), made ahead %d, requests waiting %d\n\n",
		t.At.Local().Format(time.TimeOnly), t.Counts.Total, t.Counts.Idle, t.Counts.Frozen, t.Counts.Spare, t.Counts.Waiting)
	head, rows := topCells(t.Functions)
	columns, lines, live := 0, 0, a.screen()
	if live {
		columns, lines = size(a.out)
		summary = clearScreen + clip(summary, columns)
	} else if again {
		summary = "\n" + summary
	}
	_, err := io.WriteString(a.out, summary+topTable(head, rows, columns, lines-3)) // the summary's two lines, and the cursor's
	return err
}

// topCells are the rows as text. What can be missed most easily stands last.
func topCells(all []topRow) (head []string, rows [][]string) {
	head = []string{"FUNCTION", "VERSION", "INST", "BUSY", "IDLE", "FROZEN", "CALLS/S", "ERR/S", "CPU", "MEMORY", "START", "STOP", "PROV", "429/S", "RUNTIME"}
	several := slices.ContainsFunc(all, func(r topRow) bool { return r.Service != all[0].Service })
	if several {
		head = append([]string{"SERVICE"}, head...)
	}
	for _, r := range all {
		row := []string{
			r.Function, r.Version, strconv.Itoa(r.Instances), strconv.Itoa(r.Busy), strconv.Itoa(r.Idle), strconv.Itoa(r.Frozen),
			rate(r.Invocations), rate(r.Failures), fmt.Sprintf("%.0f%%", r.CPU*100), bytesText(r.Memory),
			strconv.Itoa(r.Starting), strconv.Itoa(r.Stopping), strconv.Itoa(r.Provisioned), rate(r.Throttles), r.Runtime,
		}
		if several {
			row = append([]string{r.Service}, row...)
		}
		rows = append(rows, row)
	}
	return head, rows
}

func rate(perSecond float64) string { return fmt.Sprintf("%.1f", perSecond) }

// topTable is the table in so many columns and lines; 0 or less = however many it
// takes. Whole columns are left out, the last ones first, because a number cut short
// would be another one; and the rows that nothing happens in.
func topTable(head []string, rows [][]string, columns, lines int) string {
	if len(rows) == 0 {
		return "No function has an instance, and none was invoked.\n"
	}
	more := ""
	if lines > 0 && len(rows)+1 > lines {
		shown := max(lines-2, 1)
		more = fmt.Sprintf("and %d more\n", len(rows)-shown)
		rows = rows[:shown]
	}
	for n := len(head); ; n-- {
		var text strings.Builder
		cut := make([][]string, len(rows))
		for i, row := range rows {
			cut[i] = row[:n]
		}
		_ = table(&text, head[:n], cut) // a Builder takes all
		if columns <= 0 || n == 1 || widest(text.String()) <= columns {
			return clip(text.String(), columns) + more
		}
	}
}

// widest is the length of the longest line.
func widest(text string) (most int) {
	for line := range strings.Lines(text) {
		most = max(most, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return most
}

// clip cuts lines to so many columns; 0 = all.
func clip(text string, columns int) string {
	if columns <= 0 {
		return text
	}
	var cut strings.Builder
	for line := range strings.Lines(text) {
		runes := []rune(strings.TrimSuffix(line, "\n"))
		cut.WriteString(string(runes[:min(len(runes), columns)]))
		cut.WriteByte('\n')
	}
	return cut.String()
}
