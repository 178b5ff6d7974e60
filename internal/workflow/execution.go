package workflow

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/store"
)

// Start is an execution to be.
type Start struct {
	StateMachine string  // ARN, with a version or an alias perhaps
	Name         string  // "" = a new one
	Input        *string // nil = {}
	TraceHeader  string

	parent   ebb.ExecutionID
	parentOp int64
}

// Start starts an execution of a Standard state machine, or has an Express one
// run soon. With a name that a running execution with the same input has, it
// answers that one.
func (e *Engine) Start(ctx context.Context, s Start) (arn string, started time.Time, err error) {
	t, err := e.resolve(ctx, s.StateMachine)
	if err != nil {
		return "", started, err
	}
	if t.kind == ebb.StateMachineExpress {
		return e.startExpress(ctx, t, s)
	}
	x, err := e.start(ctx, t, s)
	if err != nil {
		return "", started, err
	}
	return x.ARN(e.cfg.Region), x.StartedAt, nil
}

// prepare checks name and input, which may be nil.
func (s *Start) prepare() (name string, input asl.Value, text string, err error) {
	if name = s.Name; name == "" {
		name = uuid.NewString()
	}
	if !ebb.ValidStatesName(name) {
		return "", input, "", invalid(TypeInvalidName, "Invalid Name: '%s'", name)
	}
	text = "{}"
	if s.Input != nil {
		text = *s.Input
	}
	input, err = ParseInput(text)
	return name, input, text, err
}

// ParseInput reads the input of an execution.
func ParseInput(text string) (asl.Value, error) {
	v, err := asl.ParseValue([]byte(text))
	if err != nil {
		return v, invalid(TypeInvalidExecutionInput, "Invalid State Machine Execution Input: '%s'", jsonFault(text, err))
	}
	return v, nil
}

func (e *Engine) start(ctx context.Context, t *target, s Start) (*ebb.Execution, error) {
	name, input, text, err := s.prepare()
	if err != nil {
		return nil, err
	}
	x := &ebb.Execution{
		ID: ebb.ExecutionID(newID()), Service: t.key.Service, Machine: t.key.Name, Name: name,
		Status: ebb.ExecutionRunning, StartedAt: e.now(), Revision: t.revision, Version: t.version, Alias: t.alias,
		Parent: s.parent, ParentOp: s.parentOp, Input: text,
		Settings: ebb.ExecutionSettings{TraceHeader: s.TraceHeader, Offload: t.offload},
	}
	err = e.begin(ctx, x, input, nil)
	if errors.Is(err, store.ErrExists) {
		return e.existing(ctx, x)
	}
	if err != nil {
		return nil, err
	}
	return x, nil
}

// begin makes the execution's row and takes its first step, in one transaction.
func (e *Engine) begin(ctx context.Context, x *ebb.Execution, input asl.Value, item *asl.Item) error {
	m, err := e.machine(ctx, x.Revision, x.Settings.Program)
	if err != nil {
		return err
	}
	row := *x
	l := &live{id: x.ID, execution: &row, machine: m, state: &asl.State{}, size: overhead, first: x}
	event := asl.Event{Kind: asl.Started, Execution: e.contextOf(x, m, item), Input: &input}
	s, err := e.decide(ctx, l, []*arrival{{events: []asl.Event{event}, at: []int64{x.StartedAt.UnixMilli()}}})
	if err != nil {
		return err
	}
	// Its first task may be called, and may have ended, before this returns.
	e.executions.adopt(l)
	defer e.drain(ctx, l, 0)
	err = e.commit(ctx, l, s)
	l.first = nil
	if err != nil {
		l.forget()
	}
	return err
}

// contextOf is what the context object says of an execution.
func (e *Engine) contextOf(x *ebb.Execution, m *machine, item *asl.Item) *asl.Execution {
	key, _ := ebb.StatesARN{Service: x.Service, Name: x.Machine}.Key()
	return &asl.Execution{
		ID: x.ARN(e.cfg.Region), Name: x.Name, RoleARN: m.revision.Role,
		MachineID: ebb.StateMachineARN(e.cfg.Region, ebb.StateMachineKey{Service: x.Service, Name: x.Machine}, ""), MachineName: key.Name,
		Region: e.cfg.Region, StartTime: x.StartedAt, Item: item, MaxPayload: e.maxPayload(x),
	}
}

