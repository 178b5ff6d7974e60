package gateway

import (
	"errors"
	"time"
)

// Config of the gateway. The zero value of a field means its default.
type Config struct {
	// MaxBody is the largest request body in bytes.
	MaxBody int64 `yaml:"maxBody"`
	// Stall is how long a client may take no part of a streamed answer before it
	// is left: while it takes nothing, it holds an instance.
	Stall time.Duration `yaml:"stall"`

	Region string           `yaml:"-"` // set by server
	Now    func() time.Time `yaml:"-"` // the clock, time.Now if nil
}

// DefaultMaxBody is what Lambda takes: 6 MiB.
const DefaultMaxBody = 6 << 20

// DefaultStall is patient with bad networks.
const DefaultStall = 30 * time.Second

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	if c.MaxBody < 0 {
		return errors.New("http.maxBody: must not be negative")
	}
	if c.Stall < 0 {
		return errors.New("http.stall: must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.MaxBody == 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Stall == 0 {
		c.Stall = DefaultStall
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
