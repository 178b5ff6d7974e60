package auth

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Kind is what sort of caller a Principal is.
type Kind uint8

// The kinds. Anonymous is the zero value, so that a forgotten principal may do
// nothing.
const (
	Anonymous Kind = iota // proved nothing
	Root                  // holder of the data directory's root credentials
	Role                  // a function, acting with its role, or a session of one
	Key                   // holder of an access key
)

func (k Kind) String() string {
	switch k {
	case Root:
		return "root"
	case Role:
		return "role"
	case Key:
		return "key"
	}
	return "anonymous"
}

// Principal is a caller who has been told apart. The zero value is Anonymous.
type Principal struct {
	Kind      Kind
	Service   ebb.ServiceID // the service the caller acts for
	Node      bool          // it may act for any service
	Role      string        // of a Key its platform role, of a Role the role's name
	ARN       string        // for messages and records, "" if anonymous
	AccessKey string        // id of the key that proved it; "" for root's bearer token

	policy *ebb.Policy // of a Role; never nil there
}

// name is how messages call the principal.
func (p Principal) name() string {
	if p.ARN == "" {
		return "anonymous"
	}
	return p.ARN
}

// Reaches reports whether p may know of things of a service at all.
func (p Principal) Reaches(service ebb.ServiceID) bool {
	return p.Kind != Anonymous && (p.Node || p.Service == service)
}

type contextKey struct{}

// With returns a context that carries p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From returns the principal that Middleware or With put into ctx, or an
// anonymous one.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(contextKey{}).(Principal)
	return p
}
