package pool

import (
	"fmt"
	"runtime"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config of the pool. The zero value of a field means its default.
type Config struct {
	// MaxInstances is how many instances the node may hold at once, whatever
	// they are doing.
	MaxInstances int `yaml:"maxInstances"`
	// MaxPerFunction is how many of them one function may hold.
	MaxPerFunction int `yaml:"maxPerFunction"`
	// MaxQueue is how many requests of one function may wait for an instance.
	MaxQueue int `yaml:"maxQueue"`
	// IdleTimeout is how long an instance may be idle before it leaves.
	IdleTimeout time.Duration `yaml:"idleTimeout"`
	// IdleMin and IdleMax bound what a version's own use says about that, once it
	// is known. Defaults: 30 s, and three times IdleTimeout; or IdleTimeout, if
	// that is outside of them.
	IdleMin time.Duration `yaml:"idleMin"`
	IdleMax time.Duration `yaml:"idleMax"`
	// FreezeAfter is how long an instance is idle before its processes are stopped
	// until its next invocation; FreezeOff never stops them.
	FreezeAfter time.Duration `yaml:"freezeAfter"`
	FreezeOff   bool          `yaml:"freezeOff"`
	// StartsAtOnce is how many instances may be starting at once that compute.
	// Default: two for each CPU.
	StartsAtOnce int `yaml:"startsAtOnce"`
	// Memory is how much all instances together may use before idle ones leave, in
	// bytes; 0 = as much as there is.
	Memory int64 `yaml:"memory"`
	// MemoryReserve is how much of the node's memory is to be left, in bytes.
	// Default: a twentieth, from 64 MiB to 1 GiB.
	MemoryReserve int64 `yaml:"memoryReserve"`
	// InitTimeout is how long runtime start and function initialisation may take.
	InitTimeout time.Duration `yaml:"initTimeout"`
	// MaxResponse is the largest answer of a function, in bytes.
	MaxResponse int64 `yaml:"maxResponse"`
	// PIDs is how many processes and threads an instance may have.
	PIDs int `yaml:"pids"`
	// Files is how many file descriptors each of its processes may have.
	Files int `yaml:"files"`
	// FileSizeMB is the largest file one of them may write; 0 = a little more than
	// its /tmp holds.
	FileSizeMB int `yaml:"fileSizeMB"`
	// ShmMB is the size of /dev/shm, which counts as memory.
	ShmMB int `yaml:"shmMB"`

	// PrewarmOff makes no instances ahead.
	PrewarmOff bool `yaml:"prewarmOff"`
	// PrewarmMin and PrewarmMax are how many instances are kept ready for each
	// runtime in use, before it is known which function needs them. PrewarmMax -1: none.
	PrewarmMin int `yaml:"prewarmMin"`
	PrewarmMax int `yaml:"prewarmMax"`
	// BoxesAhead is how many empty boxes are begun before they are wanted, for starts
	// that no instance was made ahead for. -1, or PrewarmOff: none.
	BoxesAhead int `yaml:"boxesAhead"`
	// PrewarmKeep is for how long after its last use a runtime counts as in use.
	PrewarmKeep time.Duration `yaml:"prewarmKeep"`

	// ZygoteOff copies no instances from a process that has started already.
	ZygoteOff bool `yaml:"zygoteOff"`
	// ZygoteForks is how many instances are copied from one such process.
	ZygoteForks int `yaml:"zygoteForks"`
	// ZygoteKeep is how long it waits for the next.
	ZygoteKeep time.Duration `yaml:"zygoteKeep"`

	Region string           `yaml:"-"` // set by server
	Mounts []ebb.MountOffer `yaml:"-"` // the folders that versions may ask for
}

// Defaults of Config; 6 MiB + 100 bytes and 1024 are the Lambda limits.
const (
	DefaultMaxInstances   = 500
	DefaultMaxPerFunction = 200
	DefaultMaxQueue       = 1000
	DefaultIdleTimeout    = 5 * time.Minute
	DefaultIdleMin        = 30 * time.Second
	DefaultFreezeAfter    = 10 * time.Second
	DefaultInitTimeout    = 10 * time.Second
	DefaultMaxResponse    = 6<<20 + 100
	DefaultPIDs           = 1024
	DefaultFiles          = 1024
	DefaultPrewarmMin     = 1
	DefaultPrewarmMax     = 8
	DefaultPrewarmKeep    = 30 * time.Minute
	DefaultZygoteForks    = 200
	DefaultZygoteKeep     = time.Minute
)

// withDefaults fills the fields that were not set.
func (c Config) withDefaults() Config {
	setInt := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	setDuration := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	setInt(&c.MaxInstances, DefaultMaxInstances)
	setInt(&c.MaxPerFunction, DefaultMaxPerFunction)
	setInt(&c.MaxQueue, DefaultMaxQueue)
	setInt(&c.PIDs, DefaultPIDs)
	setInt(&c.Files, DefaultFiles)
	setInt(&c.PrewarmMin, DefaultPrewarmMin)
	setInt(&c.PrewarmMax, max(DefaultPrewarmMax, c.PrewarmMin))
	setDuration(&c.PrewarmKeep, DefaultPrewarmKeep)
	setInt(&c.ZygoteForks, DefaultZygoteForks)
	setDuration(&c.ZygoteKeep, DefaultZygoteKeep)
	setDuration(&c.IdleTimeout, DefaultIdleTimeout)
	setDuration(&c.IdleMin, min(DefaultIdleMin, c.IdleTimeout))
	setDuration(&c.IdleMax, max(3*c.IdleTimeout, c.IdleMin))
	setDuration(&c.FreezeAfter, DefaultFreezeAfter)
	setInt(&c.StartsAtOnce, 2*runtime.NumCPU())
	setDuration(&c.InitTimeout, DefaultInitTimeout)
	if c.MaxResponse == 0 {
		c.MaxResponse = DefaultMaxResponse
	}
	return c
}

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	for key, v := range map[string]int64{
		"pool.prewarmMin":     int64(c.PrewarmMin),
		"pool.prewarmKeep":    int64(c.PrewarmKeep),
		"pool.zygoteForks":    int64(c.ZygoteForks),
		"pool.zygoteKeep":     int64(c.ZygoteKeep),
		"pool.maxInstances":   int64(c.MaxInstances),
		"pool.maxPerFunction": int64(c.MaxPerFunction),
		"pool.maxQueue":       int64(c.MaxQueue),
		"pool.idleTimeout":    int64(c.IdleTimeout),
		"pool.idleMin":        int64(c.IdleMin),
		"pool.idleMax":        int64(c.IdleMax),
		"pool.freezeAfter":    int64(c.FreezeAfter),
		"pool.startsAtOnce":   int64(c.StartsAtOnce),
		"pool.memory":         c.Memory,
		"pool.memoryReserve":  c.MemoryReserve,
		"pool.initTimeout":    int64(c.InitTimeout),
		"pool.maxResponse":    c.MaxResponse,
		"pool.pids":           int64(c.PIDs),
		"pool.files":          int64(c.Files),
	} {
		if v < 0 {
			return fmt.Errorf("%s: must not be negative", key)
		}
	}
	if c.IdleMin > 0 && c.IdleMax > 0 && c.IdleMax < c.IdleMin {
		return fmt.Errorf("pool.idleMax: must not be less than pool.idleMin")
	}
	for key, bound := range map[string]struct{ v, low, high int }{
		"pool.pids": {c.PIDs, 16, 1 << 20}, "pool.files": {c.Files, 32, 1 << 20},
		"pool.fileSizeMB": {c.FileSizeMB, 1, 1 << 20}, "pool.shmMB": {c.ShmMB, 1, 10240},
	} {
		if bound.v != 0 && (bound.v < bound.low || bound.v > bound.high) {
			return fmt.Errorf("%s: %d is not between %d and %d", key, bound.v, bound.low, bound.high)
		}
	}
	if c.PrewarmMax < -1 {
		return fmt.Errorf("pool.prewarmMax: must not be less than -1, which is none")
	}
	if c.BoxesAhead < -1 || c.BoxesAhead > 256 {
		return fmt.Errorf("pool.boxesAhead: %d is not between -1 (none) and 256", c.BoxesAhead)
	}
	return nil
}
