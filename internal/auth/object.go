package auth

import (
	"context"
	"crypto/subtle"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// SigningKey is what a signature for S3 of a date and region is checked with, and
// whose it is then. Who asks checks the signature: the bytes of objects do not
// pass through here. Errors are Unauthenticated.
func (a *Auth) SigningKey(ctx context.Context, accessKey, token, date, region string) ([]byte, Principal, error) {
	v, err := a.holderOf(ctx, accessKey, token)
	if err != nil {
		return nil, Principal{}, err
	}
	return DeriveKey(v.credentials.SecretAccessKey, date, region), v.principal, nil
}

// Holder is who a key, and the token of a session, belong to. The caller has
// proved it by a SigningKey.
func (a *Auth) Holder(ctx context.Context, accessKey, token string) (Principal, error) {
	v, err := a.holderOf(ctx, accessKey, token)
	if err != nil {
		return Principal{}, err
	}
	if v.principal.Kind == Key {
		a.touch(v.principal.AccessKey)
	}
	return v.principal, nil
}

func (a *Auth) holderOf(ctx context.Context, accessKey, token string) (*verifier, error) {
	switch {
	case accessKey == a.root.credentials.AccessKeyID && token == "":
		return &a.root, nil
	case a.cfg.Store == nil:
		return nil, invalidToken()
	case token != "":
		return a.session(ctx, &claim{accessKey: accessKey, token: token})
	}
	h, err := a.byID.get(ctx, accessKey)
	if err == nil {
		err = a.valid(h)
	}
	if err != nil {
		return nil, err
	}
	return h.verifier, nil
}

// SigningKey is Auth.SigningKey for the one key of the box.
func (b *Box) SigningKey(ctx context.Context, accessKey, token, date, region string) ([]byte, Principal, error) {
	p, err := b.Holder(ctx, accessKey, token)
	if err != nil {
		return nil, Principal{}, err
	}
	return DeriveKey(b.v.credentials.SecretAccessKey, date, region), p, nil
}

// Holder is Auth.Holder for the one key of the box.
func (b *Box) Holder(ctx context.Context, accessKey, token string) (p Principal, err error) {
	c := b.v.credentials
	if subtle.ConstantTimeCompare([]byte(accessKey), []byte(c.AccessKeyID)) != 1 || subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) != 1 {
		return p, invalidToken()
	}
	p = b.v.principal
	p.policy, err = b.auth.policy(ctx, p.Service, p.Role)
	return p, err
}

// Platform is the platform itself acting for a service, with all that a
// developer of the service may.
func Platform(service ebb.ServiceID) Principal {
	return Principal{Kind: Key, Service: service, Role: string(ebb.RoleDeveloper), ARN: "arn:aws:iam::" + string(service) + ":user/ebb"}
}

// AuthorizeObject is Authorize for a bucket, or for objects in it: their ARNs do
// not say of which service they are. owner "" = a bucket that is not there yet.
func (a *Auth) AuthorizeObject(p Principal, action, resourceARN string, owner ebb.ServiceID) error {
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
	if p.Node || owner == "" || owner == p.Service {
		return nil
	}
	return refusal(p, action, resourceARN, silent)
}

// Denies reports whether the policy of a role speaks against an action, which the
// policy of a bucket cannot make good.
func Denies(p Principal, action, resourceARN string) bool {
	return p.Kind == Role && p.policy != nil && decide(p.policy, action, resourceARN) == denied
}

// DeriveKey is the key that Signature Version 4 signs with for S3 on a date.
func DeriveKey(secret, date, region string) []byte { return deriveKey(secret, date, region, serviceS3) }
