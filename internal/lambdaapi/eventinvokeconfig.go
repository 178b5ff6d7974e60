package lambdaapi

import (
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// eventTarget is target for how asynchronous invocations of a qualifier are
// done. $LATEST and no qualifier are the same one.
func (c *call) eventTarget(a *API, name, qualifier *string) (target, error) {
	t, err := c.target(a, name, qualifier)
	if t.Qualifier == ebb.Latest {
		t.Qualifier = ""
	}
	return t, err
}

func (a *API) putFunctionEventInvokeConfig(c *call, in *PutFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	t, err := c.eventTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := updateEvents(t, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return a.eventConfig(a.functions.PutEvents(c, u))
}

func (a *API) updateFunctionEventInvokeConfig(c *call, in *UpdateFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	t, err := c.eventTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	u, err := updateEvents(t, in.MaximumRetryAttempts, in.MaximumEventAgeInSeconds, in.DestinationConfig)
	if err != nil {
		return nil, err
	}
	return a.eventConfig(a.functions.UpdateEvents(c, u))
}

func (a *API) getFunctionEventInvokeConfig(c *call, in *GetFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	t, err := c.eventTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return a.eventConfig(a.functions.GetEvents(c, t.FunctionKey, t.Qualifier))
}

func (a *API) deleteFunctionEventInvokeConfig(c *call, in *DeleteFunctionEventInvokeConfigRequest) (*struct{}, error) {
	t, err := c.eventTarget(a, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, a.functions.DeleteEvents(c, t.FunctionKey, t.Qualifier)
}

func (a *API) listFunctionEventInvokeConfigs(c *call, in *ListFunctionEventInvokeConfigsRequest) (*ListFunctionEventInvokeConfigsResponse, error) {
	cs, next, err := page(a, c, in.FunctionName, in.Marker, in.MaxItems, a.functions.ListEvents)
	if err != nil {
		return nil, err
	}
	out := &ListFunctionEventInvokeConfigsResponse{
		FunctionEventInvokeConfigs: make([]FunctionEventInvokeConfig, len(cs)), NextMarker: next,
	}
	for i, cfg := range cs {
		out.FunctionEventInvokeConfigs[i] = *a.writeEvents(cfg)
	}
	return out, nil
}

func updateEvents(t target, retries, age *int32, d *DestinationConfig) (function.UpdateEvents, error) {
	if retries == nil && age == nil && d == nil {
		return function.UpdateEvents{}, invalid("You must specify at least one of error handling or destination setting.")
	}
	u := function.UpdateEvents{
		FunctionKey: t.FunctionKey, Qualifier: t.Qualifier, MaxRetries: integer(retries), MaxAgeS: integer(age),
	}
	if d != nil && d.OnSuccess != nil {
		u.OnSuccess = new(deref(d.OnSuccess.Destination))
	}
	if d != nil && d.OnFailure != nil {
		u.OnFailure = new(deref(d.OnFailure.Destination))
	}
	return u, nil
}

func (a *API) eventConfig(c *ebb.EventInvokeConfig, err error) (*FunctionEventInvokeConfig, error) {
	if err != nil {
		return nil, err
	}
	return a.writeEvents(c), nil
}

// writeEvents is how the wire shows it. What was not set is left out, but for
// the destinations' own members, which SDKs look into.
func (a *API) writeEvents(c *ebb.EventInvokeConfig) *FunctionEventInvokeConfig {
	qualifier := c.Qualifier
	if qualifier == "" {
		qualifier = ebb.Latest
	}
	out := &FunctionEventInvokeConfig{
		LastModified:      &awswire.Epoch{Time: c.LastModified},
		FunctionArn:       new(ebb.FunctionARN(a.cfg.Region, c.FunctionKey, qualifier)),
		DestinationConfig: &DestinationConfig{OnSuccess: &OnSuccess{}, OnFailure: &OnFailure{}},
	}
	if c.MaxRetries != nil {
		out.MaximumRetryAttempts = new(int32(*c.MaxRetries))
	}
	if c.MaxAgeS != nil {
		out.MaximumEventAgeInSeconds = new(int32(*c.MaxAgeS))
	}
	if c.OnSuccess != "" {
		out.DestinationConfig.OnSuccess.Destination = &c.OnSuccess
	}
	if c.OnFailure != "" {
		out.DestinationConfig.OnFailure.Destination = &c.OnFailure
	}
	return out
}
