package workflow

import (
	"context"
	"errors"
	"strings"
	"time"

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
	Failures   int64   // iterations of a Map that failed
	Items      *string // of a Map with an ItemReader: what it reads, as it is there
	Reveal     bool    // show what a connection adds to an HTTP request
}

// Mock stands for what the state would call.
type Mock struct {
	Result       *string
	Error, Cause *string
	Failed       bool
	Check        string // ValidateStrict, ValidatePresent or ValidateNone; "" = the first
}

// How a mocked result is compared with what its API may answer.
const (
	ValidateStrict  = "STRICT"
	ValidatePresent = "PRESENT"
	ValidateNone    = "NONE"
)

// Tested is what a trial came to.
type Tested struct {
	asl.Tried
	HTTP *Exchange // of an HTTP task that was called
}

// TestState tries a state. Without a mock, a Task calls what it names.
func (e *Engine) TestState(ctx context.Context, t TestState) (*Tested, error) {
	m, err := e.parseTrial(t)
	if err != nil {
		return nil, err
	}
	trial, err := e.trialOf(m, t)
	if err != nil {
		return nil, err
	}
	now := e.now()
	name := newID()
	x := &ebb.Execution{Service: t.Service, Machine: "TestState", Name: name, StartedAt: now, Input: t.Input}
	r := &ebb.StateMachineRevision{StateMachineKey: ebb.StateMachineKey{Service: t.Service, Name: "TestState"}, Role: t.Role}
	whole := &machine{r, m}
	trial.Execution = *e.contextOf(x, whole, nil)
	trial.Execution.Express = true
	trial.Execution.ID = ebb.StatesARN{Region: e.cfg.Region, Service: t.Service, Kind: "express", Name: x.Machine, Rest: name + ":" + name}.String()
	a, _ := m.Try(*trial, asl.Env{Now: now, Seed: seed()})
	tested := &Tested{}
	if err := e.answerTrial(ctx, a, x, whole, t, tested); err != nil {
		return nil, err
	}
	tested.Tried = a.Result()
	return tested, nil
}

// trialOf checks what a state is to be tried with.
func (e *Engine) trialOf(m *asl.Machine, t TestState) (*asl.Trial, error) {
	kind := m.StateType(t.State)
	if kind == "" {
		return nil, invalid(ebb.TypeValidation, "State not found in the definition: '%s'", t.State)
	}
	if err := e.checkMock(m, kind, t); err != nil {
		return nil, err
	}
	trial := &asl.Trial{State: t.State, Retries: t.Retries, Failures: t.Failures, Fails: t.Mock != nil && t.Mock.Failed}
	var err error
	if trial.Input, err = ParseInput(t.Input); err != nil {
		return nil, err
	}
	if t.Variables != "" {
		v, err := ParseInput(t.Variables)
		if err != nil {
			return nil, err
		}
		if document(v) == nil {
			return nil, invalid(ebb.TypeValidation, "Variables must be a JSON object.")
		}
		trial.Variables = &v
	}
	if trial.Context, err = trialContext(m, t); err != nil {
		return nil, err
	}
	if config, reads := m.ReaderConfig(t.State); reads {
		if t.Items == nil {
			return nil, invalid(ebb.TypeValidation, "ItemReader data must be specified when testing a Map state with ItemReader specified.")
		}
		trial.Items, trial.Unread = trialItems(config, *t.Items)
	}
	return trial, nil
}

// trialItems are the items that a reader finds in data.
func trialItems(config asl.Value, data string) (items []any, err error) {
	s, err := sourceOf(config)
	if err == nil {
		if s.InputType == "" || s.InputType == "MANIFEST" {
			s.InputType = "JSON" // what was listed
		}
		err = parseItems(strings.NewReader(data), s, func(v any) bool {
			items = append(items, v)
			return true
		})
	}
	if err != nil {
		return nil, &asl.Failure{Name: asl.ErrItemReaderFailed, Cause: messageOf(err)}
	}
	return items, nil
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

func (e *Engine) checkMock(m *asl.Machine, kind string, t TestState) error {
	mock := t.Mock
	many := kind == "Map" || kind == "Parallel"
	switch {
	case mock == nil && many:
		return invalid(TypeInvalidDefinition, "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]")
	case mock == nil:
		return wantsMock(m, t.State)
	case mock.Result != nil && mock.Failed:
		return invalid(ebb.TypeValidation, "A test mock should have only one of the following fields: [result, errorOutput].")
	case kind != "Task" && !many:
		return invalid(ebb.TypeValidation, "State type '%s' is not supported when a mock is specified", kind)
	case mock.Failed || mock.Result == nil || kind != "Task" || mock.Check == ValidateNone:
		return nil
	}
	v, err := asl.ParseValue([]byte(*mock.Result))
	if err != nil {
		return invalid(ebb.TypeValidation, "Mocked result must be valid JSON.")
	}
	shapes, err := e.answers()
	if err != nil {
		return err
	}
	call, _ := m.CallOf(t.State)
	if fault := shapes.Check(call, v.V, mock.Check != ValidatePresent); fault != "" {
		return invalid(ebb.TypeValidation, "%s", fault)
	}
	return nil
}

// wantsMock refuses a task that would wait for somebody else.
func wantsMock(m *asl.Machine, state string) error {
	switch call, _ := m.CallOf(state); {
	case call.Kind == "activity":
		return invalid(TypeInvalidDefinition, "TestState API does not support Activity tasks unless a mock is specified")
	case call.Pattern != "":
		return invalid(TypeInvalidDefinition, "TestState API does not support the '.%s' service integration pattern unless a mock is specified", call.Pattern)
	}
	return nil
}

// maxTrial is how long a trial may take.
const maxTrial = 5 * time.Minute

// answerTrial gives the state what it waits for: the mock, or what it calls says.
func (e *Engine) answerTrial(ctx context.Context, a *asl.Attempt, x *ebb.Execution, m *machine, t TestState, tested *Tested) error {
	if !a.Waits() {
		return nil
	}
	if t.Mock != nil {
		return mockAnswer(a, m.program.StateType(t.State), t.Mock)
	}
	task := a.Task()
	c := &call{Task: task, engine: e, execution: x, machine: m, began: e.now(), express: true, exchange: &Exchange{reveal: t.Reveal}}
	limit := maxTrial
	if task.Timeout > 0 {
		limit = min(limit, seconds(task.Timeout))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o := e.call(ctx, c)
	if c.exchange.Request.Method != "" {
		tested.HTTP = c.exchange
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		a.Fail(new(asl.ErrTimeout), nil)
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
