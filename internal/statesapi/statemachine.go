package statesapi

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

func (a *API) createStateMachine(c *call, in *CreateStateMachineInput) (*CreateStateMachineOutput, error) {
	key := ebb.StateMachineKey{Service: c.service(), Name: *in.Name}
	if err := a.may(c, ebb.StateMachineARN(a.region, key, "")); err != nil {
		return nil, err
	}
	create := workflow.Create{
		StateMachineKey: key, Type: deref(in.Type), Definition: *in.Definition, Role: *in.RoleArn,
		Tracing: in.TracingConfiguration != nil && deref(in.TracingConfiguration.Enabled),
		Publish: deref(in.Publish), Description: deref(in.VersionDescription), Tags: tagMap(in.Tags),
	}
	if err := checkRole(create.Role); err != nil {
		return nil, err
	}
	if err := checkEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if in.LoggingConfiguration != nil {
		logging, err := readLogging(in.LoggingConfiguration)
		if err != nil {
			return nil, err
		}
		create.Logging = logging
	}
	m, v, err := a.engine.CreateStateMachine(c, create)
	if err != nil {
		return nil, err
	}
	out := &CreateStateMachineOutput{StateMachineArn: new(ebb.StateMachineARN(a.region, key, "")), CreationDate: &awswire.Epoch{Time: m.CreatedAt}}
	if v != nil {
		out.StateMachineVersionArn = new(a.versionARN(v))
	}
	return out, nil
}

// checkRole refuses what is no ARN of a role.
func checkRole(arn string) error {
	if p := strings.SplitN(arn, ":", 6); len(p) != 6 || p[0] != "arn" || p[2] != "iam" || !strings.HasPrefix(p[5], "role/") {
		return workflow.InvalidARN(arn)
	}
	return nil
}

// ownedKey is the one kind of encryption that ebb has a word for: none of the
// caller's keys.
const ownedKey = "AWS_OWNED_KEY"

// checkEncryption refuses keys that ebb does not hold.
func checkEncryption(e *EncryptionConfiguration) error {
	if e == nil || deref(e.Type) == ownedKey && e.KmsKeyId == nil {
		return nil
	}
	return ebb.Errorf(ebb.Invalid, workflow.TypeInvalidEncryption, "Invalid Encryption Configuration: only %s is offered", ownedKey)
}

