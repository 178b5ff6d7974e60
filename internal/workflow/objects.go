package workflow

import (
	"context"
	"io"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/objects"
)

// Objects are buckets and what is in them, for the readers and writers of
// distributed Maps. A func that is nil is not offered.
type Objects struct {
	Get func(ctx context.Context, service ebb.ServiceID, bucket, key string) (io.ReadCloser, error)
	Put func(ctx context.Context, service ebb.ServiceID, bucket, key string, body io.Reader, size int64) error
	// List calls each with the objects under a prefix, by key, until it returns false.
	List func(ctx context.Context, service ebb.ServiceID, bucket, prefix string, each func(objects.Object) bool) error
}
