package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxToken is how long a token may be.
const maxToken = 16 << 10

// signatures are the algorithms that a route may take: those with a public key.
func signatures() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	}
}

// tokens checks the tokens of one route.
type tokens struct {
	keys       *keySet
	algorithms []jose.SignatureAlgorithm
	issuer     string
	audience   []string
	scopes     []string
	skew       time.Duration
}

// token is one that was checked.
type token struct {
	subject string
	claims  map[string]json.RawMessage
	scopes  []string
	asked   bool // the route asks for scopes
}

// newTokens makes the check of a route's tokens; nil if it takes none.
func (g *Gateway) newTokens(s *ebb.Route) (*tokens, error) {
	if s.Auth != ebb.RouteAuthJWT {
		return nil, nil
	}
	t := &tokens{issuer: s.Issuer, audience: s.Audience, scopes: s.Scopes, skew: time.Duration(s.ClockSkew) * time.Second}
	for i, name := range s.Algorithms {
		if !slices.Contains(signatures(), jose.SignatureAlgorithm(name)) {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.algorithms[%d]: %.40q is none of %v", i, name, signatures())
		}
		t.algorithms = append(t.algorithms, jose.SignatureAlgorithm(name))
	}
	if len(t.algorithms) == 0 {
		t.algorithms = signatures()
	}
	for name, claim := range s.ClaimHeaders {
		canonical := http.CanonicalHeaderKey(name)
		if !validName(name) || ebb.HopByHop(canonical) || canonical == "Host" || canonical == "Authorization" || claim == "" {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.claimHeaders: %.80q is not a header for a claim", name)
		}
	}
	var err error
	t.keys, err = g.keySets.of(s.JWKS)
	return t, err
}

// check refuses a request without a token that is good for the route.
func (t *tokens) check(ctx context.Context, h http.Header, now time.Time) (*token, error) {
	text, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	if !ok || len(h["Authorization"]) != 1 {
		return nil, badToken("Authorization: Bearer TOKEN is missing")
	}
	if len(text) > maxToken {
		return nil, badToken("the token is too long")
	}
	parsed, err := jwt.ParseSigned(strings.TrimSpace(text), t.algorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return nil, badToken("the token is not one, or is signed by an algorithm that is not taken")
	}
	keys, err := t.keys.find(ctx, parsed.Headers[0].KeyID, parsed.Headers[0].Algorithm, now)
	if err != nil {
		return nil, err
	}
	var std jwt.Claims
	var all map[string]json.RawMessage
	verified := false
	for i := range keys {
		if parsed.Claims(keys[i].Key, &std, &all) == nil {
			verified = true
			break
		}
	}
	if !verified {
		return nil, badToken("the token's signature does not verify")
	}
	return t.read(&std, all, now)
}

// read checks the claims of a token that is signed.
func (t *tokens) read(std *jwt.Claims, all map[string]json.RawMessage, now time.Time) (*token, error) {
	switch {
	case std.Issuer != t.issuer:
		return nil, badToken("the token is from another issuer")
	case !slices.ContainsFunc(t.audience, func(a string) bool { return std.Audience.Contains(a) || clientID(all) == a && len(std.Audience) == 0 }):
		return nil, badToken("the token is for another audience")
	case std.Expiry == nil:
		return nil, badToken("the token has no expiry")
	case !now.Before(std.Expiry.Time().Add(t.skew)):
		return nil, badToken("the token has expired")
	case std.NotBefore != nil && now.Before(std.NotBefore.Time().Add(-t.skew)):
		return nil, badToken("the token is not valid yet")
	case std.IssuedAt != nil && now.Before(std.IssuedAt.Time().Add(-t.skew)):
		return nil, badToken("the token was issued in the future")
	}
	k := &token{subject: std.Subject, claims: all, scopes: scopesOf(all), asked: len(t.scopes) > 0}
	for _, s := range t.scopes {
		if !slices.Contains(k.scopes, s) {
			return nil, ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "the token lacks the scope %s", s)
		}
	}
	return k, nil
}

// clientID is the claim that stands for the audience in access tokens of issuers
// that give them none, as API Gateway takes it.
func clientID(all map[string]json.RawMessage) string {
	var s string
	_ = json.Unmarshal(all["client_id"], &s) // what is no string is not one
	return s
}

// scopesOf are the words of the claim scope or scp, which is a string or a list.
func scopesOf(all map[string]json.RawMessage) []string {
	for _, name := range []string{"scope", "scp"} {
		var s string
		var list []string
		if json.Unmarshal(all[name], &s) == nil {
			return strings.Fields(s)
		}
		if json.Unmarshal(all[name], &list) == nil {
			return list
		}
	}
	return nil
}

func badToken(why string) error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeUnauthorized, "%s", why)
}

// headers are the request headers that stand for claims. A claim that the token
// does not have, or that no header can carry, is none.
func (k *token) headers(names map[string]string) []parameter {
	var hs []parameter
	for name, claim := range names {
		raw, ok := k.claims[claim]
		if !ok {
			continue
		}
		if value := claimText(raw); validValue(value) {
			hs = append(hs, parameter{http.CanonicalHeaderKey(name), value})
		}
	}
	return hs
}

// claimText is a claim as API Gateway spells it: a string as it is, a list as
// its elements in brackets, everything else as JSON.
func claimText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && list != nil {
		texts := make([]string, len(list))
		for i, e := range list {
			texts[i] = claimText(e)
		}
		return "[" + strings.Join(texts, " ") + "]"
	}
	return string(raw)
}
