package lambdaapi

func (a *API) putFunctionConcurrency(c *call, in *PutFunctionConcurrencyRequest) (*Concurrency, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	n := deref(in.ReservedConcurrentExecutions)
	if err := a.functions.Reserve(c, t.FunctionKey, int(n)); err != nil {
		return nil, err
	}
	return &Concurrency{ReservedConcurrentExecutions: &n}, nil
}

func (a *API) getFunctionConcurrency(c *call, in *GetFunctionConcurrencyRequest) (*GetFunctionConcurrencyResponse, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	n, some, err := a.functions.Reserved(c, t.FunctionKey)
	if err != nil {
		return nil, err
	}
	out := &GetFunctionConcurrencyResponse{}
	if some {
		out.ReservedConcurrentExecutions = new(int32(n))
	}
	return out, nil
}

func (a *API) deleteFunctionConcurrency(c *call, in *DeleteFunctionConcurrencyRequest) (*struct{}, error) {
	t, err := c.unqualified(a, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Unreserve(c, t.FunctionKey)
}
