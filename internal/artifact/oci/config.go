package oci

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config says which registries need more than a name, and where images may lie
// on this host.
type Config struct {
	Registries []Registry `yaml:"registries"`
	// LocalPaths are the folders that images on this host may be taken from.
	// Empty = any: only those who may create functions can name one.
	LocalPaths []string `yaml:"localPaths"`
}

// Registry is how one registry is spoken to.
type Registry struct {
	Host     string `yaml:"host"` // as it stands in references: HOST or HOST:PORT
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	// PasswordFile holds the password, read each time; white space around it
	// does not count.
	PasswordFile string `yaml:"passwordFile"`
	// TokenFile holds a token to show instead of a user name and password.
	TokenFile string `yaml:"tokenFile"`
	CAFile    string `yaml:"caFile"`    // PEM: authorities to trust besides the system's
	PlainHTTP bool   `yaml:"plainHTTP"` // may be spoken to without TLS
}

// Validate says what is wrong, naming the key.
func (c Config) Validate() error {
	var errs []error
	seen := make(map[string]bool)
	for i, r := range c.Registries {
		key := fmt.Sprintf("images.registries[%d]", i)
		switch {
		case r.Host == "" || strings.ContainsAny(r.Host, "/ @"):
			errs = append(errs, fmt.Errorf("%s.host: %q is not HOST or HOST:PORT", key, r.Host))
		case seen[r.Host]:
			errs = append(errs, fmt.Errorf("%s.host: %s stands here twice", key, r.Host))
		case r.Password != "" && r.PasswordFile != "":
			errs = append(errs, fmt.Errorf("%s: password and passwordFile exclude each other", key))
		case r.TokenFile != "" && (r.Username != "" || r.Password != "" || r.PasswordFile != ""):
			errs = append(errs, fmt.Errorf("%s: tokenFile excludes username and password", key))
		case r.Username == "" && (r.Password != "" || r.PasswordFile != ""):
			errs = append(errs, fmt.Errorf("%s.username: missing", key))
		}
		seen[r.Host] = true
	}
	for _, p := range c.LocalPaths {
		if !filepath.IsAbs(p) {
			errs = append(errs, fmt.Errorf("images.localPaths: %q is not absolute", p))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%w", err)
	}
	return nil
}
