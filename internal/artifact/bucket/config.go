package bucket

import (
	"errors"
	"net/url"
	"path/filepath"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config is the S3 endpoint of a platform. The zero value is none.
type Config struct {
	Endpoint    string `yaml:"endpoint"`    // URL; "" = there is none
	Region      string `yaml:"region"`      // that requests are signed for; default us-east-1
	AccessKeyID string `yaml:"accessKeyID"` // "" = requests are not signed
	// SecretAccessKey, or the file that holds it, read each time; white space
	// around it does not count.
	SecretAccessKey     string `yaml:"secretAccessKey"`
	SecretAccessKeyFile string `yaml:"secretAccessKeyFile"`
	// VirtualHosts puts the bucket into the host's name, as AWS does, and not into
	// the path.
	VirtualHosts bool `yaml:"virtualHosts"`
}

// Validate says what is wrong, naming the key.
func (c Config) Validate() error {
	var errs []error
	if c.Endpoint == "" {
		if c != (Config{}) {
			errs = append(errs, errors.New("s3.endpoint: missing; the other keys of s3 are of an endpoint"))
		}
	} else if u, err := url.Parse(c.Endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		errs = append(errs, errors.New("s3.endpoint: is not http://HOST[:PORT] or https://HOST[:PORT]"))
	}
	secrets := 0
	for _, s := range []string{c.SecretAccessKey, c.SecretAccessKeyFile} {
		if s != "" {
			secrets++
		}
	}
	switch {
	case secrets == 2:
		errs = append(errs, errors.New("s3: secretAccessKey and secretAccessKeyFile exclude each other"))
	case c.AccessKeyID == "" && secrets > 0:
		errs = append(errs, errors.New("s3.accessKeyID: missing"))
	case c.AccessKeyID != "" && secrets == 0:
		errs = append(errs, errors.New("s3.secretAccessKey: missing"))
	}
	if c.SecretAccessKeyFile != "" && !filepath.IsAbs(c.SecretAccessKeyFile) {
		errs = append(errs, errors.New("s3.secretAccessKeyFile: is not absolute"))
	}
	if err := errors.Join(errs...); err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%w", err)
	}
	return nil
}
