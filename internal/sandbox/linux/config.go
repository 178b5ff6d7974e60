//go:build linux

package linux

import (
	"path/filepath"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// Defaults of Config.
const (
	DefaultUIDBase      = 700000
	DefaultUIDCount     = 65536
	DefaultRangeBase    = 1 << 30
	DefaultRangeCount   = 16384
	DefaultTmpPool      = 4
	DefaultAhead        = 4
	DefaultStartTimeout = 10 * time.Second
)

// Config of the driver. Zero fields mean their defaults.
type Config struct {
	// Dir is the data directory, absolute. The driver owns Dir/run.
	Dir string
	// UIDBase and UIDCount are the range of user ids that boxes get. Two ebbs on
	// one machine must have ranges apart.
	UIDBase, UIDCount int
	// RangeBase and RangeCount are for boxes with users of an image, which get 65536
	// ids each.
	RangeBase, RangeCount int
	// TmpPool is how many /tmp images of TmpMB are kept ready.
	TmpPool int
	TmpMB   int
	// Ahead is how many boxes are begun before they are wanted. -1: none.
	Ahead int
	// StartTimeout is how long the making of one box may take.
	StartTimeout time.Duration
	// Outer is a process that waits for this one and moves between cgroups with it;
	// 0: there is none.
	Outer int
	// Egress is about connections out of boxes.
	Egress egress.Config
}

func (c Config) withDefaults() Config {
	if c.UIDBase == 0 {
		c.UIDBase = DefaultUIDBase
	}
	if c.UIDCount == 0 {
		c.UIDCount = DefaultUIDCount
	}
	if c.RangeBase == 0 {
		c.RangeBase = DefaultRangeBase
	}
	if c.RangeCount == 0 {
		c.RangeCount = DefaultRangeCount
	}
	if c.TmpPool == 0 {
		c.TmpPool = DefaultTmpPool
	}
	if c.Ahead == 0 {
		c.Ahead = DefaultAhead
	}
	if c.TmpMB == 0 {
		c.TmpMB = sandbox.DefaultTmpMB
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = DefaultStartTimeout
	}
	return c
}

// Validate checks a Config after defaults. Errors name the field.
func (c Config) Validate() error {
	switch {
	case !filepath.IsAbs(c.Dir):
		return badConfig("Dir: %q is not absolute", c.Dir)
	case c.UIDBase < 1000 || c.UIDBase > 1<<31-1:
		return badConfig("UIDBase: %d is not between 1000 and 2147483647", c.UIDBase)
	case c.UIDCount < 1 || c.UIDCount > 1<<20 || c.UIDBase+c.UIDCount > 1<<31:
		return badConfig("UIDCount: %d is not a range of 1 to 1048576 ids below 2^31", c.UIDCount)
	case c.RangeBase < 1<<16 || c.RangeBase > 1<<31-initproto.RangeSize:
		return badConfig("RangeBase: %d is not between 65536 and %d", c.RangeBase, 1<<31-initproto.RangeSize)
	case c.RangeCount < 1 || c.RangeCount > (1<<31-c.RangeBase)/initproto.RangeSize:
		return badConfig("RangeCount: %d ranges of 65536 ids do not end below 2^31", c.RangeCount)
	case c.UIDBase < c.RangeBase+c.RangeCount*initproto.RangeSize && c.RangeBase < c.UIDBase+c.UIDCount:
		return badConfig("RangeBase: the ranges from %d are not apart from the ids from %d", c.RangeBase, c.UIDBase)
	case c.TmpPool < 0 || c.TmpPool > 256:
		return badConfig("TmpPool: %d is not between 0 and 256", c.TmpPool)
	case c.Ahead < -1 || c.Ahead > 256:
		return badConfig("Ahead: %d is not between -1 and 256", c.Ahead)
	case c.TmpMB < minTmpMB || c.TmpMB > maxTmpMB:
		return badConfig("TmpMB: %d is not between %d and %d", c.TmpMB, minTmpMB, maxTmpMB)
	case c.StartTimeout < 0:
		return badConfig("StartTimeout: %v is negative", c.StartTimeout)
	}
	return nil
}

func badConfig(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "sandbox."+format, args...)
}

// unavailable is a box or a driver that could not be made.
func unavailable(format string, args ...any) error {
	return ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, format, args...)
}
