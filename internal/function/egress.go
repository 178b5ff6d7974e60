package function

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Ceilings are the lists that everything a service's functions connect to must
// lie within: the node's, and the service's own if it has one.
func (f *Functions) Ceilings(ctx context.Context, service ebb.ServiceID) ([]ebb.Egress, error) {
	s, err := f.Service(ctx, string(service))
	switch {
	case ebb.KindOf(err) == ebb.NotFound: // it has no settings
	case err != nil:
		return nil, err
	case s.Egress != nil:
		return []ebb.Egress{f.cfg.Egress, *s.Egress}, nil
	}
	return []ebb.Egress{f.cfg.Egress}, nil
}

// egressSettings are the two lists that a version can have.
var egressSettings = [...]string{ebb.EnvEgress, ebb.EnvInvocationEgress}

// checkEgress checks what can be judged of the version alone.
func checkEgress(v *ebb.Version) error {
	for _, name := range egressSettings {
		if _, err := ebb.ParseEgress(v.Setting(name)); err != nil {
			return invalid("Environment.Variables.%s: %w", name, err)
		}
	}
	if v.Setting(ebb.EnvInvocationEgress) != "" && v.Concurrency() > 1 {
		return invalid("Environment.Variables.%s: not with %s; an invocation with a target of its own has its instance for itself",
			ebb.EnvInvocationEgress, ebb.EnvConcurrency)
	}
	return nil
}

// checkAllowed checks that what the version wants to connect to, always and for
// single invocations, lies within every ceiling of its service. It reads.
func (f *Functions) checkAllowed(ctx context.Context, v *ebb.Version) error {
	if v.Setting(ebb.EnvEgress) == "" && v.Setting(ebb.EnvInvocationEgress) == "" {
		return nil
	}
	if err := checkEgress(v); err != nil {
		return err
	}
	ceilings, err := f.Ceilings(ctx, v.Service)
	if err != nil {
		return err
	}
	for _, name := range egressSettings {
		wish, _ := ebb.ParseEgress(v.Setting(name)) // checked
		for _, c := range ceilings {
			if r, beyond := c.Beyond(wish); beyond {
				return invalid("Environment.Variables.%s: %s is beyond what functions of this service may connect to (%s)",
					name, r, allowedText(c))
			}
		}
	}
	return nil
}

func allowedText(e ebb.Egress) string {
	if e.Empty() {
		return "nothing"
	}
	return e.String()
}
