package cluster

import (
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config says how quickly nodes miss each other. Zero values mean the defaults.
type Config struct {
	// Heartbeat is how often a node says that it is there, and renews its
	// leases. Default 2 s.
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Lost is after how long without a heartbeat a node counts as lost, and its
	// leases as free. At least three heartbeats. Default 10 s.
	Lost time.Duration `yaml:"lost"`
}

const (
	defaultHeartbeat = 2 * time.Second
	defaultLost      = 10 * time.Second
	// keepIdle is for how many times Lost a lease is kept that nobody asks for.
	keepIdle = 6
	// remember is for how long a node that was lost is still listed.
	remember = time.Hour
)

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	if c.Heartbeat < 0 || c.Lost < 0 {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "cluster.heartbeat, cluster.lost: must not be negative")
	}
	if c = c.withDefaults(); c.Lost < 3*c.Heartbeat {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid,
			"cluster.lost: %v is less than three times cluster.heartbeat, %v", c.Lost, c.Heartbeat)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Heartbeat == 0 {
		c.Heartbeat = defaultHeartbeat
	}
	if c.Lost == 0 {
		c.Lost = max(defaultLost, 5*c.Heartbeat)
	}
	return c
}
