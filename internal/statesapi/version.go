package statesapi

import (
	"strconv"

	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

func (a *API) versionARN(v *ebb.StateMachineVersion) string {
	return ebb.StateMachineARN(a.region, v.StateMachineKey, strconv.FormatInt(v.Number, 10))
}

func (a *API) publishStateMachineVersion(c *call, in *PublishStateMachineVersionInput) (*PublishStateMachineVersionOutput, error) {
	key, err := a.stateMachine(c, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	v, err := a.engine.Publish(c, key, deref(in.RevisionId), deref(in.Description))
	if err != nil {
		return nil, err
	}
	return &PublishStateMachineVersionOutput{CreationDate: &awswire.Epoch{Time: v.CreatedAt}, StateMachineVersionArn: new(a.versionARN(v))}, nil
}

func (a *API) listStateMachineVersions(c *call, in *ListStateMachineVersionsInput) (*ListStateMachineVersionsOutput, error) {
	key, err := a.stateMachine(c, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	vs, more, err := a.engine.Versions(c, key, at.Number, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &ListStateMachineVersionsOutput{StateMachineVersions: []StateMachineVersionListItem{}}
	for _, v := range vs {
		at.Number = v.Number
		out.StateMachineVersions = append(out.StateMachineVersions, StateMachineVersionListItem{
			StateMachineVersionArn: new(a.versionARN(v)), CreationDate: &awswire.Epoch{Time: v.CreatedAt},
		})
	}
	out.NextToken = c.token(more, at)
	return out, nil
}

func (a *API) deleteStateMachineVersion(c *call, in *DeleteStateMachineVersionInput) (*DeleteStateMachineVersionOutput, error) {
	r, err := a.resource(c, in.StateMachineVersionArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	if r.Version() == 0 {
		return nil, workflow.InvalidARN(*in.StateMachineVersionArn)
	}
	key, _ := r.Key()
	return nil, a.engine.DeleteVersion(c, key, r.Version())
}
