package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Signature Version 4, as AWS documents it: the request is brought into one form
// (the canonical request), and what is signed is its hash, with the time and a
// scope, by a key that was derived from the secret for day, region and service.

const scopeEnd = "aws4_request"

// sign returns the signature that r should bear.
func (v *verifier) sign(r *http.Request, c *claim, hash string) (string, error) {
	b := make([]byte, 0, 1024) // most requests fit
	b = append(append(b, r.Method...), '\n')
	b = append(appendPath(b, r.URL.EscapedPath(), c.service != serviceS3), '\n')
	b, err := c.appendQuery(b)
	if err != nil {
		return "", err
	}
	b = append(b, '\n')
	if b, err = appendHeaders(b, r, c.signed); err != nil {
		return "", err
	}
	b = append(b, hash...)
	request := sha256.Sum256(b)

	date := c.date.Format(timeFormat)
	day, _, _ := strings.Cut(date, "T")
	b = append(append(append(b[:0], algorithm...), '\n'), date...)
	b = append(append(b, '\n'), day+"/"+c.region+"/"+c.service+"/"+scopeEnd+"\n"...)
	b = hex.AppendEncode(b, request[:])
	return hex.EncodeToString(mac(v.signingKey(day, c.region, c.service), b)), nil
}

// appendPath appends the path of a request. All services but S3 escape once more
// what is escaped already.
func appendPath(b []byte, path string, again bool) []byte {
	if path == "" {
		return append(b, '/')
	}
	if !again {
		return append(b, path...)
	}
	const digits = "0123456789ABCDEF"
	for i := range len(path) {
		if p := path[i]; unreserved(p) || p == '/' {
			b = append(b, p)
		} else {
			b = append(b, '%', digits[p>>4], digits[p&15])
		}
	}
	return b
}

// unreserved are the characters that no form of escaping touches.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
}

// appendQuery appends the parameters that were signed, escaped and then sorted.
func (c *claim) appendQuery(b []byte) ([]byte, error) {
	if c.rawQuery == "" {
		return b, nil
	}
	query, err := url.ParseQuery(c.rawQuery)
	if err != nil {
		return nil, mismatch()
	}
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.SortFunc(pairs, func(x, y string) int {
		xn, xv, _ := strings.Cut(x, "=")
		yn, yv, _ := strings.Cut(y, "=")
		if n := strings.Compare(xn, yn); n != 0 {
			return n
		}
		return strings.Compare(xv, yv)
	})
	return append(b, strings.Join(pairs, "&")...), nil
}

// escape is QueryEscape with a space as "%20".
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// appendHeaders appends the signed headers, and the list of their names.
func appendHeaders(b []byte, r *http.Request, names []string) ([]byte, error) {
	if !slices.IsSorted(names) {
		names = slices.Sorted(slices.Values(names))
	}
	for i, name := range names {
		if i > 0 && name == names[i-1] {
			return nil, mismatch()
		}
		b = append(append(b, name...), ':')
		switch name {
		case "host":
			b = appendValue(b, r.Host)
		case "content-length":
			if r.ContentLength <= 0 {
				return nil, mismatch() // nobody signs a length of zero
			}
			b = strconv.AppendInt(b, r.ContentLength, 10)
		default:
			values := r.Header[http.CanonicalHeaderKey(name)]
			if len(values) == 0 {
				return nil, mismatch()
			}
			for j, value := range values {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendValue(b, value)
			}
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range names {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	return append(b, '\n'), nil
}

// appendValue appends a header's value without spaces around it, and with one
// where there are several.
func appendValue(b []byte, value string) []byte {
	value = strings.TrimSpace(value)
	if !strings.Contains(value, "  ") {
		return append(b, value...)
	}
	for i := range len(value) {
		if value[i] != ' ' || value[i-1] != ' ' { // it does not begin with one
			b = append(b, value[i])
		}
	}
	return b
}

// signingKeys keeps the last key of each service, derived for the region that most
// signatures are for: callers choose the others.
type signingKeys struct {
	mu   sync.Mutex
	kept map[string]signingKey // by service
}

type signingKey struct {
	day string
	key []byte
}

// signingKey is what signatures of a day, a region and a service are made with.
func (v *verifier) signingKey(day, region, service string) []byte {
	if region != v.cfg.Region {
		return deriveKey(v.credentials.SecretAccessKey, day, region, service)
	}
	v.keys.mu.Lock()
	defer v.keys.mu.Unlock()
	k := v.keys.kept[service]
	if k.day != day {
		k = signingKey{day, deriveKey(v.credentials.SecretAccessKey, day, region, service)}
		v.keys.kept[service] = k // services are those of Config.Services
	}
	return k.key
}

func deriveKey(secret, day, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{day, region, service, scopeEnd} {
		key = mac(key, []byte(part))
	}
	return key
}

func mac(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(text)
	return m.Sum(nil)
}
