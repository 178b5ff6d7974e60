package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// report is what a run found, as it is written to the JSON file.
type report struct {
	Date     string      `json:"date"`
	Machine  string      `json:"machine"`
	MemoryMB int         `json:"memoryMB"`
	Idle     idleRow     `json:"idle"`
	Cold     []coldRow   `json:"cold"`
	Warm     []warmGroup `json:"warm"`
	Async    []asyncRow  `json:"async"`
}

// idleRow is a platform without functions.
type idleRow struct {
	RSSMiB    float64 `json:"rssMiB"`
	PSSMiB    float64 `json:"pssMiB"`
	BinaryMiB float64 `json:"binaryMiB"`
}

// coldRow is the time from zero instances to the answer, beside the time the
// bare interpreter (or binary) takes to start and end; milliseconds.
type coldRow struct {
	Name    string  `json:"name"`
	P50     float64 `json:"p50Ms"`
	P99     float64 `json:"p99Ms"`
	BareP50 float64 `json:"bareP50Ms"`
	BareP99 float64 `json:"bareP99Ms"`
}

type warmGroup struct {
	Name string    `json:"name"`
	Rows []warmRow `json:"rows"`
}

// warmRow is one target of a group. The ratios are to the group's first row.
type warmRow struct {
	Name       string  `json:"name"`
	Requests   int     `json:"requests"`
	PerSecond  float64 `json:"perSecond"`
	P50        float64 `json:"p50Us"` // microseconds
	P99        float64 `json:"p99Us"`
	CPU        float64 `json:"cpuUs"` // per request, process tree, microseconds
	RatioRate  float64 `json:"ratioRate"`
	RatioP50   float64 `json:"ratioP50"`
	RatioCPU   float64 `json:"ratioCPU"`
	RatioPlain float64 `json:"ratioPlainNode"` // rate to the plain Node echo's
}

func newReport() *report {
	return &report{Date: time.Now().UTC().Format(time.RFC3339), Machine: machine(), MemoryMB: memoryMB}
}

func newWarmRow(name string, s *sample) warmRow {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return warmRow{
		Name: name, Requests: s.requests,
		PerSecond: float64(s.requests) / s.elapsed.Seconds(),
		P50:       us(quantile(s.latencies, 0.5)),
		P99:       us(quantile(s.latencies, 0.99)),
		CPU:       us(s.cpu) / float64(max(s.requests, 1)),
	}
}

// addWarm computes the ratios and prints the group.
func (r *report) addWarm(name string, rows []warmRow) {
	plain := 0.0
	for _, row := range rows {
		if row.Name == "plain Node echo" {
			plain = row.PerSecond
		}
	}
	for i := range rows {
		rows[i].RatioRate = rows[i].PerSecond / rows[0].PerSecond
		rows[i].RatioP50 = rows[i].P50 / rows[0].P50
		rows[i].RatioCPU = rows[i].CPU / rows[0].CPU
		rows[i].RatioPlain = rows[i].PerSecond / plain
	}
	r.Warm = append(r.Warm, warmGroup{Name: name, Rows: rows})
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s\t\trate/s\tp50 µs\tp99 µs\tCPU µs\trate×\tp50×\tCPU×\tplain Node×\t\n", name)
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t\t%.0f\t%.0f\t%.0f\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", row.Name,
			row.PerSecond, row.P50, row.P99, row.CPU, row.RatioRate, row.RatioP50, row.RatioCPU, row.RatioPlain)
	}
	_ = w.Flush()
}

func (r *report) printCold() {
	fmt.Printf("%s, %d MB\nidle ebb: %.1f MiB RSS, %.1f MiB PSS; binary %.1f MiB\n\n",
		r.Machine, r.MemoryMB, r.Idle.RSSMiB, r.Idle.PSSMiB, r.Idle.BinaryMiB)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "from zero\t\tp50 ms\tp99 ms\tbare p50 ms\tbare p99 ms\t")
	for _, c := range r.Cold {
		fmt.Fprintf(w, "%s\t\t%.1f\t%.1f\t%.1f\t%.1f\t\n", c.Name, c.P50, c.P99, c.BareP50, c.BareP99)
	}
	_ = w.Flush()
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
