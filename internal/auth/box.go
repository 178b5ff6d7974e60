package auth

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Box proves the callers on one box's own listener. Its credentials are made
// for it and known to nobody else; they last as long as the Box is held.
// It is safe for concurrent use.
type Box struct {
	v verifier
}

// NewBox returns a Box with fresh session credentials that act with the role.
func NewBox(roleARN string, service ebb.ServiceID) *Box {
	return newBox(Config{}, roleARN, service)
}

func newBox(cfg Config, roleARN string, service ebb.ServiceID) *Box {
	c := Credentials{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: secret(30),
		Token:           secret(48),
	}
	return &Box{v: newVerifier(cfg.withDefaults(), c, Principal{
		Kind:      Role,
		Service:   service,
		ARN:       sessionARN(roleARN, service),
		AccessKey: c.AccessKeyID,
	}, true)}
}

// Credentials returns what the function is given in AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
func (b *Box) Credentials() Credentials { return b.v.credentials }

// Principal returns who the callers of this box are.
func (b *Box) Principal() Principal { return b.v.principal }

// Authenticate implements Authenticator: a signature by this box's credentials.
func (b *Box) Authenticate(r *http.Request, body []byte) (Principal, error) {
	return b.v.authenticate(r, body)
}

// Precheck implements Authenticator.
func (b *Box) Precheck(r *http.Request) error {
	_, err := b.v.precheck(r)
	return err
}

// sessionARN turns arn:aws:iam::ACCOUNT:role/PATH/NAME into the ARN of a
// session of that role, as AWS names callers in messages.
func sessionARN(roleARN string, service ebb.ServiceID) string {
	name := roleARN[strings.LastIndexByte(roleARN, '/')+1:]
	if name == "" {
		name = "none"
	}
	return "arn:aws:sts::" + string(service) + ":assumed-role/" + name + "/function"
}
