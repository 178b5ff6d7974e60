package gateway

import (
	"crypto/x509"
	"net/http"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// caller is who sent a request to an HTTP route.
type caller struct {
	name    string            // what limits count by and the access log shows
	cert    *x509.Certificate // of the client, verified; nil = none
	key     *ebb.APIKey
	token   *token
	headers []parameter // request headers that stand for claims
	prove   auth.Proof  // of a signed request, once its body is there
}

// admitRoute checks the caller of an HTTP route, counts the request, and reads
// and checks its body; whole is false if the body may go through unread. It
// returns b with the body.
func (g *Gateway) admitRoute(b []byte, r *request, whole bool) ([]byte, error) {
	h := r.route.http
	if err := g.identify(r); err != nil {
		return b, err
	}
	iam := h.settings.Auth == ebb.RouteAuthIAM
	if !iam {
		if err := h.limits.take(r.caller.name, g.cfg.Now()); err != nil {
			return b, err
		}
	}
	if !whole && !iam && h.schema == nil {
		if r.ContentLength > h.maxBody && h.settings.MaxBody > 0 {
			return b, tooLarge(h.maxBody)
		}
		if h.settings.MaxBody > 0 {
			r.Body = http.MaxBytesReader(nil, r.Body, h.maxBody)
		}
		return b, nil
	}
	b, err := g.readBody(b, r, h.maxBody)
	if err != nil {
		return b, err
	}
	r.body = b
	if iam {
		if err := g.signed(r); err != nil {
			return b, err
		}
	}
	return b, h.validate(r)
}

// identify finds out who sent r, as far as that does not take the body.
func (g *Gateway) identify(r *request) (err error) {
	s, c := &r.route.http.settings, &r.caller
	c.name = "ip:" + remoteIP(r.RemoteAddr)
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		c.cert = r.TLS.VerifiedChains[0][0]
	}
	if len(s.Subjects) > 0 {
		if err := g.checkSubject(c, s.Subjects); err != nil {
			return err
		}
	}
	switch s.Auth {
	case ebb.RouteAuthNone, ebb.RouteAuthMTLS:
		return nil
	case ebb.RouteAuthKey:
		if c.key, err = g.auth.APIKey(r.Context(), r.route.Service, r.route.http.trigger.Name, r.Header.Get("X-Api-Key")); err == nil {
			c.name = "key:" + c.key.Name
		}
		return err
	case ebb.RouteAuthJWT:
		if c.token, err = r.route.http.jwt.check(r.Context(), r.Header, g.cfg.Now()); err == nil {
			c.name = "sub:" + c.token.subject
			c.headers = c.token.headers(s.ClaimHeaders)
		}
		return err
	case ebb.RouteAuthIAM:
		c.prove, err = g.auth.Begin(r.Request)
		return err
	}
	return ebb.Errorf(ebb.Internal, ebb.TypeServiceException, "route %s has the authorizer %q", r.route.http.trigger.Name, s.Auth)
}

// checkSubject refuses who has no certificate whose subject a pattern matches.
// The connection may be older than the certificate's end.
func (g *Gateway) checkSubject(c *caller, patterns []string) error {
	if c.cert == nil {
		return ebb.Errorf(ebb.Unauthenticated, ebb.TypeUnauthorized, "a client certificate is needed")
	}
	if now := g.cfg.Now(); now.After(c.cert.NotAfter) || now.Before(c.cert.NotBefore) {
		return ebb.Errorf(ebb.Unauthenticated, ebb.TypeUnauthorized, "the client certificate is not in force")
	}
	subject := c.cert.Subject.String()
	if !slices.ContainsFunc(patterns, func(p string) bool { return auth.Matches(p, subject) }) {
		return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "the client certificate's subject %s is not one of this route", subject)
	}
	c.name = "cert:" + subject
	return nil
}

// signed checks a request's AWS signature, whether its principal may, and counts it.
func (g *Gateway) signed(r *request) (err error) {
	if r.principal, err = r.caller.prove(r.body); err != nil {
		return err
	}
	action := function.ActionInvokeURL
	if r.route.http.machine != "" {
		action = "states:StartSyncExecution"
	}
	if err := g.auth.Authorize(r.principal, action, r.route.arn); err != nil {
		return err
	}
	r.caller.name = "iam:" + r.principal.ARN
	return r.route.http.limits.take(r.caller.name, g.cfg.Now())
}

// hides reports whether a request header (canonical name) is not the function's
// business: an API key, and what stands for claims only where a token says so.
func (h *httpRoute) hides(name string) bool {
	if name == "X-Api-Key" {
		return h.settings.Auth == ebb.RouteAuthKey
	}
	// Servers of some languages take X_User for X-User.
	return len(h.claimed) > 0 && (h.claimed[name] || h.claimed[http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))])
}
