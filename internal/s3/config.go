package s3

import (
	"context"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config of the platform's own S3 endpoint. The zero value of a field means its
// default.
type Config struct {
	// Off leaves it away.
	Off bool `yaml:"off"`
	// Listen is the address of the endpoint.
	Listen string `yaml:"listen"`
	// Dir is the folder of buckets, the platform's data directory if empty. Its
	// file system should know extended attributes.
	Dir string `yaml:"dir"`
	// NoSync acknowledges objects before they are on the disk.
	NoSync bool `yaml:"noSync"`
}

// DefaultListen is where the endpoint answers.
const DefaultListen = "127.0.0.1:9082"

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error { return nil }

// Deps is what the endpoint stands on.
type Deps struct {
	Auth   *auth.Auth
	Log    *slog.Logger
	Region string
	// Binary is the program that "s3" is a verb of; "" = this one.
	Binary string
	// Happened makes an event durable.
	Happened func(ctx context.Context, e *ebb.ObjectEvent) error
	// Notifications reads the notification configuration of a bucket, and, if body
	// is not nil, replaces it before. Both are S3's XML.
	Notifications func(ctx context.Context, service ebb.ServiceID, bucket string, body []byte) ([]byte, error)
}
