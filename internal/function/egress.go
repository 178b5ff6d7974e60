package function

import "github.com/ebb-faas/ebb/internal/ebb"

// checkEgress checks what the version wants to connect to, always and for single
// invocations: each rule must lie within every ceiling of its service.
func (f *Functions) checkEgress(v *ebb.Version) error {
	var ceilings []ebb.Egress
	if f.cfg.Allowed != nil {
		ceilings = f.cfg.Allowed(v.Service)
	}
	for _, name := range []string{ebb.EnvEgress, ebb.EnvInvocationEgress} {
		wish, err := ebb.ParseEgress(v.Setting(name))
		if err != nil {
			return invalid("Environment.Variables.%s: %w", name, err)
		}
		if wish.Empty() {
			continue
		}
		if len(ceilings) == 0 {
			return invalid("Environment.Variables.%s: this platform lets no function connect to anywhere", name)
		}
		for _, c := range ceilings {
			if r, beyond := c.Beyond(wish); beyond {
				return invalid("Environment.Variables.%s: %s is beyond what functions of this service may connect to (%s)",
					name, r, allowedText(c))
			}
		}
		if name == ebb.EnvInvocationEgress && v.Concurrency() > 1 {
			return invalid("Environment.Variables.%s: not with %s; an invocation with a target of its own has its instance for itself",
				name, ebb.EnvConcurrency)
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
