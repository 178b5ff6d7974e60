package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
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
}

// DefaultServices are the signing names that ebb's endpoints go by.
func DefaultServices() []string {
	return []string{"lambda", "execute-api", "s3", "states", "sts", "iam", "logs"}
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
	// Precheck refuses what Authenticate would refuse whatever the body is,
	// short of the signature itself. It costs little, so that strangers cannot
	// make a server read large bodies.
	Precheck(r *http.Request) error
}

// Auth proves callers of the node's own listeners by the root credentials.
// It is safe for concurrent use.
type Auth struct {
	v verifier
}

// New returns an Auth that knows the root credentials.
func New(cfg Config, root Credentials) *Auth {
	cfg = cfg.withDefaults()
	return &Auth{v: newVerifier(cfg, root, Principal{
		Kind:      Root,
		Service:   cfg.RootService,
		ARN:       "arn:aws:iam::" + string(cfg.RootService) + ":root",
		AccessKey: root.AccessKeyID,
	}, false)}
}

// Authenticate implements Authenticator: a signature by the root key, or the
// root token as "Authorization: Bearer TOKEN".
func (a *Auth) Authenticate(r *http.Request, body []byte) (Principal, error) {
	if token, ok := bearer(r); ok {
		return a.v.bearer(token)
	}
	return a.v.authenticate(r, body)
}

// Precheck implements Authenticator.
func (a *Auth) Precheck(r *http.Request) error {
	if token, ok := bearer(r); ok {
		_, err := a.v.bearer(token)
		return err
	}
	_, err := a.v.precheck(r)
	return err
}

// bearer returns the token of "Authorization: Bearer TOKEN".
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// bearer returns the verifier's principal if token is its token. The digests
// make the comparison take the same time whatever the token's length.
func (v *verifier) bearer(token string) (Principal, error) {
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(v.credentials.Token))
	if v.credentials.Token == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return Principal{}, invalidToken()
	}
	p := v.principal
	p.AccessKey = ""
	return p, nil
}
