package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/logs"
)

// maxTargets is how many targets one invocation may ask for.
const maxTargets = 8

// Openable checks what an invocation of v wants opened for itself: single
// targets, within what the version may open so.
func (p *Pool) Openable(ctx context.Context, v *ebb.Version, e ebb.Egress) error {
	if e.Empty() {
		return nil
	}
	may := v.InvocationEgress()
	if may.Empty() {
		return invalidEgress("function %s is not made for targets of single invocations; it has no %s", v.Name, ebb.EnvInvocationEgress)
	}
	if len(e.Rules) > maxTargets {
		return invalidEgress("%d targets are more than %d", len(e.Rules), maxTargets)
	}
	for _, r := range e.Rules {
		if !r.Exact() {
			return invalidEgress("%s is not one port of one address or name", r)
		}
	}
	ceilings, err := p.ceilings(ctx, v)
	if err != nil {
		return err
	}
	for _, c := range append(ceilings, may) {
		if r, beyond := c.Beyond(e); beyond {
			return invalidEgress("%s is beyond what an invocation of %s may open", r, v.Name)
		}
	}
	return nil
}

func invalidEgress(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "Egress: "+format, args...)
}

// ceilings are what the platform lets v's service connect to. None: nowhere.
func (p *Pool) ceilings(ctx context.Context, v *ebb.Version) ([]ebb.Egress, error) {
	if p.deps.Allowed == nil {
		return []ebb.Egress{{}}, nil
	}
	return p.deps.Allowed(ctx, v.Service)
}

// policy is what the instance may connect to, with the targets of one invocation.
func (in *instance) policy(targets ebb.Egress) egress.Policy {
	v, under := in.shelf.version, in.ceilings
	p := egress.Policy{egress.NewGrant(v.Egress(), under...)}
	if !targets.Empty() {
		p = append(p, egress.NewGrant(targets, append(under[:len(under):len(under)], v.InvocationEgress())...))
	}
	return p
}

// connect opens the instance's way out, before anything of the function runs. A
// version that may connect nowhere gets none.
func (in *instance) connect(ctx context.Context) error {
	v := in.shelf.version
	wish := v.Egress()
	if wish.Empty() && v.InvocationEgress().Empty() {
		return nil
	}
	var err error
	if in.ceilings, err = in.pool.ceilings(ctx, v); err != nil {
		return err
	}
	p := in.policy(ebb.Egress{})
	if kept := len(p.Rules()); kept < len(wish.Rules) {
		in.sayEgress(fmt.Sprintf("EGRESS %d of %d rules are beyond what the platform allows now", len(wish.Rules)-kept, len(wish.Rules)))
	}
	return in.box.SetEgress(ctx, p, in.sayEgress)
}

// sayEgress writes a line about connections to the function's log, as one of the
// invocation that runs.
func (in *instance) sayEgress(line string) {
	var request ebb.InvocationID
	if id := in.current.Load(); id != nil {
		request = *id
	}
	in.append(logs.Platform, request, "", []byte(line))
}

// egressLimit is how long opening and closing may take.
const egressLimit = 5 * time.Second

// openFor opens the targets of one invocation. Nothing else runs in the instance.
func (in *instance) openFor(ctx context.Context, targets ebb.Egress) error {
	if targets.Empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, egressLimit)
	defer cancel()
	return in.box.SetEgress(ctx, in.policy(targets), nil)
}

// shut ends what openFor began, connections included. An instance for which that
// does not work gets nothing more to do.
func (in *instance) shut(ctx context.Context, targets ebb.Egress) {
	if targets.Empty() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, egressLimit)
	defer cancel()
	if err := in.box.SetEgress(ctx, in.policy(ebb.Egress{}), nil); err != nil {
		in.spoil()
		in.box.Destroy()
	}
}
