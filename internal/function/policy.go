package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// MaxPolicy is the largest resource policy, in bytes of its document.
const MaxPolicy = 20480

// Actions that the platform asks policies about.
const (
	ActionInvoke          = "lambda:InvokeFunction"
	ActionInvokeURL       = "lambda:InvokeFunctionUrl"
	ActionGetLayerVersion = "lambda:GetLayerVersion"
)

// AddPermission is a statement to be added to a policy.
type AddPermission struct {
	ebb.FunctionKey
	Qualifier string // "" = the function
	ebb.Permission
	// RevisionID is the policy's or, as long as there is none, that of what it is
	// for; "" = whatever is there.
	RevisionID string
}

// AddPermission adds a statement to the policy of a function, version or alias
// and returns it as the policy shows it. Errors: Invalid, NotFound, Conflict
// when there is a statement of that id, PreconditionFailed.
func (f *Functions) AddPermission(ctx context.Context, p AddPermission) (statement string, err error) {
	if p.Qualifier == ebb.Latest {
		return "", invalid("We currently do not support adding policies for $LATEST.")
	}
	if err := checkPermission(&p.Permission); err != nil {
		return "", err
	}
	resource := ebb.FunctionARN(f.cfg.Region, p.FunctionKey, p.Qualifier)
	err = f.commit(ctx, p.FunctionKey, func(tx *store.Tx) error {
		revision, err := f.revision(tx, p.FunctionKey, p.Qualifier)
		if err != nil {
			return err
		}
		policy, err := tx.FunctionPolicy(p.FunctionKey, p.Qualifier)
		if errors.Is(err, store.ErrNotFound) {
			// What has no policy yet can be named by its own revision only.
			policy, err = &ebb.ResourcePolicy{RevisionID: revision}, nil
		}
		if err != nil {
			return err
		}
		if policy, err = withPermission(policy, p.Permission, p.RevisionID, resource, "GetPolicy"); err != nil {
			return err
		}
		return tx.SetFunctionPolicy(p.FunctionKey, p.Qualifier, policy)
	})
	if err != nil {
		return "", err
	}
	return renderStatement(&p.Permission, resource), nil
}

// revision is that of the alias, version or $LATEST that a qualifier names.
func (f *Functions) revision(tx *store.Tx, key ebb.FunctionKey, qualifier string) (string, error) {
	r, err := f.route(tx, key, qualifier)
	if err != nil {
		return "", err
	}
	if _, isVersion := ebb.ParseVersion(qualifier); isVersion {
		return r.Version.RevisionID, nil
	}
	a, err := f.alias(tx, key, qualifier)
	if err != nil {
		return "", err
	}
	return a.RevisionID, nil
}

// RemovePermission takes a statement out of a policy.
func (f *Functions) RemovePermission(ctx context.Context, key ebb.FunctionKey, qualifier, id, revision string) error {
	return f.commit(ctx, key, func(tx *store.Tx) error {
		if _, err := f.route(tx, key, qualifier); err != nil {
			return err
		}
		policy, err := tx.FunctionPolicy(key, policyQualifier(qualifier))
		if err != nil {
			return foundPolicy(err)
		}
		if policy, err = withoutPermission(policy, id, revision, "GetPolicy"); err != nil {
			return err
		}
		return tx.SetFunctionPolicy(key, policyQualifier(qualifier), policy)
	})
}

