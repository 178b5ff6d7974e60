package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
	"github.com/ebb-faas/ebb/internal/store"
)

// callExecution is arn:aws:states:::states:startExecution in its patterns.
func (e *Engine) callExecution(ctx context.Context, c *call, r asl.Resource) outcome {
	s, fail := readStart(c.Parameters)
	if fail != nil {
		return failed(fail)
	}
	if s.Name == "" {
		s.Name = deterministicName(c)
	}
	wait := r.Pattern == "sync" || r.Pattern == "sync:2"
	s.parentOp = c.Op
	if !c.express {
		s.parent = c.execution.ID
	}
	a, ok := ebb.ParseStatesARN(s.StateMachine)
	if ok && (a.Service != c.execution.Service || e.permit(ctx, c, "states:StartExecution", s.StateMachine) != nil) {
		return failed(failuref("StepFunctions.AccessDeniedException", "User: %s is not authorized to perform: states:StartExecution on resource: %s", c.role(), s.StateMachine))
	}
	var started *ebb.Execution
	t, err := e.resolve(ctx, s.StateMachine)
	if err == nil && t.kind == ebb.StateMachineExpress {
		if wait {
			return failed(failuref("StepFunctions.StateMachineTypeNotSupportedException", "Express state machines cannot be run with %s", r.Pattern))
		}
		arn, at, err := e.startExpress(ctx, t, s)
		if err != nil {
			return notStarted(err)
		}
		return startAnswer(arn, epoch(at), wait)
	}
	if err == nil {
		if !wait {
			s.parentOp = -c.Op // known as ours, but nobody is told of its end
		}
		started, err = e.start(ctx, t, s)
	}
	if err != nil {
		return notStarted(err)
	}
	if wait && started.Status != ebb.ExecutionRunning {
		// It was started by an earlier try of this call, and has ended since.
		if err := e.childEnded(ctx, work{Execution: c.execution.ID, Op: c.Op, Child: started.ID}); err != nil && !errors.Is(err, errUnwanted) {
			return outcome{err: err}
		}
	}
	return startAnswer(started.ARN(e.cfg.Region), epoch(started.StartedAt), wait)
}

func startAnswer(arn string, at jsonata.Number, handed bool) outcome {
	id := uuid.NewString()
	o := succeeded(object("ExecutionArn", arn, "SdkHttpMetadata", metadata(id), "SdkResponseMetadata", object("RequestId", id), "StartDate", at))
	o.handed = handed
	return o
}

// metadata is what answers of AWS's services say of how they came.
func metadata(id string) *jsonata.Object {
	return object("AllHttpHeaders", object("x-amzn-RequestId", array(id), "Content-Type", array("application/x-amz-json-1.0")),
		"HttpHeaders", object("Content-Type", "application/x-amz-json-1.0", "x-amzn-RequestId", id), "HttpStatusCode", jsonata.Number("200"))
}

// deterministicName is the same for every try of one call, so that an execution
// is started once however often the call is made.
func deterministicName(c *call) string {
	if c.express {
		return uuid.NewString()
	}
	h := sha256.Sum256([]byte(string(c.execution.ID) + " " + strconv.FormatInt(c.Op, 10)))
	s := hex.EncodeToString(h[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:32]
}

// notStarted is what a task makes of a start that was refused.
func notStarted(err error) outcome {
	own, ok := errors.AsType[*ebb.Error](err)
	if !ok || own.Kind == ebb.Internal || own.Kind == ebb.Unavailable {
		return outcome{err: err}
	}
	name := own.Type
	if len(name) < 9 || name[len(name)-9:] != "Exception" {
		name += "Exception"
	}
	return failed(failuref("StepFunctions."+name, "%s (Service: AWSStepFunctions; Status Code: 400; Error Code: %s; Request ID: %s; Proxy: null)", own.Message, own.Type, uuid.NewString()))
}

func readStart(v asl.Value) (s Start, fail *failure) {
	o, ok := v.V.(*jsonata.Object)
	if !ok {
		return s, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The parameters must be an object]", v)
	}
	for i := range o.Len() {
		name, value := o.At(i)
		text, isText := value.(string)
		switch {
		case name == "StateMachineArn" && isText:
			s.StateMachine = text
		case name == "Name" && isText:
			s.Name = text
		case name == "Input":
			if !isText {
				text = jsonata.Text(value)
			}
			s.Input = &text
		case name == "TraceHeader" && isText:
			s.TraceHeader = text
		default:
			return s, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The field \"%s\" is not supported by Step Functions]", v, name)
		}
	}
	if s.StateMachine == "" {
		return s, failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The required field \"StateMachineArn\" is missing]", v)
	}
	return s, nil
}

