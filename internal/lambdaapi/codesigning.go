package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// Policies for code that is not signed as it should be.
const (
	policyWarn    = "Warn"
	policyEnforce = "Enforce"
)

// codeSigningTarget reads the ARN of a code signing configuration and asks
// whether the caller may do the operation to it.
func (c *call) codeSigningTarget(a *API, arn *string) (ebb.CodeSigningRef, error) {
	ref, err := ebb.ParseCodeSigningARN(deref(arn))
	if err != nil {
		return ref, err
	}
	if err := a.auth.Authorize(c.principal, Action(c.op.Name), *arn); err != nil {
		return ref, err
	}
	if ref.Region != a.cfg.Region {
		return ref, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound,
			"Code signing configurations from '%s' are not reachable in this region ('%s')", clip(ref.Region), a.cfg.Region)
	}
	return ref, nil
}

func (a *API) createCodeSigningConfig(c *call, in *CreateCodeSigningConfigRequest) (*CreateCodeSigningConfigResponse, error) {
	cfg, err := a.functions.PutCodeSigning(c, function.CodeSigning{
		Service: serviceOf(c.principal), Description: in.Description, Publishers: in.AllowedPublishers.SigningProfileVersionArns,
		Enforce: enforce(in.CodeSigningPolicies), Tags: in.Tags,
	})
	if err != nil {
		return nil, err
	}
	return &CreateCodeSigningConfigResponse{CodeSigningConfig: a.codeSigning(cfg)}, nil
}

