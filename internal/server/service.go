package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/store"
)

// openKeys opens what is sealed in the database, and who may come in.
func (n *node) openKeys(ctx context.Context, root auth.Credentials) (err error) {
	cfg := n.cfg.Secrets
	cfg.Dir = n.cfg.Data
	if n.secrets, err = secret.Open(ctx, cfg, n.store); err != nil {
		return err
	}
	n.auth = auth.New(auth.Config{
		Region: n.cfg.Region, Store: n.store, Seal: n.secrets.SealKey, Open: n.secrets.OpenKey, Log: n.log,
		Permitted: n.permitted,
	}, root)
	return nil
}

// permitted asks the policy of a function or layer whether a caller of another
// service may.
func (n *node) permitted(ctx context.Context, p auth.Principal, action, resourceARN string) (bool, error) {
	c := function.Caller{Service: p.Service, ARN: p.ARN}
	if action == function.ActionInvokeURL { // nobody else asks for it
		c.URLAuthType, c.ViaURL = ebb.URLAuthIAM, true
	}
	return n.functions.PermittedByARN(ctx, resourceARN, action, c)
}

// tellOfServices has those who remember something of services, roles and secrets
// drop it when it changes.
func (n *node) tellOfServices() {
	n.functions.OnServiceChange(n.serviceChanged)
	n.functions.OnRoleChange(n.auth.Forget)
	n.secrets.OnChange(n.secretChanged)
}

// environment is what an instance of v finds in its environment of what users
// set.
func (n *node) environment(ctx context.Context, v *ebb.Version) (map[string]string, error) {
	env, err := n.functions.Environment(ctx, v)
	if err != nil {
		return nil, err
	}
	return n.secrets.Resolve(ctx, v.Service, env)
}

// loadServices looks at all services once, at start.
func (n *node) loadServices(ctx context.Context) error {
	for marker := ""; ; {
		all, next, err := n.functions.Services(ctx, marker, 0)
		if err != nil {
			return err
		}
		for _, s := range all {
			n.logs.SetRetention(s.ID, days(s.LogRetentionDays))
			n.shared.Store(s.ID, started(s))
		}
		if marker = next; marker == "" {
			return nil
		}
	}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// started is what instances have of their service from their start on: if it is
// another one, they must go.
func started(s *ebb.Service) string {
	text := fmt.Sprint(s.Env) // maps are printed in order
	if s.Egress != nil {
		text += "\x00" + s.Egress.String()
	}
	return text
}

// serviceChanged has everybody go by what the service is now.
func (n *node) serviceChanged(id ebb.ServiceID) {
	n.auth.Forget()
	n.invoker.ForgetService(id)
	n.deliver.ForgetService(id)
	s, err := n.functions.Service(context.Background(), string(id))
	if err != nil { // it is gone, or what it is now is not known
		if ebb.KindOf(err) != ebb.NotFound {
			n.log.Error("the instances of a service that was changed are replaced", "service", string(id), "error", err)
		}
		s = &ebb.Service{}
	}
	n.logs.SetRetention(id, days(s.LogRetentionDays))
	if was, ok := n.shared.Swap(id, started(s)); !ok || was != started(s) {
		n.pool.Recycle(func(v *ebb.Version) bool { return v.Service == id })
	}
}

// secretChanged lets go of the instances that have its value.
func (n *node) secretChanged(service ebb.ServiceID, name string) {
	shared := true // where that cannot be found out, too many leave
	if s, err := n.functions.Service(context.Background(), string(service)); err == nil {
		shared = follows(s.Env, name)
	}
	n.pool.Recycle(func(v *ebb.Version) bool {
		return v.Service == service && (shared || follows(v.Env, name))
	})
}

// follows reports whether an environment refers to the current value of a secret.
func follows(env map[string]string, name string) bool {
	for _, value := range env {
		if ref, ok := ebb.ParseSecretRef(value); ok && ref.Name == name && ref.Version == 0 {
			return true
		}
	}
	return false
}

// heardOfService acts on what another node changed.
func (n *node) heardOfService(c store.Change) {
	switch c.Kind {
	case store.ChangeService:
		n.serviceChanged(ebb.ServiceID(c.ID))
	case store.ChangeAccess:
		n.auth.Forget()
	case store.ChangeSecret:
		service, name, _ := strings.Cut(c.ID, "/")
		n.secretChanged(ebb.ServiceID(service), name)
	}
}
