package deliver

import (
	"context"
	"log/slog"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Names of the queues that deliver has handlers for.
const (
	Async        = "async"
	Destinations = "destinations"
)

// Deps is what deliver stands on.
type Deps struct {
	Store     *store.Store
	Queue     *queue.Queue
	Functions *function.Functions
	Payloads  *artifact.Store
	Metrics   *metrics.Metrics
	Log       *slog.Logger
	// Resolve returns the version that an invocation would run now.
	Resolve func(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error)
	// Invoke is the one door.
	Invoke func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
	// Count is told what became of the events of triggers; nil = nobody counts.
	Count func(t ebb.TriggerRef, c ebb.TriggerCounts)
	// Alarm prepares what is to be written with the end of a delivery that was
	// given up, nil if nothing; it is nil if nobody is told of failures.
	Alarm func(ctx context.Context, f *Failure) (func(*store.Tx) error, error)
}

// Target takes deliveries of one kind.
type Target interface {
	// Check refuses a target that could never be delivered to.
	Check(t ebb.Target) error
	// Deliver returns nil once the target has the delivery for good. It may come
	// again.
	Deliver(ctx context.Context, t ebb.Target, d *Delivery) error
	// Close lets go of connections.
	Close() error
}

// Deliver is asynchronous invocation. It is safe for concurrent use.
type Deliver struct {
	cfg Config
	Deps
	targets  map[ebb.TargetKind]Target
	settings settings
	rooms    rooms
}

// New makes it. Targets are those outside the platform: functions are known.
func New(cfg Config, deps Deps, targets map[ebb.TargetKind]Target) *Deliver {
	d := &Deliver{cfg: cfg.withDefaults(), Deps: deps, targets: targets}
	d.settings.read = d.readSettings
	d.rooms.most, d.rooms.now, d.rooms.quota = d.cfg.MaxWaiting, d.cfg.Now, d.Functions.Quota
	d.rooms.count = func(ctx context.Context, service ebb.ServiceID, most int) (int, error) {
		return d.Queue.Count(ctx, Async, service, most)
	}
	return d
}

// Limits returns the configuration in force, defaults filled in.
func (d *Deliver) Limits() Config { return d.cfg }

// Forget drops what is remembered of a function; call it after each change.
func (d *Deliver) Forget(key ebb.FunctionKey) { d.settings.forget(key) }

// ForgetService has a service's quota read anew; call it after each change.
func (d *Deliver) ForgetService(id ebb.ServiceID) { d.rooms.forget(id) }

// Check refuses a target that events of a function of key's service cannot be
// delivered to.
func (d *Deliver) Check(key ebb.FunctionKey, t ebb.Target) error {
	if t.Kind == ebb.TargetFunction {
		switch {
		case t.Function.Service != key.Service:
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s is of another service", t.ARN)
		case t.Function.Region != d.cfg.Region:
			return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s is of another region than %s", t.ARN, d.cfg.Region)
		}
		return nil
	}
	if owner := t.Account(); owner != "" && owner != key.Service {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s is of another service", t.ARN)
	}
	target := d.targets[t.Kind]
	if target == nil {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"%s: this platform does not deliver to targets of kind %s", t.ARN, t.Kind)
	}
	return target.Check(t)
}
