package workflow

import (
	"context"
	"io"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Objects are buckets and what is in them, for the readers and writers of
// distributed Maps. A func that is nil is not offered.
type Objects struct {
	Get func(ctx context.Context, service ebb.ServiceID, bucket, key string) (io.ReadCloser, error)
	Put func(ctx context.Context, service ebb.ServiceID, bucket, key string, body io.Reader, size int64) error
	// List calls each with the objects under a prefix, by key, until it returns false.
	List func(ctx context.Context, service ebb.ServiceID, bucket, prefix string, each func(Object) bool) error
}

// Object is one entry of a bucket's list.
type Object struct {
	Key          string
	ETag         string
	Size         int64
	LastModified time.Time
	StorageClass string
}
