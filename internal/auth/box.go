package auth

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Box proves the callers on one box's own listener. Its credentials are made
// for it and known to nobody else; they last as long as the Box is held.
// It is safe for concurrent use.
type Box struct {
	auth *Auth
	v    verifier
}

// NewBox returns a Box with fresh session credentials that act with the role.
func (a *Auth) NewBox(roleARN string, service ebb.ServiceID) *Box {
	c := Credentials{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: secret(30),
		Token:           secret(48),
	}
	return &Box{auth: a, v: newVerifier(a.cfg, c, rolePrincipal(service, ebb.RoleName(roleARN), "function", c.AccessKeyID), true)}
}

// Credentials returns what the function is given in AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
func (b *Box) Credentials() Credentials { return b.v.credentials }

// Authenticate implements Authenticator: a signature by this box's credentials.
func (b *Box) Authenticate(r *http.Request, body []byte) (Principal, error) {
	return authenticate(b, r, body)
}

// Begin implements Authenticator.
func (b *Box) Begin(r *http.Request) (Proof, error) {
	c, err := readClaim(r)
	if err == nil {
		err = b.v.check(r, &c)
	}
	if err != nil {
		return nil, err
	}
	return func(body []byte) (Principal, error) {
		p, err := b.v.verify(r, &c, body)
		if err != nil {
			return Principal{}, err
		}
		if p.policy, err = b.auth.policy(r.Context(), p.Service, p.Role); err != nil {
			return Principal{}, err
		}
		return b.auth.actFor(r, p)
	}, nil
}

// rolePrincipal is who acts with a role, still without its policy.
func rolePrincipal(service ebb.ServiceID, role, session, accessKey string) Principal {
	if role == "" {
		role = "none"
	}
	return Principal{
		Kind: Role, Service: service, Role: role, AccessKey: accessKey,
		ARN: "arn:aws:sts::" + string(service) + ":assumed-role/" + role + "/" + session,
	}
}

// Assume is who acts with a role on the platform's own behalf, for a workflow of
// the role's service. session says what it is for.
func (a *Auth) Assume(ctx context.Context, roleARN string, service ebb.ServiceID, session string) (Principal, error) {
	p := rolePrincipal(service, ebb.RoleName(roleARN), session, "")
	var err error
	p.policy, err = a.policy(ctx, p.Service, p.Role)
	return p, err
}
