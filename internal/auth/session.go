package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// sessionToken is what the token of a role's session holds, sealed: the session
// is kept by its holder, and nowhere else.
type sessionToken struct {
	AccessKeyID string        `json:"k"`
	Secret      string        `json:"s"`
	Service     ebb.ServiceID `json:"v"`
	Role        string        `json:"r"`
	Session     string        `json:"n"`
	Expires     int64         `json:"e"` // seconds since 1970
}

// Bounds of a session.
const (
	MinSession, MaxSession = 15 * time.Minute, 12 * time.Hour
	maxSessionToken        = 2048 // characters
)

var sessionNameRE = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// AssumeRole returns credentials that act with a role of p's service for a while.
func (a *Auth) AssumeRole(ctx context.Context, p Principal, roleARN, session string, lasts time.Duration) (Principal, Credentials, time.Time, error) {
	fail := func(err error) (Principal, Credentials, time.Time, error) {
		return Principal{}, Credentials{}, time.Time{}, err
	}
	name := ebb.RoleName(roleARN)
	switch {
	case roleARN != ebb.RoleARN(p.Service, name) || !ebb.ValidRoleName(name):
		return fail(refusal(p, "sts:AssumeRole", roleARN, silent))
	case !sessionNameRE.MatchString(session):
		return fail(ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "RoleSessionName: must be 2 to 64 letters, digits and _ + = , . @ -"))
	case lasts < MinSession || lasts > MaxSession:
		return fail(ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "DurationSeconds: must be between %.0f and %.0f", MinSession.Seconds(), MaxSession.Seconds()))
	}
	t := sessionToken{
		AccessKeyID: "ASIA" + rand.Text()[:16], Secret: secret(30), Service: p.Service, Role: name, Session: session,
		Expires: a.cfg.Now().Add(lasts).Unix(),
	}
	text, err := json.Marshal(t)
	if err != nil {
		return fail(err)
	}
	var sealed ebb.Sealed
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Role(p.Service, name); err != nil {
			return refusal(p, "sts:AssumeRole", roleARN, silent)
		}
		sealed, err = a.cfg.Seal(tx, t.AccessKeyID, text)
		return err
	})
	if err != nil {
		return fail(err)
	}
	c := Credentials{AccessKeyID: t.AccessKeyID, SecretAccessKey: t.Secret,
		Token: sealed.MasterID + "." + base64.RawURLEncoding.EncodeToString(sealed.Blob)}
	return rolePrincipal(p.Service, name, session, t.AccessKeyID), c, time.Unix(t.Expires, 0).UTC(), nil
}

// session opens the token of a claim.
func (a *Auth) session(ctx context.Context, c *claim) (*verifier, error) {
	const idSize = 16 // of a master key
	if len(c.token) <= idSize+1 || len(c.token) > maxSessionToken || c.token[idSize] != '.' {
		return nil, invalidToken()
	}
	blob, err := base64.RawURLEncoding.DecodeString(c.token[idSize+1:])
	if err != nil {
		return nil, invalidToken()
	}
	text, err := a.cfg.Open(c.accessKey, ebb.Sealed{MasterID: c.token[:idSize], Blob: blob})
	var t sessionToken
	if err != nil || json.Unmarshal(text, &t) != nil || t.AccessKeyID != c.accessKey {
		return nil, invalidToken()
	}
	if a.cfg.Now().Unix() >= t.Expires {
		return nil, expired()
	}
	p := rolePrincipal(t.Service, t.Role, t.Session, t.AccessKeyID)
	if p.policy, err = a.policy(ctx, t.Service, t.Role); err != nil {
		return nil, err
	}
	v := newVerifier(a.cfg, Credentials{AccessKeyID: t.AccessKeyID, SecretAccessKey: t.Secret, Token: c.token}, p, true)
	return &v, nil
}

func expired() error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeExpiredToken, "The security token included in the request is expired")
}
