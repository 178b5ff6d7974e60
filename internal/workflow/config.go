package workflow

import (
	"errors"
	"time"
)

// Config of workflows. The zero value of a field means its default.
type Config struct {
	// Retention is how long an execution that ended, and its history, are kept.
	Retention time.Duration `yaml:"retention"`
	// ExpressTimeout is how long an Express execution may take.
	ExpressTimeout time.Duration `yaml:"expressTimeout"`
	// MaxChildren is how many children of one map run run at once, at most.
	MaxChildren int `yaml:"maxChildren"`
	// CacheMB is how much memory the executions take that are remembered between
	// their steps. What is not remembered is folded again.
	CacheMB int `yaml:"cacheMB"`

	Region string           `yaml:"-"` // set by server
	Now    func() time.Time `yaml:"-"` // the clock; nil = time.Now
}

// Defaults, those of AWS where it has any.
const (
	DefaultRetention      = 90 * 24 * time.Hour
	DefaultExpressTimeout = 5 * time.Minute
	DefaultMaxChildren    = 10_000
	DefaultCacheMB        = 64
)

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	switch {
	case c.Retention < 0:
		return errors.New("workflow.retention: must not be negative")
	case c.ExpressTimeout < 0 || c.ExpressTimeout > 0 && c.ExpressTimeout < time.Second:
		return errors.New("workflow.expressTimeout: must be at least 1s")
	case c.MaxChildren < 0:
		return errors.New("workflow.maxChildren: must not be negative")
	case c.CacheMB < 0:
		return errors.New("workflow.cacheMB: must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	if c.ExpressTimeout == 0 {
		c.ExpressTimeout = DefaultExpressTimeout
	}
	if c.MaxChildren == 0 {
		c.MaxChildren = DefaultMaxChildren
	}
	if c.CacheMB == 0 {
		c.CacheMB = DefaultCacheMB
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
