// Package outbound preprocesses a bank's list of outbound calls with functions.
//
// The list is larger than one payload may be, so the client splits it: chunks of
// lines go to the function outbound-preprocess, many at once, each to an instance
// of its own; what comes back is sorted into shards by phone; each shard goes
// once through outbound-merge, which removes the duplicates. The result is one
// CSV file per shard and a report of the rejected lines.
package outbound

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// The functions that do the work, as ebb.yaml names them.
const (
	FunctionPreprocess = "outbound-preprocess"
	FunctionMerge      = "outbound-merge"
)

// Columns of the result and of the report.
var (
	resultColumns = []string{"line", "record_id", "name", "phone", "id_last4", "campaign", "amount_fen", "language", "window_start", "window_end"}
	rejectColumns = []string{"line", "reason", "field", "detail", "record_id"}
)

// Invoke runs a function and returns its answer. A failed function is an error.
type Invoke func(ctx context.Context, function string, payload []byte) ([]byte, error)

// Plan is how the work is cut.
type Plan struct {
	ChunkLines  int // lines per invocation of the first function
	Shards      int // files of the result, and invocations of the second
	Concurrency int // invocations at the same time
}

// DefaultPlan suits some hundred thousand lines.
func DefaultPlan() Plan { return Plan{ChunkLines: 5000, Shards: 16, Concurrency: 8} }

// Reject is one line that could not be used.
type Reject struct {
	Line                            int
	Reason, Field, Detail, RecordID string
}

// Report is what a run came to.
type Report struct {
	Lines       int
	Accepted    int
	Rejects     []Reject // by line
	Repaired    []int    // lines that were transcoded from GB18030
	Files       []string // of the result; index = shard
	RejectFile  string
	Invocations int
	Took        time.Duration
}

type preprocessed struct {
	Lines    int               `json:"lines"`
	Accepted int               `json:"accepted"`
	Rejected int               `json:"rejected"`
	Repaired []int             `json:"repaired"`
	Shards   map[string]string `json:"shards"`
	Rejects  string            `json:"rejects"`
}

type merged struct {
	Shard    int    `json:"shard"`
	Accepted int    `json:"accepted"`
	Rejected int    `json:"rejected"`
	Rows     string `json:"rows"`
	Rejects  string `json:"rejects"`
}

// Run preprocesses the call list in and writes the result into dir, which must
// exist.
func Run(ctx context.Context, invoke Invoke, plan Plan, in io.Reader, dir string) (*Report, error) {
	began := time.Now()
	report := &Report{}
	parts, err := preprocess(ctx, invoke, plan, in, report)
	if err != nil {
		return nil, err
	}
	if err := merge(ctx, invoke, plan, parts, dir, report); err != nil {
		return nil, err
	}
	slices.Sort(report.Repaired)
	slices.SortFunc(report.Rejects, func(a, b Reject) int { return cmp.Compare(a.Line, b.Line) })
	if err := writeRejects(dir, report); err != nil {
		return nil, err
	}
	report.Took = time.Since(began)
	if got := report.Accepted + len(report.Rejects); got != report.Lines {
		return nil, fmt.Errorf("%d lines went in, but %d came out", report.Lines, got)
	}
	return report, nil
}

