package workflow

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/objects"
)

// maxObject is how large a JSON file of items may be: it is read whole. Files of
// lines may be of any size.
const maxObject = 512 << 20

// readFail is why items cannot be read.
func readFail(format string, args ...any) *failure {
	return failuref(asl.ErrItemReaderFailed, format, args...)
}

// read gives the items of a map run one by one; the second value is why there
// are no more than that.
func (r *mapRun) read(ctx context.Context) iter.Seq2[any, *failure] {
	run := r.plan.Run
	if run.Items != nil {
		return func(yield func(any, *failure) bool) {
			all, _ := run.Items.V.([]any)
			for _, v := range all {
				if !yield(v, nil) {
					return
				}
			}
		}
	}
	return func(yield func(any, *failure) bool) {
		left := run.Reader.MaxItems
		err := r.fromBucket(ctx, func(v any) bool {
			if !yield(v, nil) {
				return false
			}
			left--
			return left != 0
		})
		if err != nil {
			f, ok := errors.AsType[*failure](err)
			if !ok {
				f = readFail("%s", messageOf(err))
			}
			yield(nil, f)
		}
	}
}

// source is what an ItemReader says.
type source struct {
	InputType         string
	ItemsPointer      string
	CSVHeaderLocation string
	CSVHeaders        []string
	CSVDelimiter      string
	Transformation    string
	ManifestType      string
}

// sourceOf reads a ReaderConfig.
func sourceOf(config asl.Value) (s source, err error) {
	if err := json.Unmarshal([]byte(config.String()), &s); err != nil {
		return s, readFail("ReaderConfig: %s", err)
	}
	return s, nil
}

// place is where an object is.
type place struct{ Bucket, Key, Prefix, VersionId string }

// fromBucket reads items from a bucket until each returns false.
func (r *mapRun) fromBucket(ctx context.Context, each func(any) bool) error {
	reader := r.plan.Run.Reader
	var at place
	s, err := sourceOf(reader.Config)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(reader.Parameters.String()), &at); err != nil {
		return readFail("Parameters: %s", err)
	}
	if at.Bucket == "" {
		return readFail("Parameters: the required field \"Bucket\" is missing")
	}
	resource := asl.ParseResource(reader.Resource)
	from := r.engine.deps.Objects
	if from.Get == nil || from.List == nil || resource.Type != "s3" {
		return readFail("The resource '%s' is not offered by this ebb: no object store is configured", reader.Resource)
	}
	if resource.API == "listObjectsV2" {
		return r.listed(ctx, at, s, each)
	}
	if resource.API != "getObject" {
		return readFail("The resource '%s' is not one that items can be read from", reader.Resource)
	}
	if at.Key == "" {
		return readFail("Parameters: the required field \"Key\" is missing")
	}
	if at.VersionId != "" {
		return readFail("Parameters: VersionId is not offered: objects have no versions here")
	}
	return r.object(ctx, at, s, each)
}

// uri is a place as the context of an item names it.
func (p place) uri() string {
	if p.Key == "" {
		return "S3://" + p.Bucket
	}
	return "S3://" + p.Bucket + "/" + p.Key
}

// object gives the items of one object.
func (r *mapRun) object(ctx context.Context, at place, s source, each func(any) bool) error {
	body, err := r.open(ctx, at.Bucket, at.Key)
	if err != nil {
		return err
	}
	defer body.Close()
	r.source = at.uri()
	if strings.HasSuffix(at.Key, ".gz") {
		z, err := gzip.NewReader(body)
		if err != nil {
			return readFail("s3://%s/%s: %s", at.Bucket, at.Key, err)
		}
		return r.parse(ctx, z, s, at, each)
	}
	return r.parse(ctx, body, s, at, each)
}

func (r *mapRun) open(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	body, err := r.engine.deps.Objects.Get(ctx, r.row.Service, bucket, key)
	if err != nil {
		return nil, readFail("s3://%s/%s: %s", bucket, key, messageOf(err))
	}
	return body, nil
}

