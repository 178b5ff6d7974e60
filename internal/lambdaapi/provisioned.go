package lambdaapi

import "github.com/ebb-faas/ebb/internal/ebb"

func (a *API) putProvisionedConcurrencyConfig(c *call, in *PutProvisionedConcurrencyConfigRequest) (*PutProvisionedConcurrencyConfigResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := a.functions.Provision(c, t.FunctionKey, t.Qualifier, int(deref(in.ProvisionedConcurrentExecutions)))
	if err != nil {
		return nil, err
	}
	return new(PutProvisionedConcurrencyConfigResponse(*a.provisioned(c, p))), nil
}

func (a *API) getProvisionedConcurrencyConfig(c *call, in *GetProvisionedConcurrencyConfigRequest) (*GetProvisionedConcurrencyConfigResponse, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	p, err := a.functions.Provisioned(c, t.FunctionKey, t.Qualifier)
	if err != nil {
		return nil, err
	}
	return a.provisioned(c, p), nil
}

func (a *API) deleteProvisionedConcurrencyConfig(c *call, in *DeleteProvisionedConcurrencyConfigRequest) (*struct{}, error) {
	t, err := c.target(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.Unprovision(c, t.FunctionKey, t.Qualifier)
}

func (a *API) listProvisionedConcurrencyConfigs(c *call, in *ListProvisionedConcurrencyConfigsRequest) (*ListProvisionedConcurrencyConfigsResponse, error) {
	ps, next, err := page(a, c, in.FunctionName, in.Marker, in.MaxItems, a.functions.ListProvisioned)
	if err != nil {
		return nil, err
	}
	out := &ListProvisionedConcurrencyConfigsResponse{
		ProvisionedConcurrencyConfigs: make([]ProvisionedConcurrencyConfigListItem, len(ps)), NextMarker: next,
	}
	for i, p := range ps {
		s := a.provisioned(c, p)
		out.ProvisionedConcurrencyConfigs[i] = ProvisionedConcurrencyConfigListItem{
			FunctionArn: new(ebb.FunctionARN(a.cfg.Region, p.FunctionKey, p.Qualifier)), LastModified: s.LastModified,
			RequestedProvisionedConcurrentExecutions: s.RequestedProvisionedConcurrentExecutions,
			AvailableProvisionedConcurrentExecutions: s.AvailableProvisionedConcurrentExecutions,
			AllocatedProvisionedConcurrentExecutions: s.AllocatedProvisionedConcurrentExecutions,
			Status:                                   s.Status, StatusReason: s.StatusReason,
		}
	}
	return out, nil
}

// provisioned is how the wire shows a configuration and what has become of it.
func (a *API) provisioned(c *call, p *ebb.Provisioned) *GetProvisionedConcurrencyConfigResponse {
	state := a.cfg.Provisioned(c, p)
	out := &GetProvisionedConcurrencyConfigResponse{
		RequestedProvisionedConcurrentExecutions: new(int32(p.Executions)),
		AvailableProvisionedConcurrentExecutions: new(int32(min(state.Available, p.Executions))),
		AllocatedProvisionedConcurrentExecutions: new(int32(min(state.Allocated, p.Executions))),
		Status:                                   new(state.Status(p.Executions)),
		LastModified:                             new(p.LastModified.UTC().Format(provisionedTime)),
	}
	if *out.Status == ebb.ProvisionedFailed {
		out.StatusReason = &state.Failure
	}
	return out
}

// provisionedTime is the form AWS has here.
const provisionedTime = "2006-01-02T15:04:05-0700"
