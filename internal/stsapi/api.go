package stsapi

import (
	"encoding/xml"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	formType  = "application/x-www-form-urlencoded"
	maxBody   = 64 << 10
	// defaultSession is how long a session lasts if its caller does not say.
	defaultSession = time.Hour
)

// API answers STS requests.
type API struct {
	auth *auth.Auth
	log  *slog.Logger
}

// New makes the API.
func New(a *auth.Auth, log *slog.Logger) *API { return &API{auth: a, log: log} }

// Is reports whether a request is one of STS: it comes to the root path with an
// action in a form or in the query.
func Is(r *http.Request) bool {
	if r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "" {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == formType && r.Method == http.MethodPost || r.URL.Query().Has("Action")
}

// Endpoint is the API for callers whom by proves.
func (a *API) Endpoint(by auth.Authenticator) http.Handler {
	opt := auth.Options{MaxBody: maxBody, Fail: func(w http.ResponseWriter, r *http.Request, err error) { a.fail(w, r, err) }}
	serve := auth.Middleware(by, opt, http.HandlerFunc(a.serve))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
		serve.ServeHTTP(w, r)
	})
}

// Actions are the operations that ebb offers, as permissions call them.
func Actions() []string { return []string{"sts:GetCallerIdentity", "sts:AssumeRole"} }

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	form, err := parameters(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	p, action := auth.From(r.Context()), form.Get("Action")
	var answer any
	switch err = a.auth.Admit(p, "sts:"+action); {
	case err != nil:
	case action == "GetCallerIdentity":
		answer = identity(p)
	case action == "AssumeRole":
		answer, err = a.assumeRole(r, p, form)
	default: // root may do anything, so it hears what there is
		err = ebb.Errorf(ebb.Unimplemented, ebb.TypeUnknownOperation, "Could not find operation %.80s for version 2011-06-15", action)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, envelope{
		XMLName: xml.Name{Space: namespace, Local: action + "Response"}, Result: answer, RequestID: w.Header().Get("X-Amzn-Requestid"),
	})
}

// parameters reads the form, or the query of a request without one.
func parameters(r *http.Request) (url.Values, error) {
	body := auth.Body(r.Context())
	if len(body) == 0 {
		return r.URL.Query(), nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "the body is not a form")
	}
	return form, nil
}

// envelope is around every answer.
type envelope struct {
	XMLName   xml.Name
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

type callerIdentity struct {
	XMLName xml.Name `xml:"GetCallerIdentityResult"`
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

func identity(p auth.Principal) callerIdentity {
	id := p.AccessKey
	switch {
	case p.Kind == auth.Role:
		id = p.Role + ":" + p.ARN[len("arn:aws:sts::"+string(p.Service)+":assumed-role/"+p.Role+"/"):]
	case id == "": // root by its token
		id = string(p.Service)
	}
	return callerIdentity{Arn: p.ARN, UserID: id, Account: string(p.Service)}
}

type assumedRole struct {
	XMLName     xml.Name `xml:"AssumeRoleResult"`
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
}

func (a *API) assumeRole(r *http.Request, p auth.Principal, form url.Values) (*assumedRole, error) {
	for _, name := range []string{"Policy", "ExternalId", "SerialNumber", "SourceIdentity", "PolicyArns.member.1.arn"} {
		if form.Get(name) != "" {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%s: ebb does not support it; leave it out", name)
		}
	}
	lasts := defaultSession
	if s := form.Get("DurationSeconds"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "DurationSeconds: %.20q is not a number", s)
		}
		lasts = time.Duration(n) * time.Second
	}
	session, c, until, err := a.auth.AssumeRole(r.Context(), p, form.Get("RoleArn"), form.Get("RoleSessionName"), lasts)
	if err != nil {
		return nil, err
	}
	var out assumedRole
	out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey = c.AccessKeyID, c.SecretAccessKey
	out.Credentials.SessionToken, out.Credentials.Expiration = c.Token, until.Format(time.RFC3339)
	out.AssumedRoleUser.AssumedRoleID, out.AssumedRoleUser.Arn = identity(session).UserID, session.ARN
	return &out, nil
}

type failure struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Error   struct {
		Type    string
		Code    string
		Message string
	}
	RequestID string `xml:"RequestId"`
}

// code is what STS calls an error, and its status there.
func code(err error) (name string, status int) {
	switch ebb.TypeOf(err) {
	case ebb.TypeUnrecognizedClient:
		return "InvalidClientTokenId", http.StatusForbidden
	case ebb.TypeInvalidSignature:
		return "SignatureDoesNotMatch", http.StatusForbidden
	case ebb.TypeMissingAuthentication:
		return "MissingAuthenticationToken", http.StatusForbidden
	case ebb.TypeIncompleteSignature:
		return "IncompleteSignature", http.StatusBadRequest
	case ebb.TypeExpiredToken:
		return "ExpiredToken", http.StatusForbidden
	case ebb.TypeAccessDenied:
		return "AccessDenied", http.StatusForbidden
	case ebb.TypeUnknownOperation:
		return "InvalidAction", http.StatusBadRequest
	}
	switch kind := ebb.KindOf(err); kind {
	case ebb.Internal:
		return "InternalFailure", http.StatusInternalServerError
	case ebb.Unavailable:
		return "ServiceUnavailable", http.StatusServiceUnavailable
	case ebb.NotFound:
		return "NoSuchEntity", http.StatusNotFound
	}
	return "ValidationError", http.StatusBadRequest
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	var f failure
	var status int
	f.Error.Code, status = code(err)
	f.Error.Type, f.RequestID = "Sender", w.Header().Get("X-Amzn-Requestid")
	if status >= http.StatusInternalServerError {
		f.Error.Type, f.Error.Message = "Receiver", http.StatusText(status)
		a.log.ErrorContext(r.Context(), "sts request failed", "request", f.RequestID, "error", err)
	} else {
		f.Error.Message = message(err)
	}
	w.Header().Set("X-Amzn-Errortype", f.Error.Code)
	write(w, status, f)
}

func write(w http.ResponseWriter, status int, v any) {
	text, err := xml.Marshal(v)
	if err != nil {
		panic("stsapi: answer: " + err.Error()) // its parts are text
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the caller may be gone
}

func message(err error) string {
	if e, ok := errors.AsType[*ebb.Error](err); ok {
		return e.Message
	}
	return err.Error()
}
