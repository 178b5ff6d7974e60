package gateway

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config of the gateway. The zero value of a field means its default.
type Config struct {
	// MaxBody is the largest request body in bytes.
	MaxBody int64 `yaml:"maxBody"`
	// Stall is how long a client may take no part of a streamed answer before it
	// is left: while it takes nothing, it holds an instance.
	Stall time.Duration `yaml:"stall"`
	// BodyTimeout is how long a client may take to send a body that must be whole
	// before the function is called.
	BodyTimeout time.Duration `yaml:"bodyTimeout"`
	AccessLog   AccessLog     `yaml:"accessLog"`
	// Hosts says which services may have routes at a host: names of services by
	// api.bank.example, *.bank.example or *. With none, whoever comes first.
	Hosts map[string][]string `yaml:"hosts"`
	// JWKSDir is the folder of the key sets that routes name without a URL.
	JWKSDir string `yaml:"jwksDir"`
	// JWKSPrivate are networks (CIDR) of this machine or link-local ones that key
	// sets may be fetched from, also without TLS.
	JWKSPrivate []netip.Prefix `yaml:"jwksPrivate"`

	Region string           `yaml:"-"` // set by server
	Now    func() time.Time `yaml:"-"` // the clock, time.Now if nil
}

// DefaultMaxBody is what Lambda takes: 6 MiB.
const DefaultMaxBody = 6 << 20

// DefaultStall is patient with bad networks.
const DefaultStall = 30 * time.Second

// DefaultBodyTimeout is enough for the largest body over a bad network.
const DefaultBodyTimeout = time.Minute

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	if c.MaxBody < 0 {
		return errors.New("http.maxBody: must not be negative")
	}
	if c.Stall < 0 {
		return errors.New("http.stall: must not be negative")
	}
	if c.BodyTimeout < 0 {
		return errors.New("http.bodyTimeout: must not be negative")
	}
	if a := c.AccessLog; a.File != "" && !filepath.IsAbs(a.File) || a.MaxMB < 0 || a.Keep < 0 {
		return errors.New("http.accessLog: file must be an absolute path, maxMB and keep not negative")
	}
	if c.JWKSDir != "" && !filepath.IsAbs(c.JWKSDir) {
		return errors.New("http.jwksDir: must be an absolute path")
	}
	return nil
}

// Granted are the services that may have routes at a host, "" being all hosts
// that no route names. ok is false if no host is granted to anybody.
func (c Config) Granted(host string) (services []string, ok bool) {
	if len(c.Hosts) == 0 {
		return nil, false
	}
	services = slices.Clone(c.Hosts["*"])
	if host != "" {
		services = slices.Clone(c.Hosts[host])
		if _, parent, ok := strings.Cut(host, "."); ok && host[0] != '*' {
			services = append(services, c.Hosts["*."+parent]...)
		}
	}
	return services, true
}

func (c Config) withDefaults() Config {
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Stall == 0 {
		c.Stall = DefaultStall
	}
	if c.BodyTimeout == 0 {
		c.BodyTimeout = DefaultBodyTimeout
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
