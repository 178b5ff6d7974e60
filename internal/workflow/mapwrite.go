package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/store"
)

// written is a child in a result file.
type written struct {
	ExecutionArn    string
	Input           string          `json:",omitempty"`
	InputDetails    map[string]bool `json:",omitempty"`
	Name            string
	Output          *string         `json:",omitempty"`
	OutputDetails   map[string]bool `json:",omitempty"`
	Error           *string         `json:",omitempty"`
	Cause           *string         `json:",omitempty"`
	RedriveCount    int
	RedriveStatus   string
	RedriveReason   string `json:"RedriveStatusReason,omitempty"`
	StartDate       string
	StateMachineArn string
	Status          string
	StopDate        string
}

// resultFile is one entry of the manifest.
type resultFile struct {
	Key  string
	Size int
}

// Transformations of results.
const (
	asMetadata = "NONE" // the whole record of the child
	asOutput   = "COMPACT"
	asElements = "FLATTEN" // a child's array gives its elements
)

// results is how a map run tells its results.
type results struct {
	Transformation string
	OutputType     string // JSONL: lines, not an array
}

// resultsOf reads WriterConfig. By default files have the records of the
// children, and the state's output what they put out.
func resultsOf(w *asl.ResultWriting) (c results, err error) {
	if w != nil {
		err = json.Unmarshal([]byte(w.Config.String()), &c)
	}
	switch {
	case c.Transformation != "":
	case w != nil && w.Resource != "":
		c.Transformation = asMetadata
	default:
		c.Transformation = asOutput
	}
	return c, err
}

func (c results) lines() bool { return c.OutputType == "JSONL" }

// values are what a child gives. One that failed always gives its record.
func (c results) values(r *mapRun, child *ebb.MapRunChild) ([]any, error) {
	if c.Transformation == asMetadata || child.Status != ebb.ExecutionSucceeded || child.Outcome.Output == nil {
		text, err := json.Marshal(r.writtenOf(child))
		if err != nil {
			return nil, err
		}
		v, err := jsonata.ParseJSON(text)
		return []any{v}, err
	}
	v, err := jsonata.ParseJSON([]byte(*child.Outcome.Output))
	if all, ok := v.([]any); ok && c.Transformation == asElements {
		return all, err
	}
	return []any{v}, err
}

// gather is the state's output when results are not written to a bucket.
func (r *mapRun) gather(ctx context.Context) (asl.Value, *failure, error) {
	c, err := resultsOf(r.plan.Run.Writer)
	if err != nil {
		return asl.Value{}, nil, err
	}
	all := []any{}
	if err := r.eachChild(ctx, func(child *ebb.MapRunChild) error {
		some, err := c.values(r, child)
		all = append(all, some...)
		return err
	}); err != nil || !c.lines() {
		return asl.Value{V: all}, nil, err
	}
	var b strings.Builder
	for _, v := range all {
		b.WriteString(jsonata.Text(v) + "\n")
	}
	return asl.Value{V: b.String()}, nil, nil
}

// resultFiles are the files that results go into, of each status its own.
type resultFiles struct {
	results
	put    func(key string, body []byte) error
	folder string
	files  map[string][]resultFile
	parts  map[string]*bytes.Buffer
}

func (f *resultFiles) add(status string, v any) error {
	b := f.parts[status]
	if b == nil {
		b = new(bytes.Buffer)
		f.parts[status] = b
	}
	switch {
	case f.lines():
	case b.Len() == 0:
		b.WriteByte('[')
	default:
		b.WriteByte(',')
	}
	b.WriteString(jsonata.Text(v))
	if f.lines() {
		b.WriteByte('\n')
	}
	if b.Len() > maxResultFile {
		return f.flush(status)
	}
	return nil
}

// flush ends a file.
func (f *resultFiles) flush(status string) error {
	b := f.parts[status]
	if b == nil || b.Len() == 0 {
		return nil
	}
	kind := ".jsonl"
	if !f.lines() {
		b.WriteByte(']')
		kind = ".json"
	}
	key := f.folder + status + "_" + strconv.Itoa(len(f.files[status])) + kind
	f.files[status] = append(f.files[status], resultFile{key, b.Len()})
	err := f.put(key, b.Bytes())
	b.Reset()
	return err
}

