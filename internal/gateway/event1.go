package gateway

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// appendEvent1 appends r as an event of payload format 1.0, as an HTTP API of
// API Gateway makes it: names of headers as HTTP spells them, every value of
// one, null for what is not there.
func appendEvent1(b []byte, r *request) []byte {
	b = slices.Grow(b, 3072+len(r.body)*4/3)
	b = append(b, `{"version":"1.0","resource":`...)
	b = appendString(b, r.resource())
	b = append(b, `,"path":`...)
	b = appendString(b, r.path)
	b = append(b, `,"httpMethod":`...)
	b = appendString(b, r.Method)
	hs := r.headers1()
	b = appendMulti(append(b, `,"headers":`...), hs, false)
	b = appendMulti(append(b, `,"multiValueHeaders":`...), hs, true)
	query := parseQuery(r.URL.RawQuery)
	b = appendMulti(append(b, `,"queryStringParameters":`...), query, false)
	b = appendMulti(append(b, `,"multiValueQueryStringParameters":`...), query, true)
	b = appendContext1(b, r)
	b = append(b, `,"pathParameters":`...)
	if r.found == nil || r.found.n == 0 {
		b = append(b, `null`...)
	} else {
		b = appendParameters(b, r)
	}
	b = append(b, `,"stageVariables":null,"body":`...)
	switch {
	case len(r.body) == 0:
		return append(b, `null,"isBase64Encoded":false}`...)
	case isText(r.Header) && utf8.Valid(r.body):
		b = appendString(b, r.body)
		return append(b, `,"isBase64Encoded":false}`...)
	}
	b = base64.StdEncoding.AppendEncode(append(b, '"'), r.body)
	return append(b, `","isBase64Encoded":true}`...)
}

// resource is the path of r's route, as it was written.
func (r *request) resource() string {
	if key := r.route.http.anyKey; key == "$default" {
		return key
	}
	return r.route.http.settings.Path
}

// headers1 are the headers that are the function's business, by name.
func (r *request) headers1() []parameter {
	iam := r.principal.Kind != auth.Anonymous
	named := r.Header["Connection"]
	ps := make([]parameter, 0, len(r.Header)+8)
	for name, values := range r.Header {
		if !forwarded(name, iam) || len(named) > 0 && ebb.Listed(named, name) || r.route.http.hides(name) {
			continue
		}
		for _, v := range values {
			ps = append(ps, parameter{name, v})
		}
	}
	ps = append(ps, r.caller.headers...)
	ip, proto, port := r.from()
	if before := r.Header["X-Forwarded-For"]; len(before) > 0 {
		ip = strings.Join(before, ", ") + ", " + ip
	}
	ps = append(ps, parameter{"Host", r.Host}, parameter{"X-Amzn-Trace-Id", r.trace},
		parameter{"X-Forwarded-For", ip}, parameter{"X-Forwarded-Port", port}, parameter{"X-Forwarded-Proto", proto})
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].key < ps[j].key })
	return ps
}

// from is where r comes from and by which scheme and port.
func (r *request) from() (ip, proto, port string) {
	ip, proto, port = remoteIP(r.RemoteAddr), "http", "80"
	if r.TLS != nil {
		proto, port = "https", "443"
	}
	if p := hostPort(r.Host); p != "" {
		port = p
	}
	return ip, proto, port
}

// parseQuery are the parameters of a query, decoded, equal keys together.
func parseQuery(raw string) []parameter {
	var ps []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		ps = append(ps, parameter{unescape(key), unescape(value)})
	}
	slices.SortStableFunc(ps, func(a, b parameter) int { return strings.Compare(a.key, b.key) })
	return ps
}

// appendMulti appends sorted parameters as an object: every value of a key in a
// list, or its last one alone. null if there are none.
func appendMulti(b []byte, ps []parameter, all bool) []byte {
	if len(ps) == 0 {
		return append(b, `null`...)
	}
	b = append(b, '{')
	for i := 0; i < len(ps); {
		end := i + 1
		for end < len(ps) && ps[end].key == ps[i].key {
			end++
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, ps[i].key), ':')
		if all {
			sep := byte('[')
			for _, p := range ps[i:end] {
				b = appendString(append(b, sep), p.value)
				sep = ','
			}
			b = append(b, ']')
		} else {
			b = appendString(b, ps[end-1].value)
		}
		i = end
	}
	return append(b, '}')
}

