package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func (a *API) publishVersion(c *call, in *PublishVersionRequest) (*FunctionConfiguration, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if in.PublishTo != nil {
		return nil, unsupported("PublishTo")
	}
	var code ebb.Digest
	if s := deref(in.CodeSha256); s != "" {
		if code, err = digest(s); err != nil {
			return nil, err
		}
	}
	v, err := a.functions.Publish(c, function.Publish{
		FunctionKey: t.FunctionKey,
		CodeDigest:  code,
		Description: deref(in.Description),
		RevisionID:  deref(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return a.configuration(v, v.Qualifier()), nil
}

func (a *API) listVersionsByFunction(c *call, in *ListVersionsByFunctionRequest) (*ListVersionsByFunctionResponse, error) {
	vs, next, err := page(a, c, in.FunctionName, in.Marker, in.MaxItems, a.functions.Versions)
	if err != nil {
		return nil, err
	}
	return &ListVersionsByFunctionResponse{Versions: a.configurations(vs, true), NextMarker: next}, nil
}
