package asl

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Resource is a Task's Resource, taken apart.
type Resource struct {
	Kind    string // "lambda", "activity" or "task": which family of history events
	Type    string // of a task: lambda, states, aws-sdk:s3, …
	API     string // of a task: invoke, startExecution.sync:2, …
	Pattern string // "", "sync", "sync:2" or "waitForTaskToken"
}

// ParseResource takes a Resource apart.
func ParseResource(arn string) Resource {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[2] == "lambda" {
		return Resource{Kind: "lambda"}
	}
	if len(parts) == 6 && parts[2] == "states" && strings.HasPrefix(parts[5], "activity:") {
		return Resource{Kind: "activity"}
	}
	r := Resource{Kind: "task"}
	rest := arn
	if len(parts) == 6 {
		rest = parts[5]
	}
	api, pattern, _ := strings.Cut(rest, ".")
	r.Pattern = pattern
	if i := strings.LastIndexByte(api, ':'); i >= 0 {
		r.Type, r.API = api[:i], rest[i+1:]
	} else {
		r.API = rest
	}
	return r
}

// events is the prefix of the history events of a resource.
func (r Resource) events() string {
	switch r.Kind {
	case "lambda":
		return "LambdaFunction"
	case "activity":
		return "Activity"
	}
	return "Task"
}

// details are what all history events of the resource say.
func (r Resource) details() *Details {
	if r.Kind == "task" {
		return &Details{Resource: r.API, ResourceType: r.Type}
	}
	return &Details{}
}

func (d *decision) schedule(t *Thread, st *state) *failure {
	r := ParseResource(st.resource)
	op := d.op()
	token := ""
	if r.Kind == "activity" || r.Pattern == "waitForTaskToken" {
		token = d.token(op)
	}
	e := d.evaluate(t, nil, token)
	defer e.close()
	task := &Task{Op: op, State: t.State, Resource: st.resource, Token: token, Attempt: t.Attempts}
	if fail := st.fill(e, task); fail != nil {
		return fail
	}
	details := r.details()
	details.TimeoutInSeconds, details.HeartbeatSeconds = task.Timeout, task.Heartbeat
	if r.Kind == "task" {
		details.Parameters = &task.Parameters
		if details.Region = d.state.Execution.Region; details.Region == "" {
			details.Region = regionOf(d.state.Execution.ID)
		}
	} else {
		details.Input, details.Resource = &task.Parameters, st.resource
	}
	if task.Credentials != nil {
		if o, ok := task.Credentials.V.(*Object); ok {
			role, _ := o.Get("RoleArn")
			details.RoleARN, _ = role.(string)
		}
	}
	d.note(t, r.events()+"Scheduled", details)
	t.Waits, t.Op, t.Began, t.Handed = waitsTask, op, false, false
	d.act(Action{Task: task})
	return nil
}

// fill evaluates what a task is called with.
func (st *state) fill(e *evaluation, task *Task) *failure {
	if fail := st.effective(e); fail != nil {
		return fail
	}
	timeout, fail := st.timeout.eval(e, 1, 99999999)
	if fail != nil {
		return fail
	}
	heartbeat, fail := st.heartbeat.eval(e, 1, 99999999)
	if fail != nil {
		return fail
	}
	task.Timeout, task.Heartbeat = int64(timeout), int64(heartbeat)
	task.Parameters = Value{e.input}
	if st.parameters != nil {
		if task.Parameters.V, fail = st.parameters.eval(e); fail != nil {
			return fail
		}
	}
	if st.language == JSONata {
		e.trial.see("afterArguments", task.Parameters.V)
	} else {
		e.trial.see("afterParameters", task.Parameters.V)
	}
	if st.credentials != nil {
		v, fail := st.credentials.eval(e)
		if fail != nil {
			return fail
		}
		task.Credentials = &Value{v}
	}
	if tooLarge(task.Parameters.V, e.limit) {
		return failf(ErrDataLimitExceeded, "The size of the input exceeds the maximum number of bytes service limit.")
	}
	return nil
}

func (d *decision) taskEvent(t *Thread, event Event) {
	st := d.stateOf(t)
	r := ParseResource(st.resource)
	details := r.details()
	switch event.Kind {
	case TaskSubmitted:
		if r.Kind == "task" && !t.Handed {
			t.Handed = true
			details.Output = event.Output
			d.note(t, "TaskSubmitted", details)
		}
	case TaskStarted:
		if t.Began {
			return // whoever ran it died, and it runs again
		}
		t.Began = true
		details.Worker = event.Worker
		if details.Resource == "" && details.Worker == "" {
			details = nil
		}
		d.note(t, r.events()+"Started", details)
	case TaskSucceeded:
		output := event.Output
		if output == nil {
			output = &Value{}
		}
		if tooLarge(output.V, d.state.Execution.MaxPayload) {
			d.clear(t)
			f := &failure{name: ErrDataLimitExceeded, fromTask: true, cause: fmt.Sprintf("The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", st.resource)}
			name, cause := f.pointers()
			details.Error, details.Cause = name, cause
			d.note(t, r.events()+"Failed", details)
			d.fail(t, f)
			return
		}
		details.Output = output
		d.note(t, r.events()+"Succeeded", details)
		d.clear(t)
		d.complete(t, output)
	case TaskFailed:
		d.taskFailed(t, r.events()+"Failed", details, event.Error, event.Cause)
	case TaskTimedOut:
		name := ErrTimeout
		if event.Heartbeat {
			name = ErrHeartbeatTimeout
		}
		d.act(Action{Cancel: t.Op})
		d.taskFailed(t, r.events()+"TimedOut", details, &name, event.Cause)
	}
}

func (d *decision) taskFailed(t *Thread, kind string, details *Details, name, cause *string) {
	f := &failure{fromTask: true, noName: name == nil, noCause: cause == nil}
	if name != nil {
		f.name = *name
	}
	if cause != nil {
		f.cause = *cause
	}
	details.Error, details.Cause = name, cause
	d.note(t, kind, details)
	d.clear(t)
	d.fail(t, f)
}

// taskToken is what a token says, besides being hard to guess.
type taskToken struct {
	Execution string `json:"e"`
	Op        int64  `json:"o"`
	Secret    []byte `json:"s"`
}

// token makes the token of an op. Who does not know the seed cannot make it.
func (d *decision) token(op int64) string {
	h := sha256.New()
	var n [16]byte
	binary.BigEndian.PutUint64(n[:8], d.env.Seed)
	binary.BigEndian.PutUint64(n[8:], uint64(op))
	h.Write(n[:])
	h.Write([]byte(d.state.Execution.ID))
	raw, err := json.Marshal(taskToken{d.state.Execution.ID, op, h.Sum(nil)})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return base64.URLEncoding.EncodeToString(raw)
}

// ErrBadToken is what ParseToken says of a text that is no token.
var ErrBadToken = errors.New("not a task token")

// ParseToken tells which execution and op a task token is for. That it is the
// right token shows only in comparing it with the Task's.
func ParseToken(token string) (execution string, op int64, err error) {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return "", 0, ErrBadToken
	}
	var t taskToken
	if err := json.Unmarshal(raw, &t); err != nil || t.Op == 0 {
		return "", 0, ErrBadToken
	}
	return t.Execution, t.Op, nil
}
