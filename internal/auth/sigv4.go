package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	timeFormat      = "20060102T150405Z"
	emptyHash       = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	unsignedPayload = "UNSIGNED-PAYLOAD"
	contentHash     = "X-Amz-Content-Sha256"
	securityToken   = "X-Amz-Security-Token"
	serviceS3       = "s3"
)

// verifier checks signatures made with one key pair.
type verifier struct {
	cfg         Config
	credentials Credentials
	principal   Principal
	session     bool // the token must accompany the signature
	keys        *signingKeys
}

func newVerifier(cfg Config, c Credentials, p Principal, session bool) verifier {
	return verifier{cfg: cfg, credentials: c, principal: p, session: session, keys: &signingKeys{kept: make(map[string]signingKey)}}
}

// verify checks the signature of a claim that check found nothing wrong with.
func (v *verifier) verify(r *http.Request, c *claim, body []byte) (Principal, error) {
	hash, err := payloadHash(r, c, body)
	if err != nil {
		return Principal{}, err
	}
	want, err := v.sign(r, c, hash)
	if err != nil {
		return Principal{}, err
	}
	if subtle.ConstantTimeCompare([]byte(want), []byte(c.signature)) != 1 {
		return Principal{}, mismatch()
	}
	return v.principal, nil
}

// check refuses a claim whose signature need not be looked at.
func (v *verifier) check(r *http.Request, c *claim) error {
	if subtle.ConstantTimeCompare([]byte(c.accessKey), []byte(v.credentials.AccessKeyID)) != 1 {
		return invalidToken()
	}
	if v.session {
		got, want := sha256.Sum256([]byte(c.token)), sha256.Sum256([]byte(v.credentials.Token))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			return invalidToken()
		}
	} else if c.token != "" {
		return invalidToken()
	}
	if !slices.Contains(v.cfg.Services, c.service) {
		return badSignature("Credential should be scoped to correct service: '%s'.",
			strings.Join(v.cfg.Services, "' or '"))
	}
	if err := c.checkTime(v.cfg.Now(), v.cfg.Skew); err != nil {
		return err
	}
	return checkSigned(r, c)
}

// checkSigned refuses requests whose meaning is not all under the signature.
func checkSigned(r *http.Request, c *claim) error {
	if !c.signs("host") {
		return badSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !c.presigned && !c.signs("x-amz-date") {
		return badSignature("'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if (strings.HasPrefix(name, "X-Amz-") || strings.HasPrefix(name, "X-Ebb-")) && !c.signs(strings.ToLower(name)) {
			return badSignature("There were headers present in the request which were not signed: %s",
				strings.ToLower(name))
		}
	}
	return nil
}

// payloadHash returns the hash of the body that r must have been signed with.
func payloadHash(r *http.Request, c *claim, body []byte) (string, error) {
	claimed := r.Header.Get(contentHash)
	if claimed == "" && c.presigned {
		claimed = c.query.Get(contentHash)
	}
	if claimed == "" && c.presigned && c.service == serviceS3 {
		claimed = unsignedPayload
	}
	if claimed == unsignedPayload && (c.presigned || c.service == serviceS3) {
		return unsignedPayload, nil
	}
	hash := emptyHash
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	switch {
	case claimed == "" || subtle.ConstantTimeCompare([]byte(claimed), []byte(hash)) == 1:
		return hash, nil
	case claimed == unsignedPayload || strings.HasPrefix(claimed, "STREAMING-"):
		return "", badSignature("The value %s of x-amz-content-sha256 is not supported here.", claimed)
	}
	return "", badSignature("The x-amz-content-sha256 of the request does not match the SHA-256 of its body.")
}

// checkTime refuses signatures from too long ago or too far ahead.
func (c *claim) checkTime(now time.Time, skew time.Duration) error {
	now = now.UTC()
	last := c.date.Add(skew)
	if c.presigned {
		last = c.date.Add(c.expires)
	}
	if now.After(last) {
		return badSignature("Signature expired: %s is now earlier than %s (%s - %s.)",
			c.date.Format(timeFormat), now.Add(c.date.Sub(last)).Format(timeFormat),
			now.Format(timeFormat), minutes(last.Sub(c.date)))
	}
	if c.date.After(now.Add(skew)) {
		return badSignature("Signature not yet current: %s is still later than %s (%s + %s.)",
			c.date.Format(timeFormat), now.Add(skew).Format(timeFormat), now.Format(timeFormat), minutes(skew))
	}
	return nil
}
