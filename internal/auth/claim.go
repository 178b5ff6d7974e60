package auth

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	maxExpires = 7 * 24 * time.Hour
	maxSigned  = 100 // headers named by one signature
)

// claim is what a request says about how it was signed.
type claim struct {
	accessKey string
	region    string
	service   string
	signed    []string // names of headers, lower case
	signature string
	date      time.Time
	token     string        // session token, or ""
	presigned bool          // in the query instead of the header
	expires   time.Duration // presigned: valid this long from date
	query     url.Values    // presigned: the parsed query
	rawQuery  string        // the query that was signed
}

// readClaim reads r's Authorization header or presigned query.
func readClaim(r *http.Request) (claim, error) {
	var (
		c   claim
		err error
	)
	// A query that Go would read only in part could carry what was not signed.
	if strings.IndexByte(r.URL.RawQuery, ';') >= 0 || strings.IndexByte(r.URL.RawQuery, '%') >= 0 {
		if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
			return c, badSignature("The query string of the request cannot be read: %s", err)
		}
	}
	switch head := r.Header["Authorization"]; {
	case len(head) > 1:
		return c, incomplete("The request has more than one Authorization header.")
	case len(head) == 1:
		err = c.readHeader(r, head[0])
	case strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm="):
		err = c.readQuery(r.URL.Query())
	default:
		err = ebb.Errorf(ebb.Unauthenticated, ebb.TypeMissingAuthentication, "Missing Authentication Token")
	}
	return c, err
}

// readHeader reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…".
func (c *claim) readHeader(r *http.Request, head string) error {
	scheme, rest, _ := strings.Cut(head, " ")
	if scheme != algorithm {
		return incomplete("Unsupported AWS 'algorithm': the Authorization header must begin with '%s'.", algorithm)
	}
	var credential, signed string
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			c.signature = value
		}
	}
	for _, p := range []struct{ name, value string }{
		{"Credential", credential}, {"Signature", c.signature}, {"SignedHeaders", signed},
	} {
		if p.value == "" {
			return incomplete("Authorization header requires '%s' parameter.", p.name)
		}
	}
	dates := r.Header["X-Amz-Date"]
	if len(dates) != 1 {
		return incomplete("Authorization header requires existence of one 'X-Amz-Date' header.")
	}
	if tokens := r.Header[securityToken]; len(tokens) > 0 {
		c.token = tokens[0]
	}
	c.rawQuery = r.URL.RawQuery
	return c.fill(credential, signed, dates[0])
}

// readQuery reads X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders,
// -Signature and -Security-Token.
func (c *claim) readQuery(q url.Values) error {
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature",
		"X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"} {
		if len(q[name]) != 1 || q[name][0] == "" {
			return incomplete("AWS query-string parameters must include '%s' once.", name)
		}
	}
	if q.Get("X-Amz-Algorithm") != algorithm {
		return incomplete("Unsupported AWS 'algorithm': X-Amz-Algorithm must be '%s'.", algorithm)
	}
	seconds, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	if err != nil || seconds < 1 || seconds > int(maxExpires/time.Second) {
		return incomplete("X-Amz-Expires must be a number of seconds from 1 to %d.", int(maxExpires/time.Second))
	}
	c.presigned = true
	c.expires = time.Duration(seconds) * time.Second
	c.signature = q.Get("X-Amz-Signature")
	c.token = q.Get(securityToken)
	q.Del("X-Amz-Signature")
	c.query, c.rawQuery = q, q.Encode()
	return c.fill(q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders"), q.Get("X-Amz-Date"))
}

// fill reads what both forms have: KEY/DATE/REGION/SERVICE/aws4_request, the
// names of the signed headers and the date.
func (c *claim) fill(credential, signed, date string) error {
	part := strings.Split(credential, "/")
	if len(part) != 5 || part[4] != "aws4_request" {
		return incomplete("Credential must have the form 'KEY/DATE/REGION/SERVICE/aws4_request'.")
	}
	c.accessKey, c.region, c.service = part[0], part[2], part[3]
	t, err := time.Parse(timeFormat, date)
	if err != nil {
		return incomplete("Date must be in ISO-8601 'basic format', for example 20261122T110000Z. Got '%s'.", cut(date))
	}
	c.date = t
	if day, _, _ := strings.Cut(date, "T"); part[1] != day {
		return badSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.",
			cut(part[1]), day, cut(date))
	}
	c.signed = strings.Split(signed, ";")
	if len(c.signed) > maxSigned {
		return incomplete("SignedHeaders names more than %d headers.", maxSigned)
	}
	return nil
}

func (c *claim) signs(name string) bool { return slices.Contains(c.signed, name) }

// cut shortens what came from the caller before it goes into a message.
func cut(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

func minutes(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min"
	}
	return strconv.Itoa(int(d/time.Second)) + " s"
}

func incomplete(format string, args ...any) error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeIncompleteSignature, format, args...)
}

func badSignature(format string, args ...any) error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeInvalidSignature, format, args...)
}

func invalidToken() error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeUnrecognizedClient,
		"The security token included in the request is invalid.")
}

func mismatch() error {
	return badSignature("The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}
