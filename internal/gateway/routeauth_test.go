package gateway

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// issuer is a server of a key set, whose keys may change.
type issuer struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	keys   []jose.JSONWebKey
	reads  int
	broken bool
}

func newTokenIssuer(t *testing.T) *issuer {
	i := &issuer{t: t}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.reads++
		if i.broken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(broken bool, keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.broken, i.keys = broken, nil
	for _, k := range keys {
		i.keys = append(i.keys, k.Public())
	}
}

func (i *issuer) asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reads
}

func newJWK(t *testing.T, id string, alg jose.SignatureAlgorithm) jose.JSONWebKey {
	t.Helper()
	var key crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(alg), Use: "sig"}
}

type claims map[string]any

func goodClaims(more ...any) claims {
	c := claims{"iss": "https://id.bank.example", "aud": []string{"api"}, "sub": "alice", "exp": testNow.Add(time.Hour).Unix(), "nbf": testNow.Unix()}
	for i := 0; i < len(more); i += 2 {
		if c[more[i].(string)] = more[i+1]; more[i+1] == nil {
			delete(c, more[i].(string))
		}
	}
	return c
}

func signToken(t *testing.T, k jose.JSONWebKey, c claims) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jwt.Signed(s).Claims(map[string]any(c)).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text
}

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func TestRouteJWT(t *testing.T) {
	i := newTokenIssuer(t)
	es, rs, ed := newJWK(t, "k1", jose.ES256), newJWK(t, "k2", jose.RS256), newJWK(t, "k3", jose.EdDSA)
	i.set(false, es, rs, ed)
	now := testNow
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	step := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	r := newRouteRig(t, Config{JWKSPrivate: loopback(), Now: clock}, nil)
	r.put(ebb.Route{Path: "/x", Auth: ebb.RouteAuthJWT, Issuer: "https://id.bank.example", Audience: []string{"other", "api"}, JWKS: i.URL,
		Algorithms: []string{"ES256", "EdDSA"}, ClockSkew: 30, ClaimHeaders: map[string]string{"X-User": "sub", "X-Groups": "groups", "X-None": "none"}})
	r.put(ebb.Route{Path: "/scoped", Auth: ebb.RouteAuthJWT, Issuer: "https://id.bank.example", Audience: []string{"api"}, JWKS: i.URL, Scopes: []string{"read", "write"}})

	event := r.ask("GET", "/x", "", "Authorization", signToken(t, es, goodClaims("groups", []string{"a", "b"}, "n", 1.5, "ok", true)),
		"X-User", "mallory", "X_User", "mallory", "X-None", "mallory")
	headers := event["headers"].(map[string]any)
	if headers["x-user"] != "alice" || headers["x-groups"] != "[a b]" || headers["x-none"] != nil || headers["x_user"] != nil {
		t.Fatalf("headers %v", headers)
	}
	authorizer := event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)
	got := authorizer["claims"].(map[string]any)
	if got["sub"] != "alice" || got["groups"] != "[a b]" || got["aud"] != "[api]" || got["n"] != "1.5" || got["ok"] != "true" || authorizer["scopes"] != nil {
		t.Fatalf("authorizer %v", authorizer)
	}
	r.ask("GET", "/x", "", "Authorization", signToken(t, ed, goodClaims("exp", testNow.Add(-20*time.Second).Unix())))
	r.ask("GET", "/x", "", "Authorization", signToken(t, es, goodClaims("aud", nil, "client_id", "api")))

	hs := jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "k1", Algorithm: "HS256"}
	stranger := newJWK(t, "k1", jose.ES256)
	good := signToken(t, es, goodClaims())
	parts := strings.Split(good, ".")
	for what, token := range map[string]string{
		"none": "", "basic": "Basic YTpi", "junk": "Bearer junk", "empty": "Bearer ", "long": "Bearer " + strings.Repeat("x", 20<<10),
		"unsigned":        "Bearer eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"shared secret":   signToken(t, hs, goodClaims()),
		"another alg":     signToken(t, rs, goodClaims()),
		"stranger":        signToken(t, stranger, goodClaims()),
		"tampered":        parts[0] + "." + parts[1] + "x." + parts[2],
		"issuer":          signToken(t, es, goodClaims("iss", "https://evil.example")),
		"no issuer":       signToken(t, es, goodClaims("iss", nil)),
		"audience":        signToken(t, es, goodClaims("aud", "elsewhere")),
		"no audience":     signToken(t, es, goodClaims("aud", nil)),
		"client of other": signToken(t, es, goodClaims("aud", "elsewhere", "client_id", "api")),
		"expired":         signToken(t, es, goodClaims("exp", testNow.Add(-31*time.Second).Unix())),
		"no expiry":       signToken(t, es, goodClaims("exp", nil)),
		"not yet":         signToken(t, es, goodClaims("nbf", testNow.Add(40*time.Second).Unix())),
		"from the future": signToken(t, es, goodClaims("iat", testNow.Add(40*time.Second).Unix())),
	} {
		a := r.do(t, "GET", r.URL+"/x", "", "Authorization", token)
		if a.status != 401 || !strings.Contains(a.body, ebb.TypeUnauthorized) || !strings.HasPrefix(a.header.Get("Www-Authenticate"), "Bearer") {
			t.Errorf("%s: %d %s %v", what, a.status, a.body, a.header)
		}
	}
	r.refused(401, ebb.TypeUnauthorized, "GET", "/x", "", "Authorization", good, "Authorization", good)
	r.refused(403, ebb.TypeAccessDenied, "GET", "/scoped", "", "Authorization", signToken(t, es, goodClaims("scope", "read")))
	event = r.ask("GET", "/scoped", "", "Authorization", signToken(t, rs, goodClaims("scp", []string{"write", "read"})))
	if s := event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)["scopes"].([]any); len(s) != 2 {
		t.Fatalf("scopes %v", s)
	}

	// A new key is found at once, but made-up ones do not make the issuer work.
	step(20 * time.Second)
	next := newJWK(t, "k9", jose.ES256)
	i.set(false, next)
	before := i.asked()
	r.ask("GET", "/x", "", "Authorization", signToken(t, next, goodClaims()))
	for range 5 {
		r.refused(401, ebb.TypeUnauthorized, "GET", "/x", "", "Authorization", signToken(t, newJWK(t, "madeup", jose.ES256), goodClaims()))
	}
	if n := i.asked() - before; n != 1 {
		t.Fatalf("asked %d times", n)
	}
	r.refused(401, ebb.TypeUnauthorized, "GET", "/x", "", "Authorization", signToken(t, es, goodClaims())) // its key was withdrawn
	// While the issuer is away the keys go on to count, for a day.
	i.set(true)
	step(time.Hour)
	r.ask("GET", "/x", "", "Authorization", signToken(t, next, goodClaims("exp", testNow.Add(48*time.Hour).Unix())))
	step(24 * time.Hour)
	r.refused(503, ebb.TypeServiceUnavailable, "GET", "/x", "", "Authorization", signToken(t, next, goodClaims("exp", testNow.Add(48*time.Hour).Unix())))
	i.set(false, next)
	step(20 * time.Second)
	r.ask("GET", "/x", "", "Authorization", signToken(t, next, goodClaims("exp", testNow.Add(48*time.Hour).Unix())))
}