func (a *API) updateCodeSigningConfig(c *call, in *UpdateCodeSigningConfigRequest) (*UpdateCodeSigningConfigResponse, error) {
	ref, err := c.codeSigningTarget(a, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	change := function.CodeSigning{Service: ref.Service, ID: ref.ID, Description: in.Description, Enforce: enforce(in.CodeSigningPolicies)}
	if in.AllowedPublishers != nil {
		change.Publishers = in.AllowedPublishers.SigningProfileVersionArns
	}
	cfg, err := a.functions.PutCodeSigning(c, change)
	if err != nil {
		return nil, err
	}
	return &UpdateCodeSigningConfigResponse{CodeSigningConfig: a.codeSigning(cfg)}, nil
}

func (a *API) getCodeSigningConfig(c *call, in *GetCodeSigningConfigRequest) (*GetCodeSigningConfigResponse, error) {
	ref, err := c.codeSigningTarget(a, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	cfg, err := a.functions.GetCodeSigning(c, ref.Service, ref.ID)
	if err != nil {
		return nil, err
	}
	return &GetCodeSigningConfigResponse{CodeSigningConfig: a.codeSigning(cfg)}, nil
}

func (a *API) deleteCodeSigningConfig(c *call, in *DeleteCodeSigningConfigRequest) (*DeleteCodeSigningConfigResponse, error) {
	ref, err := c.codeSigningTarget(a, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	return &DeleteCodeSigningConfigResponse{}, a.functions.DeleteCodeSigning(c, ref.Service, ref.ID)
}

func (a *API) listCodeSigningConfigs(c *call, in *ListCodeSigningConfigsRequest) (*ListCodeSigningConfigsResponse, error) {
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	all, next, err := a.functions.ListCodeSigning(c, serviceOf(c.principal), marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	return &ListCodeSigningConfigsResponse{
		CodeSigningConfigs: each(all, func(cfg *ebb.CodeSigningConfig) CodeSigningConfig { return *a.codeSigning(cfg) }), NextMarker: writeMarker(next),
	}, nil
}

func (a *API) listFunctionsByCodeSigningConfig(c *call, in *ListFunctionsByCodeSigningConfigRequest) (*ListFunctionsByCodeSigningConfigResponse, error) {
	ref, err := c.codeSigningTarget(a, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	marker, err := readMarker(in.Marker)
	if err != nil {
		return nil, err
	}
	names, next, err := a.functions.CodeSigningFunctions(c, ref.Service, ref.ID, marker, int(deref(in.MaxItems)))
	if err != nil {
		return nil, err
	}
	return &ListFunctionsByCodeSigningConfigResponse{NextMarker: writeMarker(next), FunctionArns: each(names, func(name string) string {
		return ebb.FunctionARN(a.cfg.Region, ebb.FunctionKey{Service: ref.Service, Name: name}, "")
	})}, nil
}

func (a *API) putFunctionCodeSigningConfig(c *call, in *PutFunctionCodeSigningConfigRequest) (*PutFunctionCodeSigningConfigResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	id, err := a.codeSigningOf(t, in.CodeSigningConfigArn)
	if err != nil {
		return nil, err
	}
	if err := a.functions.SignCode(c, t.FunctionKey, id); err != nil {
		return nil, err
	}
	return &PutFunctionCodeSigningConfigResponse{CodeSigningConfigArn: in.CodeSigningConfigArn, FunctionName: &t.Name}, nil
}

// getFunctionCodeSigningConfig answers an empty document for a function that has
// none, as AWS does.
func (a *API) getFunctionCodeSigningConfig(c *call, in *GetFunctionCodeSigningConfigRequest) (*GetFunctionCodeSigningConfigResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	id, err := a.functions.CodeSigningOf(c, t.FunctionKey)
	if err != nil || id == "" {
		return &GetFunctionCodeSigningConfigResponse{}, err
	}
	return &GetFunctionCodeSigningConfigResponse{
		CodeSigningConfigArn: new(ebb.CodeSigningARN(a.cfg.Region, t.Service, id)), FunctionName: &t.Name,
	}, nil
}

func (a *API) deleteFunctionCodeSigningConfig(c *call, in *DeleteFunctionCodeSigningConfigRequest) (*struct{}, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.SignCode(c, t.FunctionKey, "")
}

// codeSigningOf is the id of the configuration that a function is to have; "" of
// no ARN. It belongs to the function's service.
func (a *API) codeSigningOf(t target, arn *string) (string, error) {
	if deref(arn) == "" {
		return "", nil
	}
	ref, err := ebb.ParseCodeSigningARN(*arn)
	if err != nil {
		return "", err
	}
	if ref.Service != t.Service || ref.Region != a.cfg.Region {
		return "", ebb.Errorf(ebb.NotFound, ebb.TypeCodeSigningNotFound,
			"The code signing configuration cannot be found. Check that the provided configuration is not deleted: %s.", clip(*arn))
	}
	return ref.ID, nil
}

// enforce reads the policy; nil = not said, which is Warn for a new one.
func enforce(p *CodeSigningPolicies) *bool {
	if p == nil || p.UntrustedArtifactOnDeployment == nil {
		return nil
	}
	return new(*p.UntrustedArtifactOnDeployment == policyEnforce)
}

// codeSigning is how the wire shows a code signing configuration.
func (a *API) codeSigning(c *ebb.CodeSigningConfig) *CodeSigningConfig {
	policy := policyWarn
	if c.Enforce {
		policy = policyEnforce
	}
	return &CodeSigningConfig{
		CodeSigningConfigId: &c.ID, CodeSigningConfigArn: new(ebb.CodeSigningARN(a.cfg.Region, c.Service, c.ID)),
		Description:         some(c.Description),
		AllowedPublishers:   &AllowedPublishers{SigningProfileVersionArns: c.Publishers},
		CodeSigningPolicies: &CodeSigningPolicies{UntrustedArtifactOnDeployment: &policy},
		LastModified:        new(lastModified(c.LastModified)),
	}
}

// each is f of each, never nil: SDKs find an empty list and not none.
func each[In, Out any](in []In, f func(In) Out) []Out {
	out := make([]Out, len(in))
	for i, item := range in {
		out[i] = f(item)
	}
	return out
}
