package deliver

import (
	"bytes"
	"context"
	"path"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
)

// S3 writes deliveries as objects.
type S3 struct {
	objects *objects.Objects
}

// NewS3 makes the target. Closing it leaves objects open.
func NewS3(o *objects.Objects) *S3 { return &S3{o} }

// Check implements Target.
func (s *S3) Check(ebb.Target) error { return nil }

// Deliver implements Target: it writes what the delivery's function's service
// may. The key is AWS's, below the target's prefix; it is the same however often
// one delivery is made.
func (s *S3) Deliver(ctx context.Context, t ebb.Target, d *Delivery) error {
	metadata := make(map[string]string, len(d.Attributes))
	for name, value := range d.Attributes {
		metadata[name] = oneLine(value)
	}
	return s.objects.Put(ctx, d.Function.Service, t.Bucket, path.Join(t.Prefix, objectKey(d)),
		"application/json", bytes.NewReader(d.Content), int64(len(d.Content)), metadata)
}

func objectKey(d *Delivery) string {
	folder := d.Folder
	if folder == "" {
		folder = "aws/lambda/async/" + d.Function.Name
	}
	return folder + "/" + d.At.Format("2006/01/02/2006-01-02T15.04.05-") + string(d.Request)
}

// Close implements Target.
func (s *S3) Close() error { return nil }