func TestRouteJWTFromFile(t *testing.T) {
	dir := t.TempDir()
	k := newJWK(t, "", jose.RS256)
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{k.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRouteRig(t, Config{JWKSDir: dir}, nil)
	s := ebb.Route{Path: "/x", Auth: ebb.RouteAuthJWT, Issuer: "https://id.bank.example", Audience: []string{"api"}, JWKS: "keys.json", PayloadFormat: "1.0"}
	r.put(s)
	r.answer = `{"statusCode":200}`
	event := r.ask("GET", "/x", "", "Authorization", signToken(t, k, goodClaims()))
	if c := event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["claims"].(map[string]any); c["sub"] != "alice" {
		t.Fatalf("claims %v", c)
	}
	// What cannot be a key set, or is not safe to ask, is refused when it is set.
	for _, where := range []string{"../keys.json", "/etc/passwd", "http://id.bank.example/keys", "https://user@id.bank.example/keys", "https://"} {
		bad := s
		bad.JWKS = where
		if err := r.g.CheckRoute(r.trigger(bad, "bad"), &bad); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "http.jwks") {
			t.Errorf("%s: %v", where, err)
		}
	}
	bad := s
	bad.Algorithms = []string{"HS256"}
	if err := r.g.CheckRoute(r.trigger(s, "bad"), &bad); err == nil || !strings.Contains(err.Error(), "http.algorithms[0]") {
		t.Errorf("shared secret: %v", err)
	}
}