// Policy returns the policy of a function, version or alias, or NotFound.
func (f *Functions) Policy(ctx context.Context, key ebb.FunctionKey, qualifier string) (p *ebb.ResourcePolicy, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if _, err = f.route(tx, key, qualifier); err != nil {
			return err
		}
		p, err = tx.FunctionPolicy(key, policyQualifier(qualifier))
		if errors.Is(err, store.ErrNotFound) {
			return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "The resource you requested does not exist.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// policyQualifier is under which qualifier a policy is kept: $LATEST has none of
// its own.
func policyQualifier(qualifier string) string {
	if qualifier == ebb.Latest {
		return ""
	}
	return qualifier
}

// Caller is who asks, as far as a policy may want to know. The zero value is
// somebody who proved nothing.
type Caller struct {
	Service          ebb.ServiceID // whose caller it is; "" = of none
	ARN              string        // of the user, role or session; "" = none
	AWSService       string        // a service principal, for example s3.amazonaws.com; "" = none
	SourceARN        string        // on whose behalf a service principal asks
	SourceAccount    ebb.ServiceID
	EventSourceToken string
	URLAuthType      string // of the function URL that the request came through
	ViaURL           bool
}

// Permitted returns nil if the policy of key:qualifier lets c do action, and
// AccessDeniedException if not. It reads the database; a policy already at hand
// is asked by Permits.
func (f *Functions) Permitted(ctx context.Context, key ebb.FunctionKey, qualifier, action string, c Caller) error {
	var p *ebb.ResourcePolicy
	err := f.store.Read(ctx, func(tx *store.Tx) (err error) {
		p, err = tx.FunctionPolicy(key, policyQualifier(qualifier))
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if !Permits(p, action, c) {
		return denied(c, action, ebb.FunctionARN(f.cfg.Region, key, qualifier))
	}
	return nil
}

// PermittedByARN is Permitted for whatever of this package an ARN names; what it
// does not know has no policy.
func (f *Functions) PermittedByARN(ctx context.Context, arn, action string, c Caller) (bool, error) {
	var err error
	if layer, lerr := ebb.ParseLayerRef(arn); lerr == nil && layer.Number > 0 {
		err = f.LayerPermitted(ctx, layer.LayerKey, layer.Number, c)
	} else if ref, ferr := ebb.ParseFunctionRef(arn); ferr == nil {
		err = f.Permitted(ctx, ebb.FunctionKey{Service: ref.Service, Name: ref.Name}, ref.Qualifier, action, c)
	} else {
		return false, nil
	}
	if err != nil && ebb.KindOf(err) == ebb.Forbidden {
		return false, nil
	}
	return err == nil, err
}

// Permits reports whether a policy, which may be nil, lets c do action.
func Permits(p *ebb.ResourcePolicy, action string, c Caller) bool {
	return p != nil && slices.ContainsFunc(p.Statements, func(s ebb.Permission) bool {
		return allowsAction(s.Action, action) && allowsPrincipal(s.Principal, c) && allowsSource(&s, c)
	})
}

func allowsAction(allowed, action string) bool {
	return allowed == "*" || allowed == "lambda:*" || strings.EqualFold(allowed, action)
}

func allowsPrincipal(principal string, c Caller) bool {
	if principal == "*" {
		return true
	}
	if strings.HasSuffix(principal, ".amazonaws.com") {
		return principal == c.AWSService
	}
	if account, ok := accountOf(principal); ok {
		return c.Service == account
	}
	if principal == c.ARN && c.ARN != "" {
		return true
	}
	// A role is meant by whoever acts with it.
	account, role, ok := strings.Cut(strings.TrimPrefix(principal, "arn:aws:iam::"), ":role/")
	if !ok {
		return false
	}
	return strings.HasPrefix(c.ARN, "arn:aws:sts::"+account+":assumed-role/"+ebb.RoleName("/"+role)+"/")
}

// allowsSource checks the conditions. An organization is something that no caller
// of this platform belongs to.
func allowsSource(s *ebb.Permission, c Caller) bool {
	return (s.SourceARN == "" || c.SourceARN != "" && like(s.SourceARN, c.SourceARN)) &&
		(s.SourceAccount == "" || s.SourceAccount == string(c.SourceAccount)) &&
		(s.EventSourceToken == "" || s.EventSourceToken == c.EventSourceToken) &&
		(s.URLAuthType == "" || s.URLAuthType == c.URLAuthType) &&
		(s.ViaURL == nil || *s.ViaURL == c.ViaURL) &&
		s.OrgID == ""
}

// like matches text against a pattern in which * is any text and ? one character.
func like(pattern, text string) bool {
	star, from := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func denied(c Caller, action, resource string) error {
	user := or(or(c.ARN, c.AWSService), "anonymous")
	return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %s action",
		user, action, resource, action)
}

var (
	accountRE  = regexp.MustCompile(`^\d{12}$`)
	rootARNRE  = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:iam::(\d{12}):root$`)
	servicesRE = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*\.amazonaws\.com$`)
)

// accountOf reads a principal that is a whole service.
func accountOf(principal string) (ebb.ServiceID, bool) {
	if accountRE.MatchString(principal) {
		return ebb.ServiceID(principal), true
	}
	if m := rootARNRE.FindStringSubmatch(principal); m != nil {
		return ebb.ServiceID(m[1]), true
	}
	return "", false
}

func checkPermission(s *ebb.Permission) error {
	_, account := accountOf(s.Principal)
	if !account && s.Principal != "*" && !strings.HasPrefix(s.Principal, "arn:") && !servicesRE.MatchString(s.Principal) {
		return invalid("The provided principal was invalid. Please check the principal and try again.")
	}
	if s.URLAuthType != "" && !allowsAction(s.Action, ActionInvokeURL) {
		return invalid("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	return nil
}

// withPermission is p, which may be nil, with one more statement.
func withPermission(p *ebb.ResourcePolicy, s ebb.Permission, revision, resource, read string) (*ebb.ResourcePolicy, error) {
	next := &ebb.ResourcePolicy{RevisionID: newRevision()}
	if p != nil {
		next.Statements = slices.Clone(p.Statements)
	}
	if revision != "" && (p == nil || p.RevisionID != revision) {
		return nil, stalePolicy(read)
	}
	if slices.ContainsFunc(next.Statements, func(have ebb.Permission) bool { return have.ID == s.ID }) {
		return nil, ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "The statement id (%s) provided already exists. "+
			"Please provide a new statement id, or remove the existing statement.", s.ID)
	}
	next.Statements = append(next.Statements, s)
	if size := len(RenderPolicy(next, resource)); size > MaxPolicy {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypePolicyLengthExceeded,
			"The final policy size (%d) is bigger than the limit (%d).", size, MaxPolicy)
	}
	return next, nil
}

func withoutPermission(p *ebb.ResourcePolicy, id, revision, read string) (*ebb.ResourcePolicy, error) {
	if revision != "" && p.RevisionID != revision {
		return nil, stalePolicy(read)
	}
	next := &ebb.ResourcePolicy{RevisionID: newRevision(), Statements: slices.Clone(p.Statements)}
	next.Statements = slices.DeleteFunc(next.Statements, func(s ebb.Permission) bool { return s.ID == id })
	if len(next.Statements) == len(p.Statements) {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Statement %s is not found in resource policy.", id)
	}
	return next, nil
}

func stalePolicy(read string) error {
	return ebb.Errorf(ebb.PreconditionFailed, ebb.TypePreconditionFailed, "RevisionId: The Revision Id provided does not match "+
		"the latest Revision Id. Call the %s API to retrieve the latest Revision Id", read)
}

func foundPolicy(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "No policy is associated with the given resource.")
}

// The document of a policy, with its members in AWS's order.
type (
	policyDocument struct {
		Version   string
		ID        string            `json:"Id"`
		Statement []json.RawMessage `json:"Statement"`
	}
	policyStatement struct {
		Sid       string
		Effect    string
		Principal any
		Action    string
		Resource  string
		Condition *policyCondition `json:",omitempty"`
	}
	policyCondition struct {
		StringEquals map[string]string `json:",omitempty"`
		Bool         map[string]string `json:",omitempty"`
		ArnLike      map[string]string `json:",omitempty"`
	}
)

// RenderPolicy writes a policy as AWS shows it.
func RenderPolicy(p *ebb.ResourcePolicy, resource string) string {
	doc := policyDocument{Version: "2012-10-17", ID: "default"}
	for i := range p.Statements {
		doc.Statement = append(doc.Statement, json.RawMessage(renderStatement(&p.Statements[i], resource)))
	}
	return plainJSON(doc)
}

func renderStatement(s *ebb.Permission, resource string) string {
	out := policyStatement{Sid: s.ID, Effect: ebb.Allow, Principal: s.Principal, Action: s.Action, Resource: resource}
	if account, ok := accountOf(s.Principal); ok {
		out.Principal = map[string]string{"AWS": "arn:aws:iam::" + string(account) + ":root"}
	} else if strings.HasPrefix(s.Principal, "arn:") {
		out.Principal = map[string]string{"AWS": s.Principal}
	} else if s.Principal != "*" {
		out.Principal = map[string]string{"Service": s.Principal}
	}
	c := policyCondition{StringEquals: map[string]string{}}
	for key, value := range map[string]string{
		"AWS:SourceAccount": s.SourceAccount, "aws:PrincipalOrgID": s.OrgID,
		"lambda:EventSourceToken": s.EventSourceToken, "lambda:FunctionUrlAuthType": s.URLAuthType,
	} {
		if value != "" {
			c.StringEquals[key] = value
		}
	}
	if s.ViaURL != nil {
		c.Bool = map[string]string{"lambda:InvokedViaFunctionUrl": map[bool]string{true: "true", false: "false"}[*s.ViaURL]}
	}
	if s.SourceARN != "" {
		c.ArnLike = map[string]string{"AWS:SourceArn": s.SourceARN}
	}
	if len(c.StringEquals)+len(c.Bool)+len(c.ArnLike) > 0 {
		out.Condition = &c
	}
	return plainJSON(out)
}

// plainJSON is v in JSON with nothing escaped for HTML.
func plainJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts and maps of texts always encode
	return strings.TrimSuffix(b.String(), "\n")
}
