package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// permissions answers whether a principal may.
type permissions struct {
	actions map[string]grant
	classes map[ebb.PlatformRole][]class
	// permitted asks the policy of a resource of another service.
	permitted func(ctx context.Context, p Principal, action, resourceARN string) (bool, error)
}

func newPermissions(cfg Config) permissions {
	return permissions{actions: actions(), classes: classes(), permitted: cfg.Permitted}
}

// Admit returns nil if p may do action to anything at all. The door of each API
// asks it for every request, before anything else: what is not in the table is
// refused to all but root.
func (a *Auth) Admit(p Principal, action string) error {
	if a.may.admits(p, action) {
		return nil
	}
	return refusal(p, action, "*", silent)
}

// Authorize returns nil if p may do action ("lambda:InvokeFunction") to the
// resource, and AccessDeniedException, worded as AWS words it, if not.
//
// Root may do everything. The holder of an access key may do what the table
// gives to the key's role, to the resources of the key's service; a key of the
// node may to those of all services. A function may do what its role's policy
// says. To a resource of another service all others need the permission of that
// resource as well.
func (a *Auth) Authorize(p Principal, action, resourceARN string) error {
	if p.Kind == Root {
		return nil
	}
	if !a.may.admits(p, action) {
		return refusal(p, action, resourceARN, silent)
	}
	if p.Kind == Role {
		if v := decide(p.policy, action, resourceARN); v != allowed {
			return refusal(p, action, resourceARN, v)
		}
	}
	if p.Node || own(resourceARN, p.Service) {
		return nil
	}
	return a.may.across(p, action, resourceARN)
}

func (m *permissions) admits(p Principal, action string) bool {
	if p.Kind == Root {
		return true
	}
	g, known := m.actions[action]
	switch {
	case !known || g.node && !p.Node:
		return false
	case p.Kind == Key:
		return slices.Contains(m.classes[ebb.PlatformRole(p.Role)], g.class)
	case p.Kind == Role:
		// Whatever its policy says: a function is no administrator.
		return g.class != administer && p.policy != nil
	}
	return false
}

// acrossTime bounds the question to another service's resource.
const acrossTime = 5 * time.Second

// across asks the policy of a resource of another service.
func (m *permissions) across(p Principal, action, resourceARN string) error {
	if m.permitted != nil {
		ctx, cancel := context.WithTimeout(context.Background(), acrossTime)
		defer cancel()
		ok, err := m.permitted(ctx, p, action, resourceARN)
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
	}
	return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %s action",
		p.name(), action, resourceARN, action)
}

func refusal(p Principal, action, resourceARN string, v verdict) error {
	if v == denied {
		return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
			"User: %s is not authorized to perform: %s on resource: %s with an explicit deny in an identity-based policy",
			p.name(), action, resourceARN)
	}
	return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		p.name(), action, resourceARN, action)
}

// own reports whether arn is of that service: arn:aws:WHAT:REGION:SERVICE:…, or
// of no service in particular.
func own(arn string, service ebb.ServiceID) bool {
	if arn == "*" {
		return true
	}
	part := strings.SplitN(arn, ":", 6)
	return len(part) == 6 && part[0] == "arn" && service != "" && part[4] == string(service) && part[5] != ""
}
