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
	folder := r.row.ID + "/"
	if prefix := strings.Trim(at.Prefix, "/"); prefix != "" {
		folder = prefix + "/" + folder
	}
	files := map[string][]resultFile{"SUCCEEDED": {}, "FAILED": {}, "PENDING": {}}
	parts := map[string]*bytes.Buffer{}
	flush := func(status string) error {
		b := parts[status]
		if b == nil || b.Len() == 0 {
			return nil
		}
		b.WriteString("]")
		key := folder + status + "_" + strconv.Itoa(len(files[status])) + ".json"
		files[status] = append(files[status], resultFile{key, b.Len()})
		err := put(ctx, r.row.Service, at.Bucket, key, bytes.NewReader(b.Bytes()), int64(b.Len()))
		b.Reset()
		return err
	}
	if err := r.eachChild(ctx, func(c *ebb.MapRunChild) error {
		status := "FAILED"
		if c.Status == ebb.ExecutionSucceeded {
			status = "SUCCEEDED"
		}
		b := parts[status]
		if b == nil {
			b = new(bytes.Buffer)
			parts[status] = b
		}
		if b.Len() == 0 {
			b.WriteString("[")
		} else {
			b.WriteString(",")
		}
		text, err := json.Marshal(r.writtenOf(c))
		if err != nil {
			return err
		}
		b.Write(text)
		if b.Len() > maxResultFile {
			return flush(status)
		}
		return nil
	}); err != nil {
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "s3://%s/%s: %s", at.Bucket, folder, messageOf(err)), nil
	}
	for _, status := range []string{"SUCCEEDED", "FAILED"} {
		if err := flush(status); err != nil {
			return asl.Value{}, failuref(asl.ErrResultWriterFailed, "s3://%s/%s: %s", at.Bucket, folder, messageOf(err)), nil
		}
	}
	manifest, err := json.Marshal(map[string]any{"DestinationBucket": at.Bucket, "MapRunArn": r.row.ARN(r.engine.cfg.Region), "ResultFiles": files})
	if err != nil {
		return asl.Value{}, nil, err
	}
	key := folder + "manifest.json"
	if err := put(ctx, r.row.Service, at.Bucket, key, bytes.NewReader(manifest), int64(len(manifest))); err != nil {
		return asl.Value{}, failuref(asl.ErrResultWriterFailed, "s3://%s/%s: %s", at.Bucket, key, messageOf(err)), nil
	}
	var o *jsonata.Object = object("MapRunArn", r.row.ARN(r.engine.cfg.Region), "ResultWriterDetails", object("Bucket", at.Bucket, "Key", key))
	return asl.Value{V: o}, nil, nil
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
	} else {
		w.RedriveStatus = "REDRIVABLE_BY_MAP_RUN"
	}
	return w
}

// instant is a time in a result file.
func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
