package ebb

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Route is what a trigger of kind http has besides what all triggers have: which
// requests come to its target, who may send them, and how they are handed over.
// It is a trigger's settings, in this spelling.
type Route struct {
	// Host is a name (api.bank.example), all names one label longer than another
	// (*.bank.example), or "": every host that no route names.
	Host string `json:"host,omitempty"`
	// Path is /orders, /orders/{id}, /files/{path+} or /site/*; see ParseRoutePath.
	Path string `json:"path"`
	// Methods are upper-case; none = all.
	Methods []string `json:"methods,omitempty"`
	// Auth says how callers prove who they are: one of the RouteAuth constants.
	Auth string `json:"auth"`
	// Group is a word that routes of a service share together with their CORS
	// settings.
	Group string `json:"group,omitempty"`

	// Issuer, Audience, JWKS (an https URL, or a file's name), Algorithms and
	// Scopes are what a token must have; ClockSkew is in seconds. ClaimHeaders are
	// request headers and the claims that they are set to.
	Issuer       string            `json:"issuer,omitempty"`
	Audience     []string          `json:"audience,omitempty"`
	JWKS         string            `json:"jwks,omitempty"`
	Algorithms   []string          `json:"algorithms,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`
	ClockSkew    int               `json:"clockSkew,omitempty"`
	ClaimHeaders map[string]string `json:"claimHeaders,omitempty"`

	// Subjects are patterns with *; the subject of the client's certificate must
	// match one. They may stand beside any Auth.
	Subjects []string `json:"subjects,omitempty"`

	CORS *RouteCORS `json:"cors,omitempty"`

	// MaxBody is in bytes; Rate, in requests a second, and Burst are of the whole
	// route, CallerRate and CallerBurst of each caller; Timeout is in seconds.
	MaxBody     int64   `json:"maxBody,omitempty"`
	Rate        float64 `json:"rate,omitempty"`
	Burst       int     `json:"burst,omitempty"`
	CallerRate  float64 `json:"callerRate,omitempty"`
	CallerBurst int     `json:"callerBurst,omitempty"`
	Timeout     int     `json:"timeout,omitempty"`

	// PayloadFormat of event and answer: "2.0" or "1.0".
	PayloadFormat string `json:"payloadFormat,omitempty"`
	// Stream passes on what the function writes as it writes it.
	Stream bool `json:"stream,omitempty"`
	// StripPrefix is taken off the path that a web function sees.
	StripPrefix string `json:"stripPrefix,omitempty"`
	// Schema is the JSON Schema that bodies must satisfy; nil = none.
	Schema json.RawMessage `json:"schema,omitempty"`
}

// RouteCORS is CORS in the spelling of settings.
type RouteCORS struct {
	AllowCredentials bool     `json:"allowCredentials,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitempty"`
	AllowMethods     []string `json:"allowMethods,omitempty"`
	AllowOrigins     []string `json:"allowOrigins,omitempty"`
	ExposeHeaders    []string `json:"exposeHeaders,omitempty"`
	MaxAge           int      `json:"maxAge,omitempty"` // seconds
}

// Values of Route.Auth.
const (
	RouteAuthNone = "none"
	RouteAuthKey  = "key"  // an API key in X-Api-Key
	RouteAuthJWT  = "jwt"  // a token in Authorization: Bearer
	RouteAuthIAM  = "iam"  // an AWS signature, as for function URLs
	RouteAuthMTLS = "mtls" // a client certificate
)

// Values of Route.PayloadFormat.
const (
	PayloadFormat1 = "1.0"
	PayloadFormat2 = "2.0"
)

// MethodAny stands for every method in a route's key.
const MethodAny = "ANY"

// Bounds of routes.
const (
	MaxRoutePath       = 512 // bytes
	MaxRouteSegments   = 32
	MaxRouteParameters = 16
)

// RouteSegmentKind says what a segment of a route's path matches.
type RouteSegmentKind uint8

// Kinds of segments, the most specific first.
const (
	SegmentLiteral   RouteSegmentKind = iota // itself
	SegmentParameter                         // {name}: one segment that is not empty
	SegmentGreedy                            // {name+}: all that is left, which is not empty
	SegmentWildcard                          // *: all that is left, or nothing
)

// RouteSegment is one segment of a route's path.
type RouteSegment struct {
	Kind RouteSegmentKind
	Text string // a literal, decoded, or the name of a parameter
}

