package lambdaapi

import "github.com/ebb-faas/ebb/internal/ebb"

// tagged is the function that a tag operation names by its ARN. Tags belong to
// functions, so it has no qualifier.
func (c *call) tagged(a *API, resource *string) (target, error) {
	t, err := c.target(a, resource, nil)
	if err == nil && t.Qualifier != "" {
		return target{}, invalid("Resource: tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return t, err
}

func (a *API) listTags(c *call, in *ListTagsRequest) (*ListTagsResponse, error) {
	if ebb.IsCodeSigningARN(deref(in.Resource)) {
		ref, err := c.codeSigningTarget(a, in.Resource)
		if err != nil {
			return nil, err
		}
		cfg, err := a.functions.GetCodeSigning(c, ref.Service, ref.ID)
		if err != nil {
			return nil, err
		}
		return tagList(cfg.Tags), nil
	}
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	fn, _, err := a.functions.Get(c, t.FunctionKey, "")
	if err != nil {
		return nil, err
	}
	return tagList(fn.Tags), nil
}

func tagList(tags map[string]string) *ListTagsResponse {
	if tags == nil {
		tags = map[string]string{}
	}
	return &ListTagsResponse{Tags: tags}
}

// tagCodeSigning changes the tags of a code signing configuration.
func (c *call) tagCodeSigning(a *API, arn *string, tags map[string]string, without []string) (*struct{}, error) {
	ref, err := c.codeSigningTarget(a, arn)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.TagCodeSigning(c, ref.Service, ref.ID, tags, without)
}

func (a *API) tagResource(c *call, in *TagResourceRequest) (*struct{}, error) {
	if len(in.Tags) == 0 {
		return nil, invalid("Tags: at least one is needed")
	}
	if ebb.IsCodeSigningARN(deref(in.Resource)) {
		return c.tagCodeSigning(a, in.Resource, in.Tags, nil)
	}
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Tag(c, t.FunctionKey, in.Tags)
}

func (a *API) untagResource(c *call, in *UntagResourceRequest) (*struct{}, error) {
	if ebb.IsCodeSigningARN(deref(in.Resource)) {
		return c.tagCodeSigning(a, in.Resource, nil, in.TagKeys)
	}
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Untag(c, t.FunctionKey, in.TagKeys)
}
