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
	Role                  // a function, acting with its role
)

func (k Kind) String() string {
	switch k {
	case Root:
		return "root"
	case Role:
		return "role"
	}
	return "anonymous"
}

// Principal is a caller who has been told apart. The zero value is Anonymous.
type Principal struct {
	Kind      Kind
	Service   ebb.ServiceID // the service the caller belongs to
	ARN       string        // for messages and records, "" if anonymous
	AccessKey string        // id of the key that proved it; "" for bearer tokens
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
