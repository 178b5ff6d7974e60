package deliver

import (
	"net/netip"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Defaults of Config.
const (
	DefaultMaxPayload     = 1 << 20   // bytes, as AWS has it
	CeilingMaxPayload     = 32 << 20  // bytes
	DefaultInline         = 256 << 10 // bytes
	DefaultThrottleDelay  = time.Second
	DefaultThrottleMax    = 5 * time.Minute
	DefaultKeepTasks      = 24 * time.Hour
	DefaultKeepEvents     = time.Hour
	DefaultDestinationAge = 24 * time.Hour
	DefaultHTTPTimeout    = 30 * time.Second
	DefaultMaxWaiting     = 1_000_000 // events
)

// Config of asynchronous invocation. The zero value of a field means its default.
type Config struct {
	// MaxPayload is the largest payload of an asynchronous invocation, bytes.
	MaxPayload int64 `yaml:"maxPayload"`
	// Inline is up to which size a payload is kept in the database, bytes.
	Inline int `yaml:"inline"`
	// MaxWaiting is how many events of one service may wait to be done. A service's
	// quota may say less.
	MaxWaiting int `yaml:"maxWaiting"`
	// RetryDelays are how long to wait after the first, second … function error;
	// the last one goes on.
	RetryDelays []time.Duration `yaml:"retryDelays"`
	// ThrottleDelay is how long to wait after the first throttle or fault of the
	// platform; it doubles up to ThrottleMax.
	ThrottleDelay time.Duration `yaml:"throttleDelay"`
	ThrottleMax   time.Duration `yaml:"throttleMax"`
	// KeepTasks is how long a task with an id of its caller's is remembered, with
	// its result, once it is over; KeepEvents, one without.
	KeepTasks  time.Duration `yaml:"keepTasks"`
	KeepEvents time.Duration `yaml:"keepEvents"`
	// DestinationAge is how long a delivery to a destination is tried.
	DestinationAge time.Duration `yaml:"destinationAge"`

	HTTP  HTTPConfig  `yaml:"http"`
	Kafka KafkaConfig `yaml:"kafka"`

	Region   string           `yaml:"-"`
	Patience time.Duration    `yaml:"-"` // how long an attempt waits for an instance
	Now      func() time.Time `yaml:"-"`
}

// HTTPConfig is how records are sent to HTTP endpoints.
type HTTPConfig struct {
	Timeout time.Duration `yaml:"timeout"`
	// Private are networks (CIDR) of this machine or link-local ones that records
	// may be sent to; without it they may go to neither.
	Private []netip.Prefix `yaml:"private"`
}

// KafkaConfig is how records are written to topics.
type KafkaConfig struct {
	Brokers []string `yaml:"brokers"` // HOST:PORT; none = Kafka destinations are refused
}

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	bad := func(key, format string, args ...any) error {
		e := ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, format, args...)
		e.Message = "deliver." + key + ": " + e.Message
		return e
	}
	for key, d := range map[string]time.Duration{
		"throttleDelay": c.ThrottleDelay, "throttleMax": c.ThrottleMax, "keepTasks": c.KeepTasks,
		"keepEvents": c.KeepEvents, "destinationAge": c.DestinationAge, "http.timeout": c.HTTP.Timeout,
	} {
		if d < 0 {
			return bad(key, "must not be negative")
		}
	}
	for _, d := range c.RetryDelays {
		if d < 0 {
			return bad("retryDelays", "%v is negative", d)
		}
	}
	if c.MaxPayload < 0 || c.MaxPayload > CeilingMaxPayload {
		return bad("maxPayload", "%d is not between 1 and %d", c.MaxPayload, CeilingMaxPayload)
	}
	if c.MaxWaiting < 0 {
		return bad("maxWaiting", "must not be negative")
	}
	if c.Inline < 0 || c.Inline > CeilingMaxPayload {
		return bad("inline", "%d is not between 1 and %d", c.Inline, CeilingMaxPayload)
	}
	return nil
}

func (c Config) withDefaults() Config {
	set(&c.MaxPayload, DefaultMaxPayload)
	set(&c.Inline, DefaultInline)
	set(&c.MaxWaiting, DefaultMaxWaiting)
	set(&c.ThrottleDelay, DefaultThrottleDelay)
	set(&c.ThrottleMax, DefaultThrottleMax)
	set(&c.KeepTasks, DefaultKeepTasks)
	set(&c.KeepEvents, DefaultKeepEvents)
	set(&c.DestinationAge, DefaultDestinationAge)
	set(&c.HTTP.Timeout, DefaultHTTPTimeout)
	set(&c.Region, "us-east-1")
	set(&c.Patience, 30*time.Second)
	if len(c.RetryDelays) == 0 {
		c.RetryDelays = []time.Duration{time.Minute, 2 * time.Minute}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func set[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}

// after is the n-th of some delays, from 1; the last one goes on.
func after(delays []time.Duration, n int) time.Duration {
	return delays[min(n, len(delays))-1]
}
