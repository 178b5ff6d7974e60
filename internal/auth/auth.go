package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Config of an Auth. The zero value is complete.
type Config struct {
	// Region is where most signatures are expected from ("us-east-1" if empty).
	// All regions are accepted; this one's keys are kept ready.
	Region string
	// Services that a signature may be scoped to; DefaultServices if empty.
	Services []string
	// Skew is how far a signature's date may be from now, 5 minutes if zero.
	Skew time.Duration
	// RootService is the service that root acts for, ebb.DefaultService if empty.
	RootService ebb.ServiceID
	// Now is the clock, time.Now if nil.
	Now func() time.Time

	// Store has access keys, roles and services; with nil there is root alone.
	Store *store.Store
	// Seal and Open keep the secrets of access keys (package secret).
	Seal func(tx *store.Tx, id string, value []byte) (ebb.Sealed, error)
	Open func(id string, sealed ebb.Sealed) ([]byte, error)
	// Permitted asks the policy of a resource of another service than p's
	// whether p may do action to it. With nil nothing crosses services.
	Permitted func(ctx context.Context, p Principal, action, resourceARN string) (bool, error)
	Log       *slog.Logger
}

// DefaultServices are the signing names that ebb's endpoints go by.
func DefaultServices() []string {
	return []string{"lambda", "execute-api", "s3", "states", "sts", "iam", "logs", "events"}
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if len(c.Services) == 0 {
		c.Services = DefaultServices()
	}
	c.Services = slices.Clone(c.Services)
	if c.Skew == 0 {
		c.Skew = 5 * time.Minute
	}
	if c.RootService == "" {
		c.RootService = ebb.DefaultService
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Authenticator proves callers: an Auth on the node's own listeners, a Box on
// the listener inside a box.
type Authenticator interface {
	// Authenticate returns who sent r with body. Its errors are *ebb.Error of
	// kind Unauthenticated with AWS's type names.
	Authenticate(r *http.Request, body []byte) (Principal, error)
	// Begin does all of Authenticate that needs no body, short of the signature
	// itself, and returns the rest. It costs little, so that strangers cannot make
	// a server read large bodies.
	Begin(r *http.Request) (Proof, error)
}

// Proof is the rest of Authenticate: the body, once it was read.
type Proof func(body []byte) (Principal, error)

// Auth proves callers of the node's own listeners, by the root credentials, an
// access key or the session of a role, and says what they may.
// It is safe for concurrent use.
type Auth struct {
	cfg  Config
	root verifier
	may  permissions

	byID     fresh[string, *holder]
	byToken  fresh[[sha256.Size]byte, *holder]
	byAPIKey fresh[[sha256.Size]byte, *ebb.APIKey]
	roles    fresh[roleKey, *ebb.Policy]
	services fresh[string, ebb.ServiceID]

	touched sync.Map // key id → the last minute in which its use was noted
	usedMu  sync.Mutex
	used    map[string]time.Time // keys that were used since the last writeUses
}

// New returns an Auth that knows the root credentials.
func New(cfg Config, root Credentials) *Auth {
	cfg = cfg.withDefaults()
	a := &Auth{cfg: cfg, may: newPermissions(cfg), used: make(map[string]time.Time)}
	a.root = newVerifier(cfg, root, Principal{
		Kind:      Root,
		Service:   cfg.RootService,
		Node:      true,
		ARN:       "arn:aws:iam::" + string(cfg.RootService) + ":root",
		AccessKey: root.AccessKeyID,
	}, false)
	a.byID.now, a.byID.load = cfg.Now, a.loadByID
	a.byToken.now, a.byToken.load = cfg.Now, a.loadByToken
	a.byAPIKey.now, a.byAPIKey.load = cfg.Now, a.loadAPIKey
	a.roles.now, a.roles.load = cfg.Now, a.loadRole
	a.services.now, a.services.load = cfg.Now, a.loadService
	return a
}

// Authenticate implements Authenticator: a signature, or a token as
// "Authorization: Bearer TOKEN".
func (a *Auth) Authenticate(r *http.Request, body []byte) (Principal, error) {
	return authenticate(a, r, body)
}

// authenticate is Authenticate by way of Begin.
func authenticate(by Authenticator, r *http.Request, body []byte) (Principal, error) {
	prove, err := by.Begin(r)
	if err != nil {
		return Principal{}, err
	}
	return prove(body)
}

// Begin implements Authenticator.
func (a *Auth) Begin(r *http.Request) (Proof, error) {
	if token, ok := bearer(r); ok {
		p, err := a.byBearer(r.Context(), token)
		if err != nil {
			return nil, err
		}
		return func([]byte) (Principal, error) { return a.actFor(r, p) }, nil
	}
	c, v, err := a.claimant(r)
	if err != nil {
		return nil, err
	}
	return func(body []byte) (Principal, error) {
		p, err := v.verify(r, &c, body)
		if err != nil {
			return Principal{}, err
		}
		if p.Kind == Key {
			a.touch(p.AccessKey)
		}
		return a.actFor(r, p)
	}, nil
}

// claimant reads who r says it is from, checks all of that but the signature,
// and returns what verifies it.
func (a *Auth) claimant(r *http.Request) (claim, *verifier, error) {
	c, err := readClaim(r)
	if err != nil {
		return c, nil, err
	}
	v := &a.root
	switch {
	case c.accessKey == a.root.credentials.AccessKeyID || a.cfg.Store == nil:
	case c.token != "":
		if v, err = a.session(r.Context(), &c); err != nil {
			return c, nil, err
		}
	default:
		h, err := a.byID.get(r.Context(), c.accessKey)
		if err != nil {
			return c, nil, err
		}
		if err := a.valid(h); err != nil {
			return c, nil, err
		}
		v = h.verifier
	}
	return c, v, v.check(r, &c)
}

// bearer returns the token of "Authorization: Bearer TOKEN".
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// byBearer returns whose token it is. The digests make the comparison take the
// same time whatever the token's length.
func (a *Auth) byBearer(ctx context.Context, token string) (Principal, error) {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(a.root.credentials.Token))
	if a.root.credentials.Token != "" && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		p := a.root.principal
		p.AccessKey = ""
		return p, nil
	}
	if a.cfg.Store == nil {
		return Principal{}, invalidToken()
	}
	h, err := a.byToken.get(ctx, got)
	if err != nil {
		return Principal{}, err
	}
	if err := a.valid(h); err != nil {
		return Principal{}, err
	}
	a.touch(h.row.ID)
	return h.verifier.principal, nil
}