// childEnded tells an execution that the one its op waits for has ended.
func (e *Engine) childEnded(ctx context.Context, w work) error {
	if w.Op < 0 {
		return nil
	}
	var x *ebb.Execution
	if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		x, err = tx.Execution(w.Child)
		return err
	}); err != nil {
		return err
	}
	_, m, err := e.executionAndMachine(ctx, w.Execution)
	if err != nil {
		return err
	}
	a := &arrival{}
	a.ask = func(s *asl.State, p *ebb.Execution) error {
		if err := wanted(w.Op)(s, p); err != nil {
			return err
		}
		plain := asl.ParseResource(m.program.ResourceOf(s, w.Op)).Pattern == "sync"
		v := asl.Value{V: e.described(x, plain)}
		event := asl.Event{Kind: asl.TaskSucceeded, Op: w.Op, Output: &v}
		if x.Status != ebb.ExecutionSucceeded {
			name, cause := asl.ErrTaskFailed, v.String()
			event = asl.Event{Kind: asl.TaskFailed, Op: w.Op, Error: &name, Cause: &cause}
		}
		// A child may be faster than the answer to its start: that it was started is
		// told first, and is nothing new if it is known.
		handed := startAnswer(x.ARN(e.cfg.Region), epoch(x.StartedAt), true)
		a.events = []asl.Event{{Kind: asl.TaskStarted, Op: w.Op}, handed.event(w.Op), event}
		return nil
	}
	return e.deliver(ctx, w.Execution, a)
}

// described is what .sync answers: DescribeExecution with capital letters. With
// plain, input and output are JSON text, else JSON.
func (e *Engine) described(x *ebb.Execution, plain bool) *jsonata.Object {
	document := func(text string) any {
		if plain {
			return text
		}
		v, err := asl.ParseValue([]byte(text))
		if err != nil {
			return text
		}
		return v.V
	}
	o := object()
	if x.Outcome.Cause != nil {
		o.Set("Cause", *x.Outcome.Cause)
	}
	if x.Outcome.Error != nil {
		o.Set("Error", *x.Outcome.Error)
	}
	o.Set("ExecutionArn", x.ARN(e.cfg.Region))
	o.Set("Input", document(x.Input))
	o.Set("InputDetails", object("Included", true))
	o.Set("Name", x.Name)
	if x.Outcome.Output != nil {
		o.Set("Output", document(*x.Outcome.Output))
		o.Set("OutputDetails", object("Included", true))
	}
	o.Set("RedriveCount", number(int64(x.RedriveCount)))
	status, reason := Redrivable(x, e.cfg.Now())
	o.Set("RedriveStatus", status)
	if reason != "" {
		o.Set("RedriveStatusReason", reason)
	}
	o.Set("StartDate", epoch(x.StartedAt))
	o.Set("StateMachineArn", ebb.StateMachineARN(e.cfg.Region, ebb.StateMachineKey{Service: x.Service, Name: x.Machine}, ""))
	o.Set("Status", x.Status)
	o.Set("StopDate", epoch(x.StoppedAt))
	return o
}
