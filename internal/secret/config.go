package secret

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config of Secrets. The zero value of a field means its default.
type Config struct {
	// MasterKeyFile holds the master key. Default: master.key in the data
	// directory, made at the first start. A file that is named here must exist.
	MasterKeyFile string `yaml:"masterKeyFile"`
	// Keep is how many versions of a secret stay beside the current one. Default 4.
	Keep int `yaml:"keepVersions"`

	Dir       string           `yaml:"-"` // data directory
	MasterKey string           `yaml:"-"` // of the environment, instead of a file
	Now       func() time.Time `yaml:"-"` // the clock, time.Now if nil
}

// Limits of secrets.
const (
	MaxValue   = 64 << 10 // bytes
	MaxPage    = 100      // items in one answer of a list
	maxKeep    = 100
	maxSecrets = 10_000 // of one service
)

// Validate says what is wrong, naming the key.
func (c Config) Validate() error {
	if c.Keep < 0 || c.Keep > maxKeep {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "secrets.keepVersions: %d is not between 0 and %d", c.Keep, maxKeep)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Keep == 0 {
		c.Keep = 4
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
