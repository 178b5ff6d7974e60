package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Role is a permission set that functions of the service act with.
type Role struct {
	Name         string    `json:"name"`
	ARN          string    `json:"arn" doc:"what functions name as their Role"`
	Policy       Policy    `json:"policy"`
	CreatedAt    time.Time `json:"createdAt"`
	LastModified time.Time `json:"lastModified"`
}

// Policy is an IAM policy document, of Version, Statement, Sid, Effect, Action
// and Resource.
type Policy struct {
	Version   string            `json:"Version,omitempty" example:"2012-10-17"`
	Statement []PolicyStatement `json:"Statement" nullable:"false"`
}

// PolicyStatement allows or denies actions on resources.
type PolicyStatement struct {
	Sid      string   `json:"Sid,omitempty"`
	Effect   string   `json:"Effect" enum:"Allow,Deny"`
	Action   []string `json:"Action" nullable:"false" doc:"or one text; * and ? are wildcards" example:"lambda:InvokeFunction"`
	Resource []string `json:"Resource" nullable:"false" doc:"or one text; ARNs, * and ? are wildcards" example:"*"`
}

// Roles is the answer of GET /v1/roles.
type Roles struct {
	Roles []Role `json:"roles" nullable:"false" doc:"by name"`
	Next  string `json:"next,omitempty" doc:"marker of the next page"`
}

type (
	RolePath struct {
		Name string `path:"name" maxLength:"64"`
	}
	putRoleInput struct {
		RolePath
		RawBody []byte
	}
	roleOutput  struct{ Body Role }
	rolesOutput struct{ Body Roles }
)

func (a *API) registerRoles(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListRoles", Method: http.MethodGet, Path: Prefix + "roles", Summary: "Roles of the service",
	}), a.listRoles)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetRole", Method: http.MethodGet, Path: Prefix + "roles/{name}", Summary: "A role with its policy",
	}), a.getRole)
	policy := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Policy](), true, "")
	huma.Register(h, a.operation(h, huma.Operation{
		// The package auth judges policies, for every way in.
		SkipValidateBody: true, RequestBody: &huma.RequestBody{Required: true,
			Content: map[string]*huma.MediaType{"application/json": {Schema: policy}}},
		OperationID: "PutRole", Method: http.MethodPut, Path: Prefix + "roles/{name}",
		Summary:     "Make a role, or replace its policy",
		Description: "The body is an IAM policy document. What ebb cannot carry out exactly (Condition, NotAction, NotResource, Principal) is refused.",
	}), a.putRole)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteRole", Method: http.MethodDelete, Path: Prefix + "roles/{name}",
		Summary: "Delete a role; functions that name it have the default permission set then",
	}), a.deleteRole)
}

func (a *API) listRoles(ctx context.Context, in *listInput) (*rolesOutput, error) {
	all, next, err := a.cfg.Functions.ListRoles(ctx, service(ctx), in.Marker, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Roles{Roles: []Role{}, Next: next}
	for _, r := range all {
		answer.Roles = append(answer.Roles, shownRole(r))
	}
	return &rolesOutput{answer}, nil
}

func (a *API) getRole(ctx context.Context, in *RolePath) (*roleOutput, error) {
	r, err := a.cfg.Functions.GetRole(ctx, service(ctx), in.Name)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &roleOutput{shownRole(r)}, nil
}

func (a *API) putRole(ctx context.Context, in *putRoleInput) (*roleOutput, error) {
	var p ebb.Policy
	d := json.NewDecoder(bytes.NewReader(in.RawBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, a.problem(ctx, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"policy: is not a policy document that can be carried out: %s", err))
	}
	r, err := a.cfg.Functions.PutRole(ctx, service(ctx), in.Name, p)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "role changed", "role", r.Name)
	return &roleOutput{shownRole(r)}, nil
}

func (a *API) deleteRole(ctx context.Context, in *RolePath) (*struct{}, error) {
	if err := a.cfg.Functions.DeleteRole(ctx, service(ctx), in.Name); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "role deleted", "role", in.Name)
	return nil, nil
}

func shownRole(r *ebb.Role) Role {
	out := Role{Name: r.Name, ARN: ebb.RoleARN(r.Service, r.Name), CreatedAt: r.CreatedAt, LastModified: r.LastModified,
		Policy: Policy{Version: r.Policy.Version, Statement: []PolicyStatement{}}}
	for _, s := range r.Policy.Statement {
		out.Policy.Statement = append(out.Policy.Statement,
			PolicyStatement{Sid: s.Sid, Effect: s.Effect, Action: list([]string(s.Action)), Resource: list([]string(s.Resource))})
	}
	return out
}
