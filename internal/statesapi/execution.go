package statesapi

import (
	"cmp"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/workflow"
)

func (a *API) startExecution(c *call, in *StartExecutionInput) (*StartExecutionOutput, error) {
	if _, err := a.resource(c, in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	arn, at, err := a.engine.Start(c, workflow.Start{StateMachine: *in.StateMachineArn, Name: deref(in.Name), Input: in.Input, TraceHeader: cmp.Or(c.trace, deref(in.TraceHeader))})
	if err != nil {
		return nil, err
	}
	return &StartExecutionOutput{ExecutionArn: &arn, StartDate: &awswire.Epoch{Time: at}}, nil
}

func (a *API) startSyncExecution(c *call, in *StartSyncExecutionInput) (*StartSyncExecutionOutput, error) {
	if _, err := a.resource(c, in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	r, err := a.engine.StartSync(c, workflow.Start{StateMachine: *in.StateMachineArn, Name: deref(in.Name), Input: in.Input, TraceHeader: cmp.Or(c.trace, deref(in.TraceHeader))})
	if err != nil {
		return nil, err
	}
	took := r.StoppedAt.Sub(r.StartedAt)
	billed := (took + 99*time.Millisecond) / (100 * time.Millisecond) * 100
	out := &StartSyncExecutionOutput{
		ExecutionArn: &r.ARN, StateMachineArn: &r.Machine, Name: &r.Name, Status: &r.Status,
		StartDate: &awswire.Epoch{Time: r.StartedAt}, StopDate: &awswire.Epoch{Time: r.StoppedAt},
		Error: r.Outcome.Error, Cause: r.Outcome.Cause,
		BillingDetails: &BillingDetails{BilledMemoryUsedInMB: new(int64(64)), BilledDurationInMilliseconds: new(int64(max(billed, 100)))},
	}
	if trace := cmp.Or(c.trace, deref(in.TraceHeader)); trace != "" {
		out.TraceHeader = &trace
	}
	if deref(in.IncludedData) != "METADATA_ONLY" {
		out.Input, out.InputDetails = &r.Input, &CloudWatchEventsExecutionDataDetails{Included: new(true)}
		if r.Outcome.Output != nil {
			out.Output, out.OutputDetails = r.Outcome.Output, &CloudWatchEventsExecutionDataDetails{Included: new(true)}
		}
	}
	return out, nil
}

func (a *API) stopExecution(c *call, in *StopExecutionInput) (*StopExecutionOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	at, err := a.engine.Stop(c, *in.ExecutionArn, in.Error, in.Cause)
	if err != nil {
		return nil, err
	}
	return &StopExecutionOutput{StopDate: &awswire.Epoch{Time: at}}, nil
}

func (a *API) redriveExecution(c *call, in *RedriveExecutionInput) (*RedriveExecutionOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	at, err := a.engine.Redrive(c, *in.ExecutionArn, deref(in.ClientToken))
	if err != nil {
		return nil, err
	}
	return &RedriveExecutionOutput{RedriveDate: &awswire.Epoch{Time: at}}, nil
}

func (a *API) describeExecution(c *call, in *DescribeExecutionInput) (*DescribeExecutionOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	x, err := a.engine.Execution(c, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	machine := ebb.StateMachineKey{Service: x.Service, Name: x.Machine}
	out := &DescribeExecutionOutput{
		ExecutionArn: in.ExecutionArn, StateMachineArn: new(ebb.StateMachineARN(a.region, machine, "")),
		Name: &x.Name, Status: &x.Status, StartDate: &awswire.Epoch{Time: x.StartedAt}, StopDate: when(x.StoppedAt),
		Error: x.Outcome.Error, Cause: x.Outcome.Cause,
		RedriveCount: new(int32(x.RedriveCount)), RedriveDate: when(x.RedrivenAt),
	}
	if x.Settings.TraceHeader != "" {
		out.TraceHeader = &x.Settings.TraceHeader
	}
	if x.MapRun != "" {
		out.MapRunArn = new(ebb.StatesARN{Region: a.region, Service: x.Service, Kind: "mapRun", Name: x.Machine, Rest: x.MapRun}.String())
	}
	if x.Version != 0 {
		out.StateMachineVersionArn = new(ebb.StateMachineARN(a.region, machine, strconv.FormatInt(x.Version, 10)))
	}
	if x.Alias != "" {
		out.StateMachineAliasArn = new(ebb.StateMachineARN(a.region, machine, x.Alias))
	}
	status, reason, err := a.engine.RedriveStatus(c, x)
	if err != nil {
		return nil, err
	}
	out.RedriveStatus = &status
	if reason != "" {
		out.RedriveStatusReason = &reason
	}
	if deref(in.IncludedData) != "METADATA_ONLY" {
		out.Input, out.InputDetails = &x.Input, &CloudWatchEventsExecutionDataDetails{Included: new(true)}
		if x.Outcome.Output != nil {
			out.Output, out.OutputDetails = x.Outcome.Output, &CloudWatchEventsExecutionDataDetails{Included: new(true)}
		}
	}
	return out, nil
}

// when is an optional time.
func when(t time.Time) *awswire.Epoch {
	if t.IsZero() {
		return nil
	}
	return &awswire.Epoch{Time: t}
}

// listed reads what a list of executions is of.
func (a *API) listed(c *call, in *ListExecutionsInput) (f store.ExecutionFilter, err error) {
	f = store.ExecutionFilter{Status: deref(in.StatusFilter), Redrive: deref(in.RedriveFilter), Limit: pageSize(in.MaxResults)}
	if (in.StateMachineArn == nil) == (in.MapRunArn == nil) {
		return f, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "Must specify exactly one of state machine ARN or map run ARN")
	}
	switch {
	case in.MapRunArn != nil:
	case f.Status == ebb.ExecutionPendingRedrive:
		return f, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "The status filter PENDING_REDRIVE is only supported with a map run ARN")
	case f.Redrive != "":
		return f, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "A redrive filter is only supported with a map run ARN")
	}
	if in.MapRunArn != nil {
		r, err := a.resource(c, in.MapRunArn, "mapRun")
		if err != nil {
			return f, err
		}
		run, err := a.engine.MapRun(c, *in.MapRunArn)
		if err != nil {
			return f, err
		}
		f.Service, f.MapRun = r.Service, run.ID
		return f, nil
	}
	r, err := a.resource(c, in.StateMachineArn, "stateMachine")
	if err != nil {
		return f, err
	}
	key, _ := r.Key()
	m, err := a.engine.StateMachine(c, key)
	if err != nil {
		return f, ebb.Errorf(ebb.NotFound, workflow.TypeStateMachineDoesNotExist, "State Machine Does Not Exist: '%s'", *in.StateMachineArn)
	}
	if m.Type == ebb.StateMachineExpress {
		return f, ebb.Errorf(ebb.Invalid, workflow.TypeStateMachineTypeNotSupported, "This operation is not supported by this type of state machine")
	}
	f.Service, f.Machine, f.Version = r.Service, r.Name, r.Version()
	if r.Rest != "" && f.Version == 0 {
		f.Alias = r.Rest
		if _, err := a.engine.Alias(c, key, r.Rest); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (a *API) listExecutions(c *call, in *ListExecutionsInput) (*ListExecutionsOutput, error) {
	f, err := a.listed(c, in)
	if err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	if at.Number != 0 {
		f.BeforeTime, f.BeforeID = time.UnixMilli(at.Number), ebb.ExecutionID(at.Name)
	}
	xs, more, err := a.engine.Executions(c, f)
	if err != nil {
		return nil, err
	}
	out := &ListExecutionsOutput{Executions: []ExecutionListItem{}}
	for _, x := range xs {
		at.Number, at.Name = x.StartedAt.UnixMilli(), string(x.ID)
		machine := ebb.StateMachineKey{Service: x.Service, Name: x.Machine}
		item := ExecutionListItem{
			ExecutionArn: new(x.ARN(a.region)), StateMachineArn: new(ebb.StateMachineARN(a.region, machine, "")),
			Name: &x.Name, Status: &x.Status, StartDate: &awswire.Epoch{Time: x.StartedAt}, StopDate: when(x.StoppedAt), RedriveDate: when(x.RedrivenAt),
		}
		if x.MapRun != "" {
			item.MapRunArn = in.MapRunArn
			item.ItemCount = new(int32(x.Settings.Items))
		}
		if x.RedriveCount > 0 {
			item.RedriveCount = new(int32(x.RedriveCount))
		}
		if x.Version != 0 {
			item.StateMachineVersionArn = new(ebb.StateMachineARN(a.region, machine, strconv.FormatInt(x.Version, 10)))
		}
		if x.Alias != "" {
			item.StateMachineAliasArn = new(ebb.StateMachineARN(a.region, machine, x.Alias))
		}
		out.Executions = append(out.Executions, item)
	}
	out.NextToken = c.token(more, at)
	return out, nil
}