// existing answers the execution that has the name already, if it is the same.
func (e *Engine) existing(ctx context.Context, want *ebb.Execution) (*ebb.Execution, error) {
	var x *ebb.Execution
	if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		x, err = tx.ExecutionByName(want.Service, want.Machine, want.Name)
		return err
	}); err != nil {
		return nil, err
	}
	mine := want.Parent != "" && x.Parent == want.Parent && x.ParentOp == want.ParentOp // a call that is made again
	if !mine && (x.Status != ebb.ExecutionRunning || x.Input != want.Input) {
		return nil, ebb.Errorf(ebb.Conflict, TypeExecutionAlreadyExists, "Execution Already Exists: '%s'", x.ARN(e.cfg.Region))
	}
	return x, nil
}

// Execution finds an execution by its ARN.
func (e *Engine) Execution(ctx context.Context, arn string) (x *ebb.Execution, err error) {
	a, ok := ebb.ParseStatesARN(arn)
	switch {
	case !ok:
		return nil, InvalidARN(arn)
	case a.Kind != "execution":
		return nil, wrongKind(a.Kind)
	}
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		x, err = tx.ExecutionByName(a.Service, a.Name, a.Rest)
		return found(err, noExecution(arn))
	})
	return x, err
}

// Stop ends an execution, unless it has ended, and returns when it ended.
func (e *Engine) Stop(ctx context.Context, arn string, name, cause *string) (time.Time, error) {
	x, err := e.Execution(ctx, arn)
	if err != nil {
		return time.Time{}, err
	}
	if x.MapRun != "" {
		return time.Time{}, invalid(ebb.TypeValidation, "Stopping a child execution of a map run is not supported: '%s'", arn)
	}
	if err := e.stop(ctx, x.ID, name, cause); err != nil {
		return time.Time{}, err
	}
	x, err = e.Execution(ctx, arn)
	if err != nil {
		return time.Time{}, err
	}
	return x.StoppedAt, nil
}

func (e *Engine) stop(ctx context.Context, id ebb.ExecutionID, name, cause *string) error {
	return e.deliver(ctx, id, &arrival{events: []asl.Event{{Kind: asl.Stopped, Error: name, Cause: cause}}})
}

// Executions lists executions; next is the filter's place for the next page.
func (e *Engine) Executions(ctx context.Context, f store.ExecutionFilter) (xs []*ebb.Execution, more bool, err error) {
	limit := f.Limit
	f.Limit++
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		xs, err = tx.Executions(f)
		return err
	})
	if len(xs) > limit {
		return xs[:limit], true, err
	}
	return xs, false, err
}

// jsonFault words what is wrong with JSON text as AWS's parser does, where that
// is known.
func jsonFault(text string, err error) string {
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if trimmed == "" {
		return "Invalid execution input."
	}
	switch c := trimmed[0]; {
	case c == '\'':
		return unexpected(c, "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')")
	case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		word := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$"))]
		return "Unrecognized token '" + word + "': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	case c == '{':
		inner := strings.TrimLeft(trimmed[1:], " \t\r\n")
		if inner != "" && inner[0] != '"' && inner[0] != '}' {
			return unexpected(inner[0], "was expecting double-quote to start field name")
		}
	}
	return err.Error()
}

func unexpected(c byte, want string) string {
	return "Unexpected character ('" + string(rune(c)) + "' (code " + strconv.Itoa(int(c)) + ")): " + want
}

// number is a JSON number.
func number(n int64) jsonata.Number { return jsonata.Number(strconv.FormatInt(n, 10)) }

// ExecutionByID returns the execution with an id.
func (e *Engine) ExecutionByID(ctx context.Context, id ebb.ExecutionID) (x *ebb.Execution, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		x, err = tx.Execution(id)
		return err
	})
	return x, err
}
