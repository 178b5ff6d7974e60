package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
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
	session     bool       // the token must accompany the signature
	signer      *v4.Signer // keeps derived keys of cfg.Region only
}

func newVerifier(cfg Config, c Credentials, p Principal, session bool) verifier {
	return verifier{cfg: cfg, credentials: c, principal: p, session: session, signer: v4.NewSigner(plain)}
}

// plain makes the signer leave alone what the verifier decides itself: the
// session token is a header like others, and presigned headers stay headers.
func plain(o *v4.SignerOptions) {
	o.DisableSessionToken = true
	o.DisableHeaderHoisting = true
}

// authenticate proves r by its signature.
func (v *verifier) authenticate(r *http.Request, body []byte) (Principal, error) {
	c, err := v.precheck(r)
	if err != nil {
		return Principal{}, err
	}
	return v.verify(r, &c, body)
}

// precheck reads r's claim and checks all of it but the signature.
func (v *verifier) precheck(r *http.Request) (claim, error) {
	c, err := readClaim(r)
	if err != nil {
		return c, err
	}
	return c, v.check(r, &c)
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

// sign returns the signature that r should bear. The signer works on a copy
// that holds the signed headers only: it signs every header it is shown.
func (v *verifier) sign(r *http.Request, c *claim, hash string) (string, error) {
	header := make(http.Header, len(c.signed)+2)
	q := &http.Request{
		Method: r.Method,
		Host:   r.Host,
		Header: header,
		URL:    &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: c.rawQuery},
	}
	for _, name := range c.signed {
		switch name {
		case "host":
		case "content-length":
			if r.ContentLength <= 0 {
				return "", mismatch() // the signer cannot sign a length of zero
			}
			q.ContentLength = r.ContentLength
		case "x-amz-date":
			if c.presigned { // else the signer adds it
				header[name] = r.Header["X-Amz-Date"]
			}
		default:
			values := r.Header[http.CanonicalHeaderKey(name)]
			if len(values) == 0 {
				return "", mismatch()
			}
			// In lower case the signer's list of headers that it would
			// rather not sign does not apply.
			header[name] = values
		}
	}
	return v.run(q, c, hash)
}

// run has the signer sign q and returns the bare signature.
func (v *verifier) run(q *http.Request, c *claim, hash string) (string, error) {
	signer := v.signer
	if c.region != v.cfg.Region {
		// The signer keeps a key per region for ever, and the caller chose it.
		signer = v4.NewSigner(plain)
	}
	key := aws.Credentials{AccessKeyID: v.credentials.AccessKeyID, SecretAccessKey: v.credentials.SecretAccessKey}
	escaping := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == serviceS3 }
	ctx := context.Background() // only logging options of the signer would use it
	var signed string
	if c.presigned {
		uri, _, err := signer.PresignHTTP(ctx, key, q, hash, c.service, c.region, c.date, escaping)
		if err != nil {
			return "", mismatch()
		}
		signed = uri
	} else {
		if err := signer.SignHTTP(ctx, key, q, hash, c.service, c.region, c.date, escaping); err != nil {
			return "", mismatch()
		}
		signed = q.Header.Get("Authorization")
	}
	// Both end in "Signature=" and the signature.
	return signed[strings.LastIndexByte(signed, '=')+1:], nil
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