func appendContext1(b []byte, r *request) []byte {
	b = append(append(b, `,"requestContext":{"accountId":"`...), r.route.Service...)
	b = append(append(b, `","apiId":"`...), r.route.ID...)
	b = append(b, `","authorizer":`...)
	switch {
	case r.caller.token != nil:
		b = append(b, '{')
		b = append(appendClaims(b, r.caller.token), '}')
	case r.caller.key != nil:
		b = append(b, '{')
		b = append(appendAuthorizer(b, &r.caller), '}')
	default:
		b = append(b, `{"claims":null,"scopes":null}`...)
	}
	b = append(b, `,"domainName":`...)
	b = appendString(b, hostName(r.Host))
	b = append(b, `,"domainPrefix":`...)
	b = appendString(b, r.domainPrefix())
	b = append(append(b, `,"extendedRequestId":"`...), r.id...)
	b = append(b, `","httpMethod":`...)
	b = appendString(b, r.Method)
	b = appendIdentity(b, r)
	b = append(b, `,"path":`...)
	b = appendString(b, r.path)
	b = append(b, `,"protocol":`...)
	b = appendString(b, r.Proto)
	b = append(append(b, `,"requestId":"`...), r.id...)
	b = append(b, `","requestTime":"`...)
	b = appendTime(b, r.at.UTC())
	b = append(b, `","requestTimeEpoch":`...)
	b = strconv.AppendInt(b, r.at.UnixMilli(), 10)
	b = append(b, `,"resourceId":null,"resourcePath":`...)
	b = appendString(b, r.resource())
	return append(b, `,"stage":"$default"}`...)
}

func appendIdentity(b []byte, r *request) []byte {
	b = append(b, `,"identity":{"accessKey":`...)
	if r.principal.Kind == auth.Anonymous {
		b = append(b, `null,"accountId":null,"caller":null`...)
	} else {
		b = appendString(b, r.principal.AccessKey)
		b = append(append(b, `,"accountId":"`...), r.principal.Service...)
		b = append(append(append(b, `","caller":"`...), r.principal.Service...), '"')
	}
	b = append(b, `,"clientCert":`...)
	if r.caller.cert != nil {
		b = appendCertificate(b, r.caller.cert)
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"cognitoAuthenticationProvider":null,"cognitoAuthenticationType":null,"cognitoIdentityId":null,`+
		`"cognitoIdentityPoolId":null,"principalOrgId":null,"sourceIp":`...)
	b = appendString(b, remoteIP(r.RemoteAddr))
	b = append(b, `,"user":`...)
	if r.principal.Kind == auth.Anonymous {
		b = append(b, `null`...)
	} else {
		b = appendString(b, string(r.principal.Service))
	}
	b = append(b, `,"userAgent":`...)
	b = appendString(b, r.UserAgent())
	b = append(b, `,"userArn":`...)
	if r.principal.Kind == auth.Anonymous {
		return append(b, `null}`...)
	}
	return append(appendString(b, r.principal.ARN), '}')
}

// appendAuthorizer appends what proved the caller, a member of
// requestContext.authorizer.
func appendAuthorizer(b []byte, c *caller) []byte {
	if c.key != nil {
		b = append(b, `"apiKey":{"id":`...)
		b = appendString(b, c.key.ID)
		b = append(b, `,"name":`...)
		return append(appendString(b, c.key.Name), '}')
	}
	b = append(b, `"jwt":{`...)
	return append(appendClaims(b, c.token), '}')
}

func appendClaims(b []byte, k *token) []byte {
	b = append(b, `"claims":{`...)
	names := make([]string, 0, len(k.claims))
	for name := range k.claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendString(b, claimText(k.claims[name]))
	}
	b = append(b, `},"scopes":`...)
	if !k.asked {
		return append(b, `null`...)
	}
	sep := byte('[')
	for _, s := range k.scopes {
		b = appendString(append(b, sep), s)
		sep = ','
	}
	return append(b, ']')
}

// certificateTime is how API Gateway spells the times of certificates.
const certificateTime = "Jan _2 15:04:05 2006 GMT"

func appendCertificate(b []byte, c *x509.Certificate) []byte {
	b = append(b, `{"clientCertPem":`...)
	b = appendString(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	b = append(b, `,"subjectDN":`...)
	b = appendString(b, c.Subject.String())
	b = append(b, `,"issuerDN":`...)
	b = appendString(b, c.Issuer.String())
	b = append(b, `,"serialNumber":"`...)
	for i, x := range c.SerialNumber.Bytes() {
		if i > 0 {
			b = append(b, ':')
		}
		b = appendHex(b, uint64(x), 2)
	}
	b = append(b, `","validity":{"notBefore":"`...)
	b = c.NotBefore.UTC().AppendFormat(b, certificateTime)
	b = append(b, `","notAfter":"`...)
	b = c.NotAfter.UTC().AppendFormat(b, certificateTime)
	return append(b, `"}}`...)
}
