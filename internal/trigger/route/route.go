package route

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Deps is what routes stand on.
type Deps struct {
	// Check refuses settings that the gateway could not serve, naming the field.
	Check func(t *ebb.Trigger, r *ebb.Route) error
	// Sample is an event as a request to the route would become.
	Sample func(t *ebb.Trigger) ([]byte, error)
	// Granted says which services may have routes at a host. ok is false where
	// the configuration grants nothing at all.
	Granted func(host string) (services []string, ok bool)
	// ServiceName is the name of a service.
	ServiceName func(ctx context.Context, id ebb.ServiceID) (string, error)
}

// Kind is the routes of a platform.
type Kind struct{ deps Deps }

// New makes it.
func New(deps Deps) *Kind { return &Kind{deps} }

// Check implements trigger.Kind.
func (k *Kind) Check(ctx context.Context, t *ebb.Trigger) (json.RawMessage, error) {
	var r ebb.Route
	d := json.NewDecoder(bytes.NewReader(t.Settings))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, invalid("http: %v", err)
	}
	switch {
	case len(t.Filters) > 0:
		return nil, invalid("filters: a route has none; its path and methods choose")
	case t.MaxRetries != nil || t.MaxAgeS != 0 || t.OnFailure != "":
		return nil, invalid("maxRetries, maxAge and onFailure: a request is answered at once and not tried again")
	}
	target, err := ebb.ParseTarget(t.Target)
	if err != nil {
		return nil, err
	}
	if target.Kind != ebb.TargetFunction && target.Kind != ebb.TargetWorkflow {
		return nil, invalid("target: a route goes to a function or a workflow, and %s is of kind %s", t.Target, target.Kind)
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := k.granted(ctx, t.Service, r.Host); err != nil {
		return nil, err
	}
	if err := k.deps.Check(t, &r); err != nil {
		return nil, err
	}
	return json.Marshal(r)
}

// granted refuses a host that the configuration gives to others.
func (k *Kind) granted(ctx context.Context, service ebb.ServiceID, host string) error {
	services, ok := k.deps.Granted(host)
	if !ok {
		return nil
	}
	name, err := k.deps.ServiceName(ctx, service)
	if err != nil {
		return err
	}
	if !slices.Contains(services, name) {
		return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
			"http.host: %s is not granted to service %s; the node's configuration (http.hosts) says who may have it", shown(host), name)
	}
	return nil
}

// Set implements trigger.Kind: it writes the claims.
func (k *Kind) Set(tx *store.Tx, old, now *ebb.Trigger) error {
	if err := tx.Touch(store.ChangeRoute, ""); err != nil { // first: claims are made one after the other
		return err
	}
	if old != nil {
		if err := tx.DeleteRouteClaims(old.ID); err != nil {
			return err
		}
	}
	if now == nil {
		return nil
	}
	var r ebb.Route
	if err := json.Unmarshal(now.Settings, &r); err != nil {
		return err
	}
	parent := parentOf(r.Host)
	if _, granted := k.deps.Granted(r.Host); !granted {
		other, err := tx.ForeignRouteClaim(now.Service, r.Host, parent)
		if err == nil {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
				"http.host: %s belongs to another service, which has routes at %s", shown(r.Host), shown(other.Host))
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	segments, err := ebb.ParseRoutePath(r.Path)
	if err != nil {
		return err
	}
	for _, method := range r.MethodKeys() {
		c := store.RouteClaim{Host: r.Host, Method: method, Path: ebb.RouteShape(segments), Trigger: now.ID, Service: now.Service, Parent: parent}
		err := tx.InsertRouteClaim(&c)
		if errors.Is(err, store.ErrExists) {
			return taken(tx, &c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// taken names whom a claim belongs to.
func taken(tx *store.Tx, c *store.RouteClaim) error {
	other, err := tx.RouteClaim(c.Host, c.Method, c.Path)
	if err != nil {
		return err
	}
	of := "of another service"
	if other.Service == c.Service {
		t, err := tx.TriggerByID(other.Trigger)
		if err != nil {
			return err
		}
		of = "of trigger " + t.Name
	}
	return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict,
		"http.path: %s %s at %s is a route %s already", c.Method, c.Path, shown(c.Host), of)
}

// parentOf is the wildcard that covers a host; "" of a wildcard and of no host.
func parentOf(host string) string {
	_, parent, ok := strings.Cut(host, ".")
	if !ok || strings.HasPrefix(host, "*.") {
		return ""
	}
	return "*." + parent
}

// shown is a host for people.
func shown(host string) string {
	if host == "" {
		return "any other host"
	}
	return host
}

// Sample implements trigger.Kind.
func (k *Kind) Sample(_ context.Context, t *ebb.Trigger) ([]byte, error) { return k.deps.Sample(t) }

// Source implements trigger.Kind: requests come by themselves.
func (k *Kind) Source(*ebb.Trigger) trigger.Source { return nil }

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}
