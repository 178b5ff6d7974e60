package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func (a *API) addPermission(c *call, in *AddPermissionRequest) (*AddPermissionResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	statement, err := a.functions.AddPermission(c, function.AddPermission{
		FunctionKey: t.FunctionKey, Qualifier: t.Qualifier, RevisionID: deref(in.RevisionId),
		Permission: ebb.Permission{
			ID: deref(in.StatementId), Action: deref(in.Action), Principal: deref(in.Principal),
			SourceARN: deref(in.SourceArn), SourceAccount: deref(in.SourceAccount), OrgID: deref(in.PrincipalOrgID),
			EventSourceToken: deref(in.EventSourceToken), URLAuthType: deref(in.FunctionUrlAuthType),
			ViaURL: in.InvokedViaFunctionUrl,
		},
	})
	if err != nil {
		return nil, err
	}
	return &AddPermissionResponse{Statement: &statement}, nil
}

func (a *API) removePermission(c *call, in *RemovePermissionRequest) (*struct{}, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.RemovePermission(c, t.FunctionKey, t.Qualifier, deref(in.StatementId), deref(in.RevisionId))
}

func (a *API) getPolicy(c *call, in *GetPolicyRequest) (*GetPolicyResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := a.functions.Policy(c, t.FunctionKey, t.Qualifier)
	if err != nil {
		return nil, err
	}
	qualifier := t.Qualifier
	if qualifier == ebb.Latest {
		qualifier = ""
	}
	doc := function.RenderPolicy(p, ebb.FunctionARN(a.cfg.Region, t.FunctionKey, qualifier))
	return &GetPolicyResponse{Policy: &doc, RevisionId: &p.RevisionID}, nil
}