var (
	parameterRE = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.-]{0,63}$`)
	hostLabelRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	methodRE    = regexp.MustCompile(`^[A-Z]{1,16}$`)
)

// ParseRoutePath reads the path of a route: segments behind slashes, of which
// {name} is a parameter and a last one may be {name+} or *. "/" has none.
func ParseRoutePath(path string) ([]RouteSegment, error) {
	switch {
	case path == "":
		return nil, invalidRoute("path: missing")
	case path[0] != '/':
		return nil, invalidRoute("path: %.140q does not begin with a slash", path)
	case len(path) > MaxRoutePath:
		return nil, invalidRoute("path: %d bytes are more than %d", len(path), MaxRoutePath)
	case path == "/":
		return nil, nil
	}
	parts := strings.Split(path[1:], "/")
	if len(parts) > MaxRouteSegments {
		return nil, invalidRoute("path: %d segments are more than %d", len(parts), MaxRouteSegments)
	}
	segments := make([]RouteSegment, len(parts))
	var names []string
	for i, part := range parts {
		s, err := routeSegment(part, i == len(parts)-1)
		if err != nil {
			return nil, err
		}
		if s.Kind == SegmentParameter || s.Kind == SegmentGreedy {
			if slices.Contains(names, s.Text) {
				return nil, invalidRoute("path: two parameters are called %q", s.Text)
			}
			names = append(names, s.Text)
		}
		segments[i] = s
	}
	if len(names) > MaxRouteParameters {
		return nil, invalidRoute("path: %d parameters are more than %d", len(names), MaxRouteParameters)
	}
	return segments, nil
}

func routeSegment(part string, last bool) (RouteSegment, error) {
	if part == "*" {
		if !last {
			return RouteSegment{}, invalidRoute("path: * may only be the last segment; in the middle give the segment a name, as {name}")
		}
		return RouteSegment{Kind: SegmentWildcard}, nil
	}
	if name, ok := strings.CutPrefix(part, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		name, greedy := strings.CutSuffix(name, "+")
		if !ok || !parameterRE.MatchString(name) {
			return RouteSegment{}, invalidRoute("path: %.80q is not {name} or {name+}", part)
		}
		if greedy && !last {
			return RouteSegment{}, invalidRoute("path: {%s+} may only be the last segment", name)
		}
		if greedy {
			return RouteSegment{SegmentGreedy, name}, nil
		}
		return RouteSegment{SegmentParameter, name}, nil
	}
	text, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return RouteSegment{}, invalidRoute("path: %.80q is not well encoded", part)
	case part == "" && !last:
		return RouteSegment{}, invalidRoute("path: a segment is empty")
	case text == "." || text == ".." || strings.ContainsAny(text, "{}*/\\\x00"):
		return RouteSegment{}, invalidRoute("path: %.80q is not a segment: parameters are whole segments, and neither dots alone, braces, stars nor slashes may be in one", part)
	}
	return RouteSegment{SegmentLiteral, text}, nil
}

// RouteShape is the path of segments without the names of its parameters: two
// routes of one shape match the same paths.
func RouteShape(segments []RouteSegment) string {
	if len(segments) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString([...]string{s.Text, "{}", "{+}", "*"}[s.Kind])
	}
	return b.String()
}

// MethodKeys are the methods that a route takes, MethodAny if it takes all.
func (r *Route) MethodKeys() []string {
	if len(r.Methods) == 0 {
		return []string{MethodAny}
	}
	return r.Methods
}

// Validate brings r into the one spelling it is kept in, fills in defaults, and
// refuses what cannot be a route, naming the field. What keys, schemas and
// certificates mean is for those who use them to check.
func (r *Route) Validate() error {
	r.Host = strings.ToLower(r.Host)
	if r.Host == "*" {
		r.Host = ""
	}
	if err := validRouteHost(r.Host); err != nil {
		return err
	}
	segments, err := ParseRoutePath(r.Path)
	if err != nil {
		return err
	}
	if r.Host == "" && len(segments) > 0 && segments[0].Kind == SegmentLiteral && segments[0].Text == "url" {
		return invalidRoute("path: what begins with /url belongs to function URLs; give the route a host of its own")
	}
	if err := r.validMethods(); err != nil {
		return err
	}
	if err := r.validAuth(); err != nil {
		return err
	}
	return r.validLimits()
}

func validRouteHost(host string) error {
	name := strings.TrimPrefix(host, "*.")
	if host == "" {
		return nil
	}
	if len(host) > 253 {
		return invalidRoute("host: %d bytes are more than 253", len(host))
	}
	for label := range strings.SplitSeq(name, ".") {
		if !hostLabelRE.MatchString(label) {
			return invalidRoute("host: %.140q is not a name such as api.bank.example or *.bank.example, without scheme and port", host)
		}
	}
	return nil
}

func (r *Route) validMethods() error {
	for i, m := range r.Methods {
		m = strings.ToUpper(m)
		if !methodRE.MatchString(m) || m == "CONNECT" {
			return invalidRoute("methods[%d]: %.40q is not a method", i, r.Methods[i])
		}
		if m == MethodAny && len(r.Methods) > 1 {
			return invalidRoute("methods[%d]: ANY stands alone", i)
		}
		r.Methods[i] = m
	}
	slices.Sort(r.Methods)
	r.Methods = slices.Compact(r.Methods)
	if len(r.Methods) == 1 && r.Methods[0] == MethodAny {
		r.Methods = nil
	}
	return nil
}

func (r *Route) validAuth() error {
	switch r.Auth {
	case RouteAuthNone, RouteAuthKey, RouteAuthJWT, RouteAuthIAM, RouteAuthMTLS:
	case "":
		return invalidRoute("auth: missing; one of none, key, jwt, iam and mtls")
	default:
		return invalidRoute("auth: %.40q is none of none, key, jwt, iam and mtls", r.Auth)
	}
	jwt := r.Issuer != "" || len(r.Audience) > 0 || r.JWKS != "" || len(r.Algorithms) > 0 || len(r.Scopes) > 0 || r.ClockSkew != 0 || len(r.ClaimHeaders) > 0
	switch {
	case r.Auth != RouteAuthJWT && jwt:
		return invalidRoute("auth: issuer, audience, jwks, algorithms, scopes, clockSkew and claimHeaders are of jwt, and it is %s", r.Auth)
	case r.Auth == RouteAuthJWT && r.Issuer == "":
		return invalidRoute("issuer: missing")
	case r.Auth == RouteAuthJWT && len(r.Audience) == 0:
		return invalidRoute("audience: missing")
	case r.Auth == RouteAuthJWT && r.JWKS == "":
		return invalidRoute("jwks: missing; the https URL of the issuer's keys, or the name of a file")
	case r.ClockSkew < 0 || r.ClockSkew > 300:
		return invalidRoute("clockSkew: %d is not between 0 and 300 seconds", r.ClockSkew)
	case r.Auth == RouteAuthMTLS && len(r.Subjects) == 0:
		return invalidRoute("subjects: missing; patterns such as *CN=payments,*")
	case len(r.Subjects) > 64:
		return invalidRoute("subjects: %d are more than 64", len(r.Subjects))
	}
	return nil
}

func (r *Route) validLimits() error {
	switch {
	case r.MaxBody < 0:
		return invalidRoute("maxBody: must not be negative")
	case r.Rate < 0 || r.Rate > 1e6:
		return invalidRoute("rate: %v is not between 0 and 1000000", r.Rate)
	case r.CallerRate < 0 || r.CallerRate > 1e6:
		return invalidRoute("callerRate: %v is not between 0 and 1000000", r.CallerRate)
	case r.Burst < 0 || r.Burst > 1e6 || r.Burst > 0 && r.Rate == 0:
		return invalidRoute("burst: %d is not between 0 and 1000000, or there is no rate", r.Burst)
	case r.CallerBurst < 0 || r.CallerBurst > 1e6 || r.CallerBurst > 0 && r.CallerRate == 0:
		return invalidRoute("callerBurst: %d is not between 0 and 1000000, or there is no callerRate", r.CallerBurst)
	case r.Timeout < 0 || r.Timeout > 86400:
		return invalidRoute("timeout: %d is not between 0 and 86400 seconds", r.Timeout)
	case len(r.Group) > 64:
		return invalidRoute("group: %d bytes are more than 64", len(r.Group))
	case r.StripPrefix != "" && (r.StripPrefix[0] != '/' || strings.HasSuffix(r.StripPrefix, "/") || !strings.HasPrefix(r.Path, r.StripPrefix+"/")):
		return invalidRoute("stripPrefix: %.140q is not whole segments at the beginning of %s", r.StripPrefix, r.Path)
	}
	if r.PayloadFormat == "" {
		r.PayloadFormat = PayloadFormat2
	}
	if r.PayloadFormat != PayloadFormat1 && r.PayloadFormat != PayloadFormat2 {
		return invalidRoute("payloadFormat: %.40q is neither 1.0 nor 2.0", r.PayloadFormat)
	}
	return nil
}

func invalidRoute(format string, args ...any) error {
	return Errorf(Invalid, TypeInvalidParameterValue, "http."+format, args...)
}