// listed gives the objects of a bucket.
func (r *mapRun) listed(ctx context.Context, at place, s source, each func(any) bool) error {
	var inner error
	r.source = at.uri()
	err := r.engine.deps.Objects.List(ctx, r.row.Service, at.Bucket, at.Prefix, func(o objects.Object) bool {
		if s.Transformation == "LOAD_AND_FLATTEN" {
			more := true
			inner = r.object(ctx, place{Bucket: at.Bucket, Key: o.Key}, s, func(v any) bool {
				more = each(v)
				return more
			})
			return inner == nil && more
		}
		return each(object("Etag", o.ETag, "Key", o.Key, "LastModified", number(o.LastModified.Unix()), "Size", number(o.Size), "StorageClass", o.StorageClass))
	})
	if inner != nil {
		return inner
	}
	if err != nil {
		return readFail("s3://%s/%s: %s", at.Bucket, at.Prefix, messageOf(err))
	}
	return nil
}

func (r *mapRun) parse(ctx context.Context, body io.Reader, s source, at place, each func(any) bool) error {
	switch {
	case s.ManifestType == "ATHENA_DATA":
		return r.parseManifest(ctx, body, s, at, each)
	case s.InputType == "MANIFEST", s.ManifestType != "":
		return r.parseInventory(ctx, body, each)
	}
	if err := parseItems(body, s, each); err != nil {
		return readFail("s3://%s/%s: %s", at.Bucket, at.Key, err)
	}
	return nil
}

// parseItems gives the items of a file.
func parseItems(body io.Reader, s source, each func(any) bool) error {
	switch s.InputType {
	case "JSON":
		return parseArray(body, s.ItemsPointer, each)
	case "JSONL":
		return parseLines(body, each)
	case "CSV":
		return parseCSV(body, s, each)
	case "PARQUET":
		return errors.New("InputType PARQUET is not offered: JSON, JSONL, CSV and MANIFEST are")
	}
	return fmt.Errorf("ReaderConfig: InputType %q is none of JSON, JSONL, CSV, MANIFEST", s.InputType)
}

func parseArray(body io.Reader, pointer string, each func(any) bool) error {
	text, err := io.ReadAll(io.LimitReader(body, maxObject+1))
	if err != nil {
		return err
	}
	if len(text) > maxObject {
		return fmt.Errorf("it has more than %d bytes", maxObject)
	}
	v, err := jsonata.ParseJSON(text)
	if err != nil {
		return err
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		o, ok := v.(*jsonata.Object)
		if ok {
			v, ok = o.Get(strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
		if !ok {
			return fmt.Errorf("ItemsPointer %s leads nowhere", pointer)
		}
	}
	if o, ok := v.(*jsonata.Object); ok {
		for i := range o.Len() {
			k, m := o.At(i)
			if !each(object("Key", k, "Value", m)) {
				return nil
			}
		}
		return nil
	}
	all, ok := v.([]any)
	if !ok {
		return errors.New("Attempting to map over non-iterable node.")
	}
	for _, m := range all {
		if !each(m) {
			return nil
		}
	}
	return nil
}

// maxLine is how long a line of a file of items may be.
const maxLine = 10 << 20

func parseLines(body io.Reader, each func(any) bool) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		v, err := jsonata.ParseJSON(text)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !each(v) {
			return nil
		}
	}
	return lines.Err()
}

// delimiters are the values of CSVDelimiter.
var delimiters = map[string]rune{"": ',', "COMMA": ',', "PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'} // never changed

func parseCSV(body io.Reader, s source, each func(any) bool) error {
	comma, ok := delimiters[s.CSVDelimiter]
	if !ok {
		if comma, _ = utf8.DecodeRuneInString(s.CSVDelimiter); len(s.CSVDelimiter) != utf8.RuneLen(comma) {
			return fmt.Errorf("CSVDelimiter %q is none of COMMA, PIPE, SEMICOLON, SPACE, TAB", s.CSVDelimiter)
		}
	}
	rows := csv.NewReader(bufio.NewReader(body))
	rows.Comma, rows.FieldsPerRecord, rows.ReuseRecord = comma, -1, true
	headers := s.CSVHeaders
	if s.CSVHeaderLocation != "GIVEN" {
		first, err := rows.Read()
		if err != nil {
			return fmt.Errorf("the row of headers: %w", err)
		}
		headers = append([]string(nil), first...)
		headers[0] = strings.TrimPrefix(headers[0], "\ufeff")
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		o := jsonata.NewObject(len(headers))
		for i, h := range headers {
			if i < len(row) {
				o.Set(h, row[i])
			} else {
				o.Set(h, "")
			}
		}
		if !each(o) {
			return nil
		}
	}
}