func TestRouteAPIKey(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	one := r.put(ebb.Route{Path: "/one", Auth: ebb.RouteAuthKey})
	r.put(ebb.Route{Path: "/two", Auth: ebb.RouteAuthKey})
	create := func(service ebb.ServiceID, name string, expires time.Time, triggers ...string) string {
		_, key, err := r.auth.CreateAPIKey(t.Context(), ebb.APIKey{Service: service, Name: name, Triggers: triggers, ExpiresAt: expires})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	all := create(testKey.Service, "all", time.Time{})
	only := create(testKey.Service, "only", testNow.Add(time.Hour), one.Name)
	foreign := create("111122223333", "all", time.Time{})
	for _, path := range []string{"/one", "/two"} {
		event := r.ask("GET", path, "", "X-Api-Key", all)
		if h := event["headers"].(map[string]any); h["x-api-key"] != nil {
			t.Fatalf("the function sees the key: %v", h)
		}
		if k := event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["apiKey"].(map[string]any); k["name"] != "all" {
			t.Fatalf("authorizer %v", k)
		}
	}
	r.ask("GET", "/one", "", "X-Api-Key", only)
	r.refused(403, ebb.TypeAccessDenied, "GET", "/two", "", "X-Api-Key", only)
	for _, wrong := range []string{"", "x", foreign, all + "x", strings.Repeat("x", 200)} {
		r.refused(401, ebb.TypeUnauthorized, "GET", "/one", "", "X-Api-Key", wrong)
	}
	if _, err := r.auth.UpdateAPIKey(t.Context(), testKey.Service, "all", auth.ChangeAPIKey{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	r.refused(401, ebb.TypeUnauthorized, "GET", "/one", "", "X-Api-Key", all)
	if err := r.auth.DeleteAPIKey(t.Context(), testKey.Service, "only"); err != nil {
		t.Fatal(err)
	}
	r.refused(401, ebb.TypeUnauthorized, "GET", "/one", "", "X-Api-Key", only)
	if strings.Contains(r.log.String(), all) {
		t.Fatal("the log tells a key")
	}
	if _, _, err := r.auth.CreateAPIKey(t.Context(), ebb.APIKey{Service: testKey.Service, Name: "all"}); ebb.KindOf(err) != ebb.Conflict {
		t.Fatalf("a name twice: %v", err)
	}
}

// Without a certificate, or on plain HTTP, a route that asks for a subject lets
// nobody in, whatever else they have.
func TestRouteSubjectsBesideKey(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x", Auth: ebb.RouteAuthKey, Subjects: []string{"*"}})
	_, key, err := r.auth.CreateAPIKey(t.Context(), ebb.APIKey{Service: testKey.Service, Name: "all"})
	if err != nil {
		t.Fatal(err)
	}
	r.refused(401, ebb.TypeUnauthorized, "GET", "/x", "", "X-Api-Key", key)
}

func TestRouteUnknownAuthorizerLetsNobodyIn(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	route := r.put(ebb.Route{Path: "/x"})
	r.g.routing.known[route.ID].http.settings.Auth = "later"
	r.refused(500, ebb.TypeServiceException, "GET", "/x", "")
}
