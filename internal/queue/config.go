package queue

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
)

// Defaults of Config.
const (
	DefaultConcurrency = 192
	DefaultVisibility  = 30 * time.Second
	DefaultMaxCrashes  = 4
	DefaultKeepDead    = 14 * 24 * time.Hour
	DefaultRescan      = time.Second
	exclusiveRescan    = time.Minute
)

// Config of all queues of a process. The zero value of a field means its default.
type Config struct {
	// Concurrency is how many handlers of one queue this process runs at once.
	Concurrency int `yaml:"concurrency"`
	// Visibility is how long a lease lasts unless it is renewed: how long the
	// messages of a process that died are out of sight.
	Visibility time.Duration `yaml:"visibility"`
	// MaxCrashes is how many processes a message may take with it before it is a
	// dead letter.
	MaxCrashes int `yaml:"maxCrashes"`
	// KeepDead is how long dead letters are kept.
	KeepDead time.Duration `yaml:"keepDead"`
	// Rescan is how often to look for what other processes enqueued.
	Rescan time.Duration `yaml:"rescan"`

	// Queues holds what is particular to a queue, by its name.
	Queues map[string]Options `yaml:"-"`
	// Exclusive says that no other process has this database open.
	Exclusive bool `yaml:"-"`
	// Drain is how long handlers may go on once Run's context has ended; then
	// theirs ends.
	Drain   time.Duration    `yaml:"-"`
	Metrics *metrics.Metrics `yaml:"-"` // nil = not measured
	// Hold is for how long in a row queues that go First may hold back those that
	// yield; default a second.
	Hold time.Duration `yaml:"-"`
	// Failpoint is called between the writes of a message's way, for tests that
	// end the process there: "enqueued", "claimed", "handled", "settled".
	Failpoint func(point string) `yaml:"-"`
	Now       func() time.Time   `yaml:"-"` // default time.Now
}

// Rank is which queues go before which. While messages of one that goes First are
// due, no handler of one that Yields begins, for up to Config.Hold at a time: what
// those run would make these late.
type Rank int

// The ranks of queues.
const (
	Even Rank = iota // neither of the two others
	First
	Yields
)

// Options of one queue.
type Options struct {
	Concurrency int  // handlers at once; 0 = Config's
	PerGroup    bool // a lane for each group instead of one for each service
	// Together has outcomes with a Tx fn share their Tx, as those without do: for
	// many that are small, run nothing but SQL and end at once. One that fails takes
	// no other with it. A process that is alone (Config.Exclusive) leases them in
	// that Tx only; none of them is written by Settle.
	Together bool
	Rank     Rank
	// Poison says, in place of the handler, what is to become of a message with
	// Config.MaxCrashes crashes. Default: Dead.
	Poison func(m *Message, reason string) Outcome
}

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	for _, f := range []struct {
		key string
		bad bool
	}{
		{"concurrency", c.Concurrency < 0}, {"visibility", c.Visibility < 0}, {"maxCrashes", c.MaxCrashes < 0},
		{"keepDead", c.KeepDead < 0}, {"rescan", c.Rescan < 0},
	} {
		if f.bad {
			return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "queue.%s: must not be negative", f.key)
		}
	}
	if c.Visibility > 0 && c.Visibility < time.Second {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "queue.visibility: %v is less than 1s", c.Visibility)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Concurrency == 0 {
		c.Concurrency = DefaultConcurrency
	}
	if c.Visibility == 0 {
		c.Visibility = DefaultVisibility
	}
	if c.MaxCrashes == 0 {
		c.MaxCrashes = DefaultMaxCrashes
	}
	if c.KeepDead == 0 {
		c.KeepDead = DefaultKeepDead
	}
	if c.Rescan == 0 {
		c.Rescan = DefaultRescan
		if c.Exclusive {
			c.Rescan = exclusiveRescan
		}
	}
	if c.Hold == 0 {
		c.Hold = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failpoint == nil {
		c.Failpoint = func(string) {}
	}
	return c
}