// preprocess sends every chunk through the first function and returns the parts
// of each shard in the order of the file.
func preprocess(ctx context.Context, invoke Invoke, plan Plan, in io.Reader, report *Report) ([][]string, error) {
	var mu sync.Mutex
	var answers []*preprocessed // by chunk
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(plan.Concurrency)
	err := split(in, plan.ChunkLines, func(c chunk) error {
		work.Go(func() error {
			answer, err := preprocessChunk(ctx, invoke, plan, c)
			if err != nil {
				return fmt.Errorf("lines from %d: %w", c.first, err)
			}
			rejects, err := parseRejects(answer.Rejects)
			if err != nil {
				return fmt.Errorf("lines from %d: %w", c.first, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for len(answers) <= c.index {
				answers = append(answers, nil)
			}
			answers[c.index] = answer
			report.Lines += answer.Lines
			report.Invocations++
			report.Repaired = append(report.Repaired, answer.Repaired...)
			report.Rejects = append(report.Rejects, rejects...)
			return nil
		})
		return ctx.Err()
	})
	// The first failure of the work is the cause of a split that was cut short.
	if workErr := work.Wait(); workErr != nil {
		return nil, workErr
	}
	if err != nil {
		return nil, err
	}
	return byShard(answers, plan.Shards)
}

func preprocessChunk(ctx context.Context, invoke Invoke, plan Plan, c chunk) (*preprocessed, error) {
	lines, err := pack(c.lines)
	if err != nil {
		return nil, err
	}
	var answer preprocessed
	event := map[string]any{"first_line": c.first, "shards": plan.Shards, "lines": lines}
	if err := call(ctx, invoke, FunctionPreprocess, event, &answer); err != nil {
		return nil, err
	}
	if want := lineCount(c.lines); answer.Lines != want || answer.Accepted+answer.Rejected != want {
		return nil, fmt.Errorf("%d lines went in, %d were read, %d accepted, %d rejected",
			want, answer.Lines, answer.Accepted, answer.Rejected)
	}
	return &answer, nil
}

func byShard(answers []*preprocessed, shards int) ([][]string, error) {
	parts := make([][]string, shards)
	for _, a := range answers {
		for name := range a.Shards {
			if n, err := strconv.Atoi(name); err != nil || n < 0 || n >= shards {
				return nil, fmt.Errorf("the function made a shard %q of %d", name, shards)
			}
		}
		for n := range shards {
			if part, ok := a.Shards[strconv.Itoa(n)]; ok {
				parts[n] = append(parts[n], part)
			}
		}
	}
	return parts, nil
}

// merge sends every shard through the second function and writes its file.
func merge(ctx context.Context, invoke Invoke, plan Plan, parts [][]string, dir string, report *Report) error {
	report.Files = make([]string, plan.Shards)
	var mu sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(plan.Concurrency)
	for n, shard := range parts {
		work.Go(func() error {
			answer := merged{}
			if shard == nil {
				shard = []string{}
			}
			err := call(ctx, invoke, FunctionMerge, map[string]any{"shard": n, "parts": shard}, &answer)
			if err != nil {
				return fmt.Errorf("shard %d: %w", n, err)
			}
			rejects, err := parseRejects(answer.Rejects)
			if err != nil {
				return fmt.Errorf("shard %d: %w", n, err)
			}
			file := filepath.Join(dir, fmt.Sprintf("calls-%02d.csv", n))
			if err := writeShard(file, answer.Rows); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			report.Files[n] = file
			report.Accepted += answer.Accepted
			report.Invocations++
			report.Rejects = append(report.Rejects, rejects...)
			return nil
		})
	}
	return work.Wait()
}

func call(ctx context.Context, invoke Invoke, function string, event, answer any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	got, err := invoke(ctx, function, payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(got, answer); err != nil {
		return fmt.Errorf("%s: its answer is not what was expected: %w", function, err)
	}
	return nil
}

func parseRejects(parcel string) ([]Reject, error) {
	rows, err := rowsOf(parcel, len(rejectColumns))
	if err != nil {
		return nil, err
	}
	rejects := make([]Reject, len(rows))
	for i, row := range rows {
		line, err := strconv.Atoi(row[0])
		if err != nil {
			return nil, err
		}
		rejects[i] = Reject{Line: line, Reason: row[1], Field: row[2], Detail: row[3], RecordID: row[4]}
	}
	return rejects, nil
}

func writeShard(file, rows string) error {
	raw, err := unpack(rows)
	if err != nil {
		return err
	}
	return writeCSV(file, func(w *csv.Writer, out io.Writer) error {
		if err := w.Write(resultColumns); err != nil {
			return err
		}
		w.Flush()
		_, err := out.Write(raw)
		return err
	})
}

func writeRejects(dir string, report *Report) error {
	report.RejectFile = filepath.Join(dir, "rejects.csv")
	return writeCSV(report.RejectFile, func(w *csv.Writer, _ io.Writer) error {
		if err := w.Write(rejectColumns); err != nil {
			return err
		}
		for _, r := range report.Rejects {
			if err := w.Write([]string{strconv.Itoa(r.Line), r.Reason, r.Field, r.Detail, r.RecordID}); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeCSV(file string, fill func(*csv.Writer, io.Writer) error) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	w := csv.NewWriter(f)
	if err := fill(w, f); err != nil {
		return err
	}
	w.Flush()
	return w.Error()
}
