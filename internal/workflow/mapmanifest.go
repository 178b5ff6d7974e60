package workflow

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"strings"
)

// inventory is the manifest of an S3 inventory.
type inventory struct {
	DestinationBucket string `json:"destinationBucket"`
	FileFormat        string `json:"fileFormat"`
	FileSchema        string `json:"fileSchema"`
	Files             []struct {
		Key string `json:"key"`
	} `json:"files"`
}

// parseInventory gives the objects that an inventory lists.
func (r *mapRun) parseInventory(ctx context.Context, body io.Reader, each func(any) bool) error {
	var m inventory
	if err := json.NewDecoder(io.LimitReader(body, maxObject)).Decode(&m); err != nil {
		return readFail("the manifest of the inventory: %s", err)
	}
	if m.FileFormat != "CSV" {
		return readFail("the inventory is in the format %q; only CSV can be read", m.FileFormat)
	}
	s := source{CSVHeaderLocation: "GIVEN"}
	for name := range strings.SplitSeq(m.FileSchema, ",") {
		s.CSVHeaders = append(s.CSVHeaders, strings.TrimSpace(name))
	}
	bucket := m.DestinationBucket[strings.LastIndexByte(m.DestinationBucket, ':')+1:]
	more := true
	for _, file := range m.Files {
		if err := r.inventoryFile(ctx, bucket, file.Key, s, func(v any) bool {
			more = each(v)
			return more
		}); err != nil || !more {
			return err
		}
	}
	return nil
}

func (r *mapRun) inventoryFile(ctx context.Context, bucket, key string, s source, each func(any) bool) error {
	body, err := r.open(ctx, bucket, key)
	if err != nil {
		return err
	}
	defer body.Close()
	text := io.Reader(body)
	if strings.HasSuffix(key, ".gz") {
		if text, err = gzip.NewReader(body); err != nil {
			return readFail("s3://%s/%s: %s", bucket, key, err)
		}
	}
	if err := parseCSV(text, s, each); err != nil {
		return readFail("s3://%s/%s: %s", bucket, key, err)
	}
	return nil
}

// parseManifest gives the items of the files that an unload of Athena wrote: its
// manifest has the URI of one file in each line.
func (r *mapRun) parseManifest(ctx context.Context, body io.Reader, s source, at place, each func(any) bool) error {
	s.ManifestType = ""
	more := true
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		uri := strings.Trim(strings.TrimSpace(lines.Text()), `"`)
		if uri == "" {
			continue
		}
		bucket, key, ok := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
		if !ok || !strings.HasPrefix(uri, "s3://") {
			return readFail("s3://%s/%s: %q is not the URI of an object", at.Bucket, at.Key, uri)
		}
		if err := r.object(ctx, place{Bucket: bucket, Key: key}, s, func(v any) bool {
			more = each(v)
			return more
		}); err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return readFail("s3://%s/%s: %s", at.Bucket, at.Key, err)
	}
	return nil
}
