package objects

import (
	"context"
	"errors"
	"net"
	"net/url"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config is the S3 endpoint that a platform uses. Without Endpoint it is the
// platform's own.
type Config struct {
	Endpoint    string `yaml:"endpoint"`    // URL; "" = the platform's own
	Region      string `yaml:"region"`      // that requests are signed for; default the platform's
	AccessKeyID string `yaml:"accessKeyID"` // "" = requests are not signed
	// SecretAccessKey, or the file that holds it, read each time; white space
	// around it does not count.
	SecretAccessKey     string `yaml:"secretAccessKey"`
	SecretAccessKeyFile string `yaml:"secretAccessKeyFile"`
	// VirtualHosts puts the bucket into the host's name, as AWS does, and not into
	// the path.
	VirtualHosts bool `yaml:"virtualHosts"`

	// Own reaches the platform's own endpoint; it is not asked where there is an
	// Endpoint.
	Own Own `yaml:"-"`
}

// Own is how the platform's own endpoint is reached. Its zero value is none.
type Own struct {
	Dial func(ctx context.Context) (net.Conn, error)
	// Sign returns credentials that act for a service, or for a role of it.
	Sign func(service ebb.ServiceID, role string) aws.Credentials
}

// ownEndpoint stands in requests to the platform's own endpoint; Own.Dial goes
// there whatever it says.
const ownEndpoint = "http://s3.ebb.internal"

// Offered reports whether there is any endpoint.
func (c Config) Offered() bool { return c.Endpoint != "" || c.Own.Dial != nil }

// Validate says what is wrong, naming the key.
func (c Config) Validate() error {
	var errs []error
	if c.Endpoint == "" {
		if c.AccessKeyID != "" || c.SecretAccessKey != "" || c.SecretAccessKeyFile != "" || c.Region != "" || c.VirtualHosts {
			errs = append(errs, errors.New("objects.endpoint: missing; the other keys of objects are of an endpoint"))
		}
	} else if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		errs = append(errs, errors.New("objects.endpoint: is not http://HOST[:PORT] or https://HOST[:PORT]"))
	}
	secrets := 0
	for _, s := range []string{c.SecretAccessKey, c.SecretAccessKeyFile} {
		if s != "" {
			secrets++
		}
	}
	switch {
	case secrets == 2:
		errs = append(errs, errors.New("objects: secretAccessKey and secretAccessKeyFile exclude each other"))
	case c.AccessKeyID == "" && secrets > 0:
		errs = append(errs, errors.New("objects.accessKeyID: missing"))
	case c.AccessKeyID != "" && secrets == 0:
		errs = append(errs, errors.New("objects.secretAccessKey: missing"))
	}
	if c.SecretAccessKeyFile != "" && !filepath.IsAbs(c.SecretAccessKeyFile) {
		errs = append(errs, errors.New("objects.secretAccessKeyFile: is not absolute"))
	}
	if err := errors.Join(errs...); err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%w", err)
	}
	return nil
}
