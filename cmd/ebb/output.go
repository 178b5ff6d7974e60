package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// print writes a verb's result: v as JSON, or the rows under head as a table.
// Without a head the rows are lines by themselves.
func (a *app) print(v any, head []string, rows [][]string) error {
	if a.output == outJSON {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	return table(a.out, head, rows)
}

// table writes rows under head, in columns.
func table(out io.Writer, head []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(head) > 0 {
		rows = append([][]string{head}, rows...)
	}
	for _, row := range rows {
		// An empty cell at the end would leave blanks behind the one before.
		for len(row) > 1 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
