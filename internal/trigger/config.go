package trigger

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/store"
)

// Config of triggers. The zero value of a field means its default.
type Config struct {
	// Rescan is how often to look for triggers that another process changed.
	Rescan time.Duration `yaml:"rescan"`
	// KeepFires is how long the fires of timers are listed.
	KeepFires time.Duration    `yaml:"keepFires"`
	Now       func() time.Time `yaml:"-"` // default time.Now
}

// Defaults of Config.
const (
	DefaultRescan    = time.Second
	DefaultKeepFires = 90 * 24 * time.Hour
)

// Deps is what triggers stand on.
type Deps struct {
	Store *store.Store
	Log   *slog.Logger
	// Metrics counts what becomes of events; nil = they are not measured.
	Metrics *metrics.Metrics
	// Tell puts an event of the platform on the bus of a service; nil = nobody listens.
	Tell func(ctx context.Context, e *ebb.Event) error
	// Tidy is called now and then to remove what others keep no longer; nil = nothing.
	Tidy func(context.Context) error
	// CheckTarget refuses a target that events of a service cannot go to.
	CheckTarget func(ctx context.Context, service ebb.ServiceID, target string) error
	// Send prepares the delivery of an event to a trigger's target under an id;
	// what it returns makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error)
	// Changed is called after each change of a trigger of a kind, before whoever
	// made it is answered.
	Changed func(ctx context.Context, kind ebb.TriggerKind)
}

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	if c.Rescan < 0 {
		return errors.New("triggers.rescan: must not be negative")
	}
	if c.KeepFires < 0 {
		return errors.New("triggers.keepFires: must not be negative")
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Rescan == 0 {
		c.Rescan = DefaultRescan
	}
	if c.KeepFires == 0 {
		c.KeepFires = DefaultKeepFires
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
