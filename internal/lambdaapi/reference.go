package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// target is the function that a request names.
type target struct {
	ebb.FunctionKey
	Qualifier string // "" = none given
}

// target reads name (a name, partial ARN or ARN) and qualifier and asks whether
// the caller may do action to that function.
func (a *API) target(p auth.Principal, action, name, qualifier string) (target, error) {
	ref, err := ebb.ParseFunctionRef(name)
	if err != nil {
		return target{}, err
	}
	t := target{FunctionKey: ebb.FunctionKey{Service: ref.Service, Name: ref.Name}, Qualifier: ref.Qualifier}
	if t.Service == "" {
		t.Service = serviceOf(p)
	}
	if qualifier != "" {
		if !ebb.ValidQualifier(qualifier) {
			return target{}, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"Qualifier: %q is neither a version number, nor an alias name, nor $LATEST", clip(qualifier))
		}
		if t.Qualifier != "" && t.Qualifier != qualifier {
			return target{}, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
				"The derived qualifier from the function name does not match the specified qualifier.")
		}
		t.Qualifier = qualifier
	}
	// Permission first: to a stranger's question where a function is there is
	// no answer but that they may not ask.
	if err := a.auth.Authorize(p, action, ebb.FunctionARN(a.cfg.Region, t.FunctionKey, t.Qualifier)); err != nil {
		return target{}, err
	}
	if ref.Region != "" && ref.Region != a.cfg.Region {
		return target{}, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
			"Functions from '%s' are not reachable in this region ('%s')", clip(ref.Region), a.cfg.Region)
	}
	return t, nil
}

// target is (*API).target for an operation that takes the function's name from
// its input.
func (c *call) target(a *API, name, qualifier *string) (target, error) {
	return a.target(c.principal, Action(c.op.Name), deref(name), deref(qualifier))
}

// unqualified is target for operations that are about a whole function.
func (c *call) unqualified(a *API, name *string) (target, error) {
	t, err := c.target(a, name, nil)
	if err == nil && t.Qualifier != "" && t.Qualifier != ebb.Latest {
		return target{}, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"FunctionName: this operation takes no qualifier but $LATEST, got %q", clip(t.Qualifier))
	}
	return t, err
}

// serviceOf is the service whose functions a bare name means.
func serviceOf(p auth.Principal) ebb.ServiceID {
	if p.Service == "" {
		return ebb.DefaultService
	}
	return p.Service
}

// deref reads an optional member; absent is the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// clip keeps what a caller sent short in a message to them.
func clip(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}
