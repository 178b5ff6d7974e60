package lambdaapi

// Values of RecursiveLoop.
const (
	loopAllow     = "Allow"
	loopTerminate = "Terminate"
)

func (a *API) putFunctionRecursionConfig(c *call, in *PutFunctionRecursionConfigRequest) (*PutFunctionRecursionConfigResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := a.functions.AllowLoops(c, t.FunctionKey, deref(in.RecursiveLoop) == loopAllow); err != nil {
		return nil, err
	}
	return &PutFunctionRecursionConfigResponse{RecursiveLoop: in.RecursiveLoop}, nil
}

func (a *API) getFunctionRecursionConfig(c *call, in *GetFunctionRecursionConfigRequest) (*GetFunctionRecursionConfigResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	allowed, err := a.functions.Loops(c, t.FunctionKey)
	if err != nil {
		return nil, err
	}
	out := &GetFunctionRecursionConfigResponse{RecursiveLoop: new(loopTerminate)}
	if allowed {
		out.RecursiveLoop = new(loopAllow)
	}
	return out, nil
}
