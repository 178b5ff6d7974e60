package lambdaapi

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
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	fn, _, err := a.functions.Get(c, t.FunctionKey, "")
	if err != nil {
		return nil, err
	}
	if fn.Tags == nil {
		return &ListTagsResponse{Tags: map[string]string{}}, nil
	}
	return &ListTagsResponse{Tags: fn.Tags}, nil
}

func (a *API) tagResource(c *call, in *TagResourceRequest) (*struct{}, error) {
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Tag(c, t.FunctionKey, in.Tags)
}

func (a *API) untagResource(c *call, in *UntagResourceRequest) (*struct{}, error) {
	t, err := c.tagged(a, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Untag(c, t.FunctionKey, in.TagKeys)
}
