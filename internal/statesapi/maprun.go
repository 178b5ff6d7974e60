package statesapi

import (
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
)

func (a *API) describeMapRun(c *call, in *DescribeMapRunInput) (*DescribeMapRunOutput, error) {
	if _, err := a.resource(c, in.MapRunArn, "mapRun"); err != nil {
		return nil, err
	}
	run, err := a.engine.MapRun(c, *in.MapRunArn)
	if err != nil {
		return nil, err
	}
	n, err := a.engine.Counts(c, run)
	if err != nil {
		return nil, err
	}
	x, err := a.engine.ExecutionByID(c, run.Execution)
	if err != nil {
		return nil, err
	}
	written := func(ended map[string]int64) *int64 {
		if run.ResultsWritten == 0 {
			return new(int64(0))
		}
		return new(ended[ebb.ExecutionSucceeded] + ended[ebb.ExecutionFailed] + ended[ebb.ExecutionTimedOut] + ended[ebb.ExecutionAborted])
	}
	out := &DescribeMapRunOutput{
		MapRunArn: in.MapRunArn, ExecutionArn: new(x.ARN(a.region)), Status: &run.Status,
		StartDate: &awswire.Epoch{Time: run.StartedAt}, StopDate: when(run.StoppedAt),
		MaxConcurrency: new(int32(run.MaxConcurrency)), ToleratedFailureCount: new(max(run.ToleratedCount, 0)), ToleratedFailurePercentage: new(max(run.ToleratedPercentage, 0)),
		ItemCounts: &MapRunItemCounts{
			Pending: &n.Pending[1], Running: new(n.Items[ebb.ExecutionRunning]), Succeeded: new(n.Items[ebb.ExecutionSucceeded]),
			Failed: new(n.Items[ebb.ExecutionFailed]), TimedOut: new(n.Items[ebb.ExecutionTimedOut]), Aborted: new(n.Items[ebb.ExecutionAborted]),
			Total: &n.Total[1], ResultsWritten: written(n.Items), FailuresNotRedrivable: new(int64(0)), PendingRedrive: new(n.Items[ebb.ExecutionPendingRedrive]),
		},
		ExecutionCounts: &MapRunExecutionCounts{
			Pending: &n.Pending[0], Running: new(n.Executions[ebb.ExecutionRunning]), Succeeded: new(n.Executions[ebb.ExecutionSucceeded]),
			Failed: new(n.Executions[ebb.ExecutionFailed]), TimedOut: new(n.Executions[ebb.ExecutionTimedOut]), Aborted: new(n.Executions[ebb.ExecutionAborted]),
			Total: &n.Total[0], ResultsWritten: written(n.Executions), FailuresNotRedrivable: new(int64(0)), PendingRedrive: new(n.Executions[ebb.ExecutionPendingRedrive]),
		},
		RedriveCount: new(int32(run.RedriveCount)), RedriveDate: when(run.RedrivenAt),
	}
	return out, nil
}

func (a *API) listMapRuns(c *call, in *ListMapRunsInput) (*ListMapRunsOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	x, err := a.engine.Execution(c, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	runs, more, err := a.engine.MapRuns(c, x, at.Name, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &ListMapRunsOutput{MapRuns: []MapRunListItem{}}
	for _, run := range runs {
		at.Name = run.ID
		out.MapRuns = append(out.MapRuns, MapRunListItem{
			ExecutionArn: in.ExecutionArn, MapRunArn: new(run.ARN(a.region)),
			StateMachineArn: new(ebb.StateMachineARN(a.region, ebb.StateMachineKey{Service: run.Service, Name: run.Machine + "/" + run.Label}, "")),
			StartDate:       &awswire.Epoch{Time: run.StartedAt}, StopDate: when(run.StoppedAt),
		})
	}
	out.NextToken = c.token(more, at)
	return out, nil
}

func (a *API) updateMapRun(c *call, in *UpdateMapRunInput) (*UpdateMapRunOutput, error) {
	if _, err := a.resource(c, in.MapRunArn, "mapRun"); err != nil {
		return nil, err
	}
	var concurrency *int64
	if in.MaxConcurrency != nil {
		concurrency = new(int64(*in.MaxConcurrency))
	}
	return nil, a.engine.UpdateMapRun(c, *in.MapRunArn, concurrency, in.ToleratedFailureCount, in.ToleratedFailurePercentage)
}
