package workflow

import (
	"context"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestState is a state to be tried on its own.
type TestState struct {
	Service    ebb.ServiceID
	Definition string // of a state, or with State of a whole state machine
	State      string
	Role       string
	Input      string
	Variables  string
	Context    string
	Mock       *Mock
	Retries    int64
	Failures   int64  // iterations of a Map that failed
	Items      string // of a Map with an ItemReader
}

// Mock stands for what the state would call.
type Mock struct {
	Result       *string
	Error, Cause *string
	Failed       bool
}

// TestState tries a state. Without a mock, a Task calls what it names.
func (e *Engine) TestState(ctx context.Context, t TestState) (*asl.Tried, error) {
	m, err := e.parseTrial(t)
	if err != nil {
		return nil, err
	}
	if m.StateType(t.State) == "" {
		return nil, invalid(ebb.TypeValidation, "State not found in the definition: '%s'", t.State)
	}
	if err := checkMock(m.StateType(t.State), t.Mock); err != nil {
		return nil, err
	}
	trial := asl.Trial{State: t.State, Retries: t.Retries, Failures: t.Failures}
	if trial.Input, err = ParseInput(t.Input); err != nil {
		return nil, err
	}
	for _, optional := range []struct {
		text string
		into **asl.Value
	}{{t.Variables, &trial.Variables}, {t.Context, &trial.Context}, {t.Items, &trial.Items}} {
		if optional.text == "" {
			continue
		}
		v, err := ParseInput(optional.text)
		if err != nil {
			return nil, err
		}
		*optional.into = &v
	}
	now := e.now()
	name := newID()
	x := &ebb.Execution{Service: t.Service, Machine: "TestState", Name: name, StartedAt: now, Input: t.Input}
	r := &ebb.StateMachineRevision{StateMachineKey: ebb.StateMachineKey{Service: t.Service, Name: "TestState"}, Role: t.Role}
	whole := &machine{r, m}
	trial.Execution = *e.contextOf(x, whole, nil)
	a, _ := m.Try(trial, asl.Env{Now: now, Seed: seed()})
	if err := e.answerTrial(ctx, a, x, whole, t); err != nil {
		return nil, err
	}
	tried := a.Result()
	return &tried, nil
}

func (e *Engine) parseTrial(t TestState) (m *asl.Machine, err error) {
	var problems []asl.Diagnostic
	if t.State != "" {
		m, problems = asl.Parse([]byte(t.Definition), e.jsonata)
	} else {
		m, problems = asl.ParseState([]byte(t.Definition), e.jsonata)
	}
	if m == nil {
		return nil, invalid(TypeInvalidDefinition, "%s", asl.Refusal(problems))
	}
	return m, nil
}

func checkMock(kind string, mock *Mock) error {
	many := kind == "Map" || kind == "Parallel"
	switch {
	case mock == nil && many:
		return invalid(TypeInvalidDefinition, "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
	case mock == nil:
		return nil
	case mock.Result != nil && mock.Failed:
		return invalid(ebb.TypeValidation, "A test mock should have only one of the following fields: [result, errorOutput].")
	case kind != "Task" && !many:
		return invalid(ebb.TypeValidation, "State type '%s' is not supported when a mock is specified", kind)
	}
	return nil
}

// answerTrial gives the state what it waits for: the mock, or what it calls says.
func (e *Engine) answerTrial(ctx context.Context, a *asl.Attempt, x *ebb.Execution, m *machine, t TestState) error {
	if !a.Waits() {
		return nil
	}
	if t.Mock != nil {
		return mockAnswer(a, m.program.StateType(t.State), t.Mock)
	}
	task := a.Task()
	c := &call{Task: task, engine: e, execution: x, machine: m, began: e.now(), express: true}
	o := e.call(ctx, c)
	switch {
	case o.err != nil:
		return o.err
	case o.fail != nil:
		a.Fail(&o.fail.name, &o.fail.cause)
	default:
		a.Succeed(*o.output)
	}
	return nil
}

func mockAnswer(a *asl.Attempt, kind string, mock *Mock) error {
	if mock.Failed {
		a.Fail(mock.Error, mock.Cause)
		return nil
	}
	text := "{}"
	if mock.Result != nil {
		text = *mock.Result
	}
	v, err := asl.ParseValue([]byte(text))
	if err != nil {
		return invalid(ebb.TypeValidation, "Mocked result must be valid JSON.")
	}
	list, isList := v.V.([]any)
	_, isObject := v.V.(*asl.Object)
	switch {
	case kind == "Map" && a.Writes() && !isObject:
		return invalid(ebb.TypeValidation, "Mocked result must be a JSON object.")
	case (kind == "Map" && !a.Writes() || kind == "Parallel") && !isList:
		return invalid(ebb.TypeValidation, "Mocked result must be an array.")
	case kind == "Parallel" && len(list) != a.Branches():
		return invalid(ebb.TypeValidation, "Mocked result must contain the same number of items as number of Parallel branches.")
	}
	a.Succeed(v)
	return nil
}
