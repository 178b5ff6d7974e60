package invoke

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/pool"
)

// Config of the door. The zero value of a field means its default.
type Config struct {
	// Patience is how long a request may wait for an instance when its caller
	// set no deadline of its own.
	Patience time.Duration `yaml:"patience"`

	Region string `yaml:"-"` // set by server
}

// DefaultPatience outlasts a slow cold start.
const DefaultPatience = 30 * time.Second

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	if c.Patience < 0 {
		return errors.New("invoke.patience: must not be negative")
	}
	return nil
}

// Invoker is the door. See the package comment.
type Invoker struct {
	cfg      Config
	versions versions
	quotas   quotas
	pool     *pool.Pool
	logs     *logs.Store
}

// New makes the door to the functions that fs knows, run by p, recorded in l and
// counted in m.
func New(cfg Config, fs *function.Functions, p *pool.Pool, l *logs.Store, m *metrics.Metrics) *Invoker {
	if cfg.Patience == 0 {
		cfg.Patience = DefaultPatience
	}
	return &Invoker{
		cfg: cfg, versions: versions{region: cfg.Region, resolve: fs.Route, counts: m.Version, reserved: fs.Reserved}, pool: p, logs: l,
		quotas: quotas{read: fs.Quota, now: time.Now},
	}
}

// Resolve chooses the version that an invocation of key:qualifier runs; it is
// chosen anew each time, so whoever asked puts it into Invocation.Version.
func (i *Invoker) Resolve(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error) {
	v, err := i.versions.get(ctx, key, qualifier, nil)
	if err != nil {
		return nil, err
	}
	return v.Version, nil
}

// Check refuses what Invoke would refuse whoever else is there: a version that is
// not there, a tenant missing, a target that may not be opened.
func (i *Invoker) Check(ctx context.Context, inv *ebb.Invocation) error {
	_, err := i.runnable(ctx, inv)
	return err
}

// runnable chooses the version of inv, and checks that it may be run so.
func (i *Invoker) runnable(ctx context.Context, inv *ebb.Invocation) (*known, error) {
	v, err := i.versions.get(ctx, inv.FunctionKey, inv.Qualifier, inv.Version)
	if err != nil {
		return nil, err
	}
	if err := v.CheckTenant(inv.Tenant); err != nil {
		return nil, err
	}
	return v, i.pool.Openable(ctx, v.Version, inv.Egress)
}

// Forget drops what is remembered of a function; call it after each change.
func (i *Invoker) Forget(key ebb.FunctionKey) { i.versions.forget(key) }

// ForgetService has a service's quota read anew; call it after each change.
func (i *Invoker) ForgetService(id ebb.ServiceID) { i.quotas.forget(id) }

// Gone is Forget for a function that is no more.
func (i *Invoker) Gone(key ebb.FunctionKey) { i.versions.gone(key) }

// Invoke runs inv and writes the answer to sink. It returns when the function
// has answered, however long the caller stays: ctx ends the wait for an
// instance, not the run. Errors are *ebb.Error (ResourceNotFoundException,
// TooManyRequestsException, …) or the platform's own.
func (i *Invoker) Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	v, err := i.runnable(ctx, inv)
	if err != nil {
		return ebb.Result{}, err
	}
	if inv.HTTP != nil && v.WebPort() == 0 {
		// It was a web function when the caller looked.
		return ebb.Result{}, &ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable,
			Message: v.Name + " has changed meanwhile", RetryAfter: time.Second}
	}
	if err := hop(inv, v.lineage, v.loops); err != nil {
		return ebb.Result{}, err
	}
	if !v.room.enter() {
		v.counts.Throttled()
		return ebb.Result{}, v.room.full(v.Version)
	}
	defer v.room.leave()
	quota, err := i.quotas.enter(ctx, v.Version)
	if err != nil {
		if ebb.KindOf(err) == ebb.Throttled {
			v.counts.Throttled()
		}
		return ebb.Result{}, err
	}
	defer quota.leave(v.Version)
	waiting, patience := ctx, inv.Patience
	if patience.IsZero() {
		patience = time.Now().Add(i.cfg.Patience)
	}
	ctx, end := running(ctx, inv.Stop)
	defer end()
	for tries := 1; ; tries++ {
		lease, err := i.pool.Acquire(waiting, v.Version, inv.Tenant, patience)
		if err != nil {
			return i.notStarted(inv, v, err, sink)
		}
		res, delivered := i.run(ctx, lease, v, inv, sink)
		lease.Release()
		if delivered {
			v.counts.Done(&res)
			return res, nil
		}
		if tries == maxTries || ctx.Err() != nil {
			return ebb.Result{}, ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable,
				"%d instances of %s ended before the request reached them", tries, v.Name)
		}
	}
}

// running is the context of a run: it ends with stop, if there is one, and not
// with the caller's.
func running(ctx, stop context.Context) (context.Context, func()) {
	ctx = context.WithoutCancel(ctx)
	if stop == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	forget := context.AfterFunc(stop, cancel)
	return ctx, func() { forget(); cancel() }
}

// maxTries is how many instances may turn out to be dead when they are handed
// an invocation.
const maxTries = 6

// run has lease's instance run inv, and keeps the record of it. It reports
// whether the function saw anything of it.
func (i *Invoker) run(ctx context.Context, lease *pool.Lease, v *known, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, bool) {
	var line, end [512]byte
	phases := lease.Phases()
	lease.Begin(inv)
	lease.Record(inv.ID, appendStart(line[:0], inv.ID, v.qualifier))
	out := lease.Invoke(ctx, inv, v.arn, sink)
	if out.NotDelivered {
		lease.Record(inv.ID, appendCause(line[:0], inv.ID, time.Now(), "The instance ended before the request reached it"))
		lease.End()
		return ebb.Result{}, false
	}
	phases.Invoke = out.Duration
	if out.Cause != "" {
		lease.Record(inv.ID, appendCause(line[:0], inv.ID, time.Now(), out.Cause))
	}
	lease.Record(inv.ID, appendEnd(end[:0], inv.ID), appendReport(line[:0], inv.ID, v.Version, phases, &out))
	return ebb.Result{
		Version:       v.qualifier,
		FunctionError: out.FunctionError,
		ErrorType:     out.ErrorType,
		LateError:     out.LateError,
		LogTail:       lease.End(),
		Phases:        phases,
	}, true
}

// notStarted answers an invocation for which no instance came to be. If the
// function itself is at fault, that is an answer, not an error.
func (i *Invoker) notStarted(inv *ebb.Invocation, v *known, err error, sink ebb.Sink) (ebb.Result, error) {
	var failure *pool.Failure
	if !errors.As(err, &failure) {
		if ebb.KindOf(err) == ebb.Throttled {
			v.counts.Throttled()
		}
		return ebb.Result{}, fmt.Errorf("invoke %s: %w", inv.FunctionKey, err)
	}
	if sink.Head(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}) == nil {
		_, _ = sink.Write(failure.Document)
	}
	res := ebb.Result{
		Version:       v.Qualifier(),
		FunctionError: ebb.FunctionErrorUnhandled,
		ErrorType:     failure.ErrorType,
		LogTail:       i.recordFailure(inv, v.Version, failure),
		Phases:        failure.Phases,
	}
	v.counts.Done(&res)
	return res, nil
}
