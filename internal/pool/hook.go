package pool

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// initialize runs the version's initializer, if it has one. Its failure is the
// initialisation's.
func (in *instance) initialize(ctx context.Context) error {
	failure, err := in.run(ctx, ebb.HookInitializer)
	switch {
	case failure != nil:
		in.pool.stats.hooked(ebb.HookInitializer).Add(1)
		return &Failure{ErrorType: failure.ErrorType, Document: failure.Document}
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errClosing()
	}
	in.pool.stats.hooked(ebb.HookInitializer).Add(1)
	if errors.Is(err, context.DeadlineExceeded) {
		return in.initFailure(ebb.ErrorInitTimeout, late(in.shelf.version, ebb.HookInitializer))
	}
	return in.initFailure(in.cause(err))
}

// hook runs one of the version's other hooks, if it has it. What goes wrong is
// told in the function's log and counted, no more; but a conversation that did
// not survive it ends the instance.
func (in *instance) hook(h ebb.Hook) {
	failure, err := in.run(in.pool.goodbye, h)
	if failure == nil && err == nil {
		return
	}
	in.pool.stats.hooked(h).Add(1)
	var why string
	switch {
	case failure != nil:
		why = "Error Type: " + failure.ErrorType + "\t" + string(failure.Document)
	case errors.Is(err, context.DeadlineExceeded):
		why = late(in.shelf.version, h)
	default:
		why = err.Error()
	}
	in.append(logs.Platform, "", "", []byte("HOOK_REPORT Hook: "+string(h)+"\tStatus: error\t"+why))
	if err != nil || failure.Ending {
		in.pool.mu.Lock()
		in.spoilt = true
		in.pool.mu.Unlock()
	}
}

func late(v *ebb.Version, h ebb.Hook) string {
	return fmt.Sprintf("The hook %s timed out after %.2f seconds", h, v.HookTimeout(h).Seconds())
}

// run runs a hook within its time.
func (in *instance) run(ctx context.Context, h ebb.Hook) (*runtimeapi.Failure, error) {
	v := in.shelf.version
	if v.HookHandler(h) == "" {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.HookTimeout(h))
	defer cancel()
	failure, err := in.session.Hook(ctx, h)
	in.output.drain()
	if errors.Is(err, runtimeapi.ErrNotOffered) {
		return nil, nil
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return failure, err
}

// farewell lets the function know that the instance ends, where it wants to and
// still can.
func (in *instance) farewell() {
	if in.shelf == nil || in.box == nil {
		return
	}
	if err := in.thaw(); err != nil { // it can only be killed
		in.pool.stats.frozen.Add(-1)
		return
	}
	in.pool.mu.Lock()
	well := in.served && !in.spoilt && !in.ended
	in.pool.mu.Unlock()
	if well {
		in.hook(ebb.HookPreStop)
	}
}
