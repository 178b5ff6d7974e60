package statesapi

import (
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
)

func (a *API) createActivity(c *call, in *CreateActivityInput) (*CreateActivityOutput, error) {
	arn := (&ebb.Activity{Service: c.service(), Name: *in.Name}).ARN(a.region)
	if err := a.may(c, arn); err != nil {
		return nil, err
	}
	if err := checkEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	act, err := a.engine.CreateActivity(c, c.service(), *in.Name, tagMap(in.Tags))
	if err != nil {
		return nil, err
	}
	return &CreateActivityOutput{ActivityArn: &arn, CreationDate: &awswire.Epoch{Time: act.CreatedAt}}, nil
}

func (a *API) describeActivity(c *call, in *DescribeActivityInput) (*DescribeActivityOutput, error) {
	r, err := a.resource(c, in.ActivityArn, "activity")
	if err != nil {
		return nil, err
	}
	act, err := a.engine.Activity(c, r.Service, r.Name)
	if err != nil {
		return nil, err
	}
	return &DescribeActivityOutput{ActivityArn: in.ActivityArn, Name: &act.Name, CreationDate: &awswire.Epoch{Time: act.CreatedAt}}, nil
}

func (a *API) listActivities(c *call, in *ListActivitiesInput) (*ListActivitiesOutput, error) {
	if err := a.anywhere(c, "activity"); err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	as, more, err := a.engine.Activities(c, c.service(), at.Name, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &ListActivitiesOutput{Activities: []ActivityListItem{}}
	for _, act := range as {
		at.Name = act.Name
		out.Activities = append(out.Activities, ActivityListItem{ActivityArn: new(act.ARN(a.region)), Name: &act.Name, CreationDate: &awswire.Epoch{Time: act.CreatedAt}})
	}
	out.NextToken = c.token(more, at)
	return out, nil
}

func (a *API) deleteActivity(c *call, in *DeleteActivityInput) (*DeleteActivityOutput, error) {
	r, err := a.resource(c, in.ActivityArn, "activity")
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteActivity(c, r.Service, r.Name)
}

func (a *API) getActivityTask(c *call, in *GetActivityTaskInput) (*GetActivityTaskOutput, error) {
	r, err := a.resource(c, in.ActivityArn, "activity")
	if err != nil {
		return nil, err
	}
	token, input, err := a.engine.ActivityTask(c, r.Service, r.Name, deref(in.WorkerName))
	if err != nil || token == "" {
		return nil, err
	}
	return &GetActivityTaskOutput{TaskToken: &token, Input: &input}, nil
}

func (a *API) sendTaskSuccess(c *call, in *SendTaskSuccessInput) (*SendTaskSuccessOutput, error) {
	if err := a.anywhere(c, "execution"); err != nil {
		return nil, err
	}
	return nil, a.engine.SendSuccess(c, c.service(), *in.TaskToken, *in.Output)
}

func (a *API) sendTaskFailure(c *call, in *SendTaskFailureInput) (*SendTaskFailureOutput, error) {
	if err := a.anywhere(c, "execution"); err != nil {
		return nil, err
	}
	return nil, a.engine.SendFailure(c, c.service(), *in.TaskToken, in.Error, in.Cause)
}

func (a *API) sendTaskHeartbeat(c *call, in *SendTaskHeartbeatInput) (*SendTaskHeartbeatOutput, error) {
	if err := a.anywhere(c, "execution"); err != nil {
		return nil, err
	}
	return nil, a.engine.SendHeartbeat(c, c.service(), *in.TaskToken)
}
