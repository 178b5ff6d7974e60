package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"
	"time"
)

// report is what a run found, as it is written to the JSON file.
type report struct {
	Date     string   `json:"date"`
	Machine  string   `json:"machine"`
	MemoryMB int      `json:"memoryMB"`
	Tables   []*table `json:"tables"`
}

// table is what one group found: a row for each thing measured, a column for
// each quantity, its unit in its name.
type table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    []row    `json:"rows"`
	Notes   []string `json:"notes,omitempty"` // what the numbers do not say
}

// row is a line of a table.
type row struct {
	Name   string   `json:"name"`
	Values []number `json:"values"` // as many as there are columns
}

// number is a value of a row; NaN is one that was not measured, null in JSON.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// String shows three digits, which is more than a measurement is worth.
func (n number) String() string {
	switch size := math.Abs(float64(n)); {
	case math.IsNaN(size) || math.IsInf(size, 0):
		return "–"
	case size >= 100:
		return fmt.Sprintf("%.0f", float64(n))
	case size >= 10:
		return fmt.Sprintf("%.1f", float64(n))
	}
	return fmt.Sprintf("%.2f", float64(n))
}

func newReport() *report {
	return &report{Date: time.Now().UTC().Format(time.RFC3339), Machine: machine(), MemoryMB: memoryMB}
}

// table begins a table of the report.
func (r *report) table(name string, columns ...string) *table {
	t := &table{Name: name, Columns: columns}
	r.Tables = append(r.Tables, t)
	return t
}

// add appends a row.
func (t *table) add(name string, values ...float64) {
	if len(values) != len(t.Columns) {
		panic(fmt.Sprintf("%s: %d values in %d columns", name, len(values), len(t.Columns)))
	}
	r := row{Name: name}
	for _, v := range values {
		r.Values = append(r.Values, number(v))
	}
	t.Rows = append(t.Rows, r)
}

// note appends a line below the table.
func (t *table) note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// print writes the table as text.
func (t *table) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s\t", t.Name)
	for _, c := range t.Columns {
		fmt.Fprintf(w, "%s\t", c)
	}
	fmt.Fprintln(w)
	for _, r := range t.Rows {
		fmt.Fprintf(w, "%s\t", r.Name)
		for _, v := range r.Values {
			fmt.Fprintf(w, "%s\t", v)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // as the other writes: to standard output
	for _, n := range t.Notes {
		fmt.Fprintln(out, n)
	}
}

// write saves the report; nothing if no file was named.
func (r *report) write(path string) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