// write puts the results into files of a bucket, as ResultWriter says: for each
// status its files, and a manifest.
func (r *mapRun) write(ctx context.Context) (asl.Value, *failure, error) {
	var at place
	w := r.plan.Run.Writer
	if err := json.Unmarshal([]byte(w.Parameters.String()), &at); err != nil {
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "Parameters: %s", err), nil
	}
	put := r.engine.deps.Objects.Put
	switch {
	case at.Bucket == "":
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "Parameters: the required field \"Bucket\" is missing"), nil
	case put == nil || asl.ParseResource(w.Resource).API != "putObject":
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "The resource '%s' is not offered by this ebb: no object store is configured", w.Resource), nil
	}
	c, err := resultsOf(w)
	if err != nil {
		return asl.Value{}, nil, err
	}
	f := &resultFiles{results: c, folder: r.row.ID + "/", files: map[string][]resultFile{"SUCCEEDED": {}, "FAILED": {}, "PENDING": {}}, parts: map[string]*bytes.Buffer{}}
	f.put = func(key string, body []byte) error {
		return put(ctx, r.row.Service, at.Bucket, key, bytes.NewReader(body), int64(len(body)))
	}
	if prefix := strings.Trim(at.Prefix, "/"); prefix != "" {
		f.folder = prefix + "/" + f.folder
	}
	manifest, err := r.fill(ctx, f, at.Bucket)
	if err != nil {
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "s3://%s/%s: %s", at.Bucket, f.folder, messageOf(err)), nil
	}
	return asl.Value{V: object("MapRunArn", r.row.ARN(r.engine.cfg.Region), "ResultWriterDetails", object("Bucket", at.Bucket, "Key", manifest))}, nil, nil
}

// fill writes the files and, when all are there, the manifest, whose key it
// returns.
func (r *mapRun) fill(ctx context.Context, f *resultFiles, bucket string) (string, error) {
	if err := r.eachChild(ctx, func(child *ebb.MapRunChild) error {
		status := "FAILED"
		if child.Status == ebb.ExecutionSucceeded {
			status = "SUCCEEDED"
		}
		all, err := f.values(r, child)
		for i := 0; i < len(all) && err == nil; i++ {
			err = f.add(status, all[i])
		}
		return err
	}); err != nil {
		return "", err
	}
	for _, status := range []string{"SUCCEEDED", "FAILED"} {
		if err := f.flush(status); err != nil {
			return "", err
		}
	}
	manifest, err := json.Marshal(map[string]any{"DestinationBucket": bucket, "MapRunArn": r.row.ARN(r.engine.cfg.Region), "ResultFiles": f.files})
	if err != nil {
		return "", err
	}
	key := f.folder + "manifest.json"
	return key, f.put(key, manifest)
}

// maxResultFile is how large a file of results grows before the next begins.
const maxResultFile = 64 << 20

// eachChild reads the children page by page, so that no transaction is long.
func (r *mapRun) eachChild(ctx context.Context, each func(*ebb.MapRunChild) error) error {
	const page = 500
	for after := int64(-1); ; {
		var some []*ebb.MapRunChild
		if err := r.engine.store.Read(ctx, func(tx *store.Tx) error {
			some = some[:0]
			return tx.MapRunChildren(r.row.ID, after, page, func(c *ebb.MapRunChild) error {
				some = append(some, c)
				return nil
			})
		}); err != nil {
			return err
		}
		for _, c := range some {
			if err := each(c); err != nil {
				return err
			}
			after = c.Item
		}
		if len(some) < page {
			return nil
		}
	}
}

func (r *mapRun) writtenOf(c *ebb.MapRunChild) *written {
	region, machine := r.engine.cfg.Region, r.row.Machine+"/"+r.row.Label
	w := &written{
		ExecutionArn: ebb.StatesARN{Region: region, Service: r.row.Service, Kind: "execution", Name: machine, Rest: c.Outcome.Name}.String(),
		Input:        c.Outcome.Input, InputDetails: map[string]bool{"Included": true}, Name: c.Outcome.Name,
		Output: c.Outcome.Output, Error: c.Outcome.Error, Cause: c.Outcome.Cause,
		RedriveStatus: "NOT_REDRIVABLE", StateMachineArn: ebb.StateMachineARN(region, ebb.StateMachineKey{Service: r.row.Service, Name: machine}, ""),
		Status: c.Status, StartDate: instant(c.Outcome.Started), StopDate: instant(c.Outcome.Stopped),
	}
	if w.Output != nil {
		w.OutputDetails = map[string]bool{"Included": true}
		w.RedriveReason = "Execution is SUCCEEDED and cannot be redriven"
	} else {
		w.RedriveStatus = "REDRIVABLE_BY_MAP_RUN"
	}
	return w
}

// instant is a time in a result file.
func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
