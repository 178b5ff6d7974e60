package statesapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// routing reads a routing configuration; all of its versions are of one state
// machine.
func (a *API) routing(list []RoutingConfigurationListItem) (key ebb.StateMachineKey, routes []ebb.StateMachineRoute, err error) {
	refuse := func(format string, args ...any) error {
		return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeValidation, Reason: "INVALID_ROUTING_CONFIGURATION", Message: fmt.Sprintf(format, args...)}
	}
	arns, weights, sum := []string{}, []string{}, int32(0)
	for _, item := range list {
		arns = append(arns, deref(item.StateMachineVersionArn))
		weights = append(weights, fmt.Sprint(deref(item.Weight)))
		sum += deref(item.Weight)
	}
	all := "[" + strings.Join(arns, ", ") + "]"
	seen := make(map[string]bool)
	for i, arn := range arns {
		r, ok := ebb.ParseStatesARN(arn)
		if !ok || r.Kind != "stateMachine" || r.Version() == 0 {
			return key, nil, refuse("Routing configuration must contain state machine version ARNs. Received: %s", all)
		}
		if seen[arn] {
			return key, nil, refuse("Routing configuration must contain distinct state machine version ARNs. Received: %s", all)
		}
		seen[arn] = true
		k, _ := r.Key()
		if i > 0 && k != key {
			return key, nil, refuse("Routing configuration must contain versions of the same state machine. Received: %s", all)
		}
		key = k
		routes = append(routes, ebb.StateMachineRoute{Version: r.Version(), Weight: deref(list[i].Weight)})
	}
	if sum != 100 {
		return key, nil, refuse("Sum of routing configuration weights must equal 100. Received: [%s]", strings.Join(weights, ", "))
	}
	return key, routes, nil
}

func (a *API) createStateMachineAlias(c *call, in *CreateStateMachineAliasInput) (*CreateStateMachineAliasOutput, error) {
	key, routes, err := a.routing(in.RoutingConfiguration)
	if err != nil {
		return nil, err
	}
	arn := ebb.StateMachineARN(a.region, key, *in.Name)
	if err := a.may(c, arn); err != nil {
		return nil, err
	}
	alias, err := a.engine.CreateAlias(c, &ebb.StateMachineAlias{StateMachineKey: key, Alias: *in.Name, Description: deref(in.Description), Routing: routes})
	if err != nil {
		return nil, err
	}
	return &CreateStateMachineAliasOutput{StateMachineAliasArn: &arn, CreationDate: &awswire.Epoch{Time: alias.CreatedAt}}, nil
}

// alias reads the ARN of an alias.
func (a *API) alias(c *call, arn *string) (ebb.StateMachineKey, string, error) {
	r, err := a.resource(c, arn, "stateMachine")
	if err != nil {
		return ebb.StateMachineKey{}, "", err
	}
	key, _ := r.Key()
	if r.Rest == "" || r.Version() != 0 {
		return key, "", workflow.InvalidARN(*arn)
	}
	return key, r.Rest, nil
}

func (a *API) updateStateMachineAlias(c *call, in *UpdateStateMachineAliasInput) (*UpdateStateMachineAliasOutput, error) {
	key, name, err := a.alias(c, in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	if in.Description == nil && in.RoutingConfiguration == nil {
		return nil, &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeValidation, Reason: "MISSING_REQUIRED_PARAMETER", Message: "Either the description or the routing configuration must be specified"}
	}
	var routes []ebb.StateMachineRoute
	if in.RoutingConfiguration != nil {
		of, r, err := a.routing(in.RoutingConfiguration)
		if err != nil {
			return nil, err
		}
		if of != key {
			return nil, &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeValidation, Reason: "INVALID_ROUTING_CONFIGURATION", Message: "Routing configuration must contain versions of the alias's state machine"}
		}
		routes = r
	}
	alias, err := a.engine.UpdateAlias(c, key, name, in.Description, routes)
	if err != nil {
		return nil, err
	}
	return &UpdateStateMachineAliasOutput{UpdateDate: &awswire.Epoch{Time: alias.UpdatedAt}}, nil
}

func (a *API) describeStateMachineAlias(c *call, in *DescribeStateMachineAliasInput) (*DescribeStateMachineAliasOutput, error) {
	key, name, err := a.alias(c, in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	alias, err := a.engine.Alias(c, key, name)
	if err != nil {
		return nil, err
	}
	out := &DescribeStateMachineAliasOutput{
		StateMachineAliasArn: in.StateMachineAliasArn, Name: &alias.Alias,
		CreationDate: &awswire.Epoch{Time: alias.CreatedAt}, UpdateDate: &awswire.Epoch{Time: alias.UpdatedAt},
	}
	if alias.Description != "" {
		out.Description = &alias.Description
	}
	for _, r := range alias.Routing {
		out.RoutingConfiguration = append(out.RoutingConfiguration, RoutingConfigurationListItem{
			StateMachineVersionArn: new(a.versionARN(&ebb.StateMachineVersion{StateMachineKey: key, Number: r.Version})), Weight: &r.Weight,
		})
	}
	return out, nil
}

func (a *API) listStateMachineAliases(c *call, in *ListStateMachineAliasesInput) (*ListStateMachineAliasesOutput, error) {
	r, err := a.resource(c, in.StateMachineArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	key, _ := r.Key()
	var after workflow.AliasPlace
	if at.Name != "" {
		after = workflow.AliasPlace{Created: time.UnixMilli(at.Number).UTC(), Alias: at.Name}
	}
	as, more, err := a.engine.Aliases(c, key, r.Version(), after, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &ListStateMachineAliasesOutput{StateMachineAliases: []StateMachineAliasListItem{}}
	for _, alias := range as {
		at.Name, at.Number = alias.Alias, alias.CreatedAt.UnixMilli()
		out.StateMachineAliases = append(out.StateMachineAliases, StateMachineAliasListItem{
			StateMachineAliasArn: new(ebb.StateMachineARN(a.region, key, alias.Alias)), CreationDate: &awswire.Epoch{Time: alias.CreatedAt},
		})
	}
	out.NextToken = c.token(more, at)
	return out, nil
}

func (a *API) deleteStateMachineAlias(c *call, in *DeleteStateMachineAliasInput) (*DeleteStateMachineAliasOutput, error) {
	key, name, err := a.alias(c, in.StateMachineAliasArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteAlias(c, key, name)
}