// readLogging checks a logging configuration.
func readLogging(l *LoggingConfiguration) (ebb.StateMachineLogging, error) {
	out := ebb.StateMachineLogging{Level: deref(l.Level), IncludeExecutionData: deref(l.IncludeExecutionData)}
	if len(l.Destinations) > 1 {
		return out, ebb.Errorf(ebb.Invalid, workflow.TypeInvalidLogging, "Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	for _, d := range l.Destinations {
		if d.CloudWatchLogsLogGroup == nil || deref(d.CloudWatchLogsLogGroup.LogGroupArn) == "" {
			return out, ebb.Errorf(ebb.Invalid, workflow.TypeInvalidLogging, "Invalid Logging Configuration: Must specify exactly one Log Destination.")
		}
		out.Destinations = append(out.Destinations, *d.CloudWatchLogsLogGroup.LogGroupArn)
	}
	if out.Level != "" && out.Level != "OFF" && len(out.Destinations) == 0 {
		return out, ebb.Errorf(ebb.Invalid, workflow.TypeInvalidLogging, "Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	return out, nil
}

func writeLogging(l ebb.StateMachineLogging) *LoggingConfiguration {
	level := l.Level
	if level == "" {
		level = "OFF"
	}
	out := &LoggingConfiguration{Level: &level, IncludeExecutionData: &l.IncludeExecutionData}
	for _, d := range l.Destinations {
		out.Destinations = append(out.Destinations, LogDestination{CloudWatchLogsLogGroup: &CloudWatchLogsLogGroup{LogGroupArn: &d}})
	}
	return out
}

// stateMachine reads the ARN of a whole state machine.
func (a *API) stateMachine(c *call, arn *string) (ebb.StateMachineKey, error) {
	r, err := a.resource(c, arn, "stateMachine")
	if err != nil {
		return ebb.StateMachineKey{}, err
	}
	key, label := r.Key()
	switch {
	case label != "":
		return key, workflow.MapStateARN(*arn)
	case r.Rest != "":
		return key, workflow.InvalidARN(*arn)
	}
	return key, nil
}

func (a *API) updateStateMachine(c *call, in *UpdateStateMachineInput) (*UpdateStateMachineOutput, error) {
	key, err := a.stateMachine(c, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	u := workflow.Update{Definition: in.Definition, Role: in.RoleArn, Publish: deref(in.Publish), Description: deref(in.VersionDescription)}
	if u.Role != nil {
		if err := checkRole(*u.Role); err != nil {
			return nil, err
		}
	}
	if err := checkEncryption(in.EncryptionConfiguration); err != nil {
		return nil, err
	}
	if in.LoggingConfiguration != nil {
		logging, err := readLogging(in.LoggingConfiguration)
		if err != nil {
			return nil, err
		}
		u.Logging = &logging
	}
	if in.TracingConfiguration != nil {
		u.Tracing = new(deref(in.TracingConfiguration.Enabled))
	}
	m, v, err := a.engine.UpdateStateMachine(c, key, u)
	if err != nil {
		return nil, err
	}
	out := &UpdateStateMachineOutput{UpdateDate: &awswire.Epoch{Time: m.Revision.CreatedAt}, RevisionId: revisionID(&m.Revision)}
	if v != nil {
		out.StateMachineVersionArn = new(a.versionARN(v))
	}
	return out, nil
}

// revisionID is absent for what a state machine was created with.
func revisionID(r *ebb.StateMachineRevision) *string {
	if r.Initial {
		return nil
	}
	return &r.ID
}

func (a *API) describeStateMachine(c *call, in *DescribeStateMachineInput) (*DescribeStateMachineOutput, error) {
	r, err := a.resource(c, in.StateMachineArn, "stateMachine")
	if err != nil {
		return nil, err
	}
	key, label := r.Key()
	if label != "" {
		return nil, workflow.MapStateARN(*in.StateMachineArn)
	}
	m, err := a.engine.StateMachine(c, key)
	if err != nil {
		return nil, err
	}
	rev, created := &m.Revision, m.CreatedAt
	out := &DescribeStateMachineOutput{Name: &m.Name, Type: &m.Type, Status: new("ACTIVE")}
	if r.Rest != "" {
		number, err := a.versionOf(c, key, r)
		if err != nil {
			return nil, err
		}
		v, err := a.engine.Version(c, key, number)
		if err != nil {
			return nil, err
		}
		if rev, err = a.engine.Revision(c, v.Revision); err != nil {
			return nil, err
		}
		created = v.CreatedAt
		if v.Description != "" {
			out.Description = &v.Description
		}
	}
	if m.Deleting {
		out.Status = new("DELETING")
	}
	out.StateMachineArn, out.CreationDate = in.StateMachineArn, &awswire.Epoch{Time: created}
	out.RoleArn, out.RevisionId = &rev.Role, revisionID(rev)
	out.EncryptionConfiguration = &EncryptionConfiguration{Type: new(ownedKey)}
	out.LoggingConfiguration, out.TracingConfiguration = writeLogging(rev.Logging), &TracingConfiguration{Enabled: &rev.Tracing}
	if out.Definition = new("{}"); deref(in.IncludedData) != "METADATA_ONLY" {
		out.Definition = &rev.Definition
		out.VariableReferences = asl.VariableReferences([]byte(rev.Definition))
	}
	return out, nil
}

// versionOf is the version that the ARN of a version or an alias means.
func (a *API) versionOf(c *call, key ebb.StateMachineKey, r ebb.StatesARN) (int64, error) {
	if n := r.Version(); n != 0 {
		return n, nil
	}
	alias, err := a.engine.Alias(c, key, r.Rest)
	if err != nil {
		return 0, ebb.Errorf(ebb.NotFound, workflow.TypeStateMachineDoesNotExist, "State Machine Does Not Exist: '%s'", r.String())
	}
	return alias.Routing[0].Version, nil
}

func (a *API) describeStateMachineForExecution(c *call, in *DescribeStateMachineForExecutionInput) (*DescribeStateMachineForExecutionOutput, error) {
	if _, err := a.resource(c, in.ExecutionArn, "execution"); err != nil {
		return nil, err
	}
	x, err := a.engine.Execution(c, *in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	rev, err := a.engine.Revision(c, x.Revision)
	if err != nil {
		return nil, err
	}
	_, label, _ := strings.Cut(x.Machine, "/")
	out := &DescribeStateMachineForExecutionOutput{
		StateMachineArn: new(ebb.StateMachineARN(a.region, ebb.StateMachineKey{Service: x.Service, Name: x.Machine}, "")),
		Name:            &rev.Name, RoleArn: &rev.Role, UpdateDate: &awswire.Epoch{Time: rev.CreatedAt}, RevisionId: revisionID(rev),
		LoggingConfiguration: writeLogging(rev.Logging), TracingConfiguration: &TracingConfiguration{Enabled: &rev.Tracing},
		EncryptionConfiguration: &EncryptionConfiguration{Type: new(ownedKey)},
	}
	if x.MapRun != "" {
		out.Label = &label
		out.MapRunArn = new(ebb.StatesARN{Region: a.region, Service: x.Service, Kind: "mapRun", Name: x.Machine, Rest: x.MapRun}.String())
	}
	if out.Definition = new("{}"); deref(in.IncludedData) != "METADATA_ONLY" {
		out.Definition = &rev.Definition
		out.VariableReferences = asl.VariableReferences([]byte(rev.Definition))
	}
	return out, nil
}

func (a *API) listStateMachines(c *call, in *ListStateMachinesInput) (*ListStateMachinesOutput, error) {
	if err := a.anywhere(c, "stateMachine"); err != nil {
		return nil, err
	}
	at, err := c.place(in.NextToken)
	if err != nil {
		return nil, err
	}
	ms, more, err := a.engine.StateMachines(c, c.service(), at.Name, pageSize(in.MaxResults))
	if err != nil {
		return nil, err
	}
	out := &ListStateMachinesOutput{StateMachines: []StateMachineListItem{}}
	for _, m := range ms {
		at.Name = m.Name
		out.StateMachines = append(out.StateMachines, StateMachineListItem{
			StateMachineArn: new(ebb.StateMachineARN(a.region, m.StateMachineKey, "")), Name: &m.Name, Type: &m.Type, CreationDate: &awswire.Epoch{Time: m.CreatedAt},
		})
	}
	out.NextToken = c.token(more, at)
	return out, nil
}

func (a *API) deleteStateMachine(c *call, in *DeleteStateMachineInput) (*DeleteStateMachineOutput, error) {
	key, err := a.stateMachine(c, in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	return nil, a.engine.DeleteStateMachine(c, key)
}

func (a *API) validateStateMachineDefinition(c *call, in *ValidateStateMachineDefinitionInput) (*ValidateStateMachineDefinitionOutput, error) {
	if err := a.anywhere(c, "stateMachine"); err != nil {
		return nil, err
	}
	limit := int(deref(in.MaxResults))
	if limit == 0 {
		limit = defaultPage
	}
	out := &ValidateStateMachineDefinitionOutput{Result: new("OK"), Diagnostics: []ValidateStateMachineDefinitionDiagnostic{}, Truncated: new(false)}
	for _, d := range a.engine.Validate(*in.Definition, deref(in.Type)) {
		if d.Severity == asl.SeverityError {
			out.Result = new("FAIL")
		} else if deref(in.Severity) != "WARNING" {
			continue
		}
		if len(out.Diagnostics) == limit {
			out.Truncated = new(true)
			break
		}
		item := ValidateStateMachineDefinitionDiagnostic{Severity: new(string(d.Severity)), Code: &d.Code, Message: &d.Message}
		if d.Location != "" {
			item.Location = &d.Location
		}
		out.Diagnostics = append(out.Diagnostics, item)
	}
	return out, nil
}
