package reconciliation

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Rows is a report: kind, side, database, key, line, left, right.
type Rows [][]string

// ReadRows reads a report, or the list of what was seeded.
func ReadRows(file string) (Rows, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: has no head", file)
	}
	return rows[1:], nil
}

// Check compares a report with what was seeded: every row of it, and no other.
func (r Rows) Check(report Rows) error {
	missing, extra := without(r, report), without(report, r)
	if len(missing)+len(extra) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d seeded differences are not reported, %d reported ones were not seeded%s%s",
		len(missing), len(r), len(extra), sample("not reported", missing), sample("not seeded", extra))
}

// without is what is in a more often than in b.
func without(a, b Rows) (left []string) {
	count := map[string]int{}
	for _, row := range b {
		count[strings.Join(row, "|")]++
	}
	for _, row := range a {
		if text := strings.Join(row, "|"); count[text] > 0 {
			count[text]--
		} else {
			left = append(left, text)
		}
	}
	return left
}

func sample(what string, rows []string) string {
	text := ""
	for _, row := range rows[:min(len(rows), 5)] {
		text += "\n" + what + ": " + row
	}
	return text
}

// Kinds counts the rows of each kind, by name.
func (r Rows) Kinds() (names []string, counts map[string]int) {
	counts = map[string]int{}
	for _, row := range r {
		if counts[row[0]]++; counts[row[0]] == 1 {
			names = append(names, row[0])
		}
	}
	slices.Sort(names)
	return names, counts
}
