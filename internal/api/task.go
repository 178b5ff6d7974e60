package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Task is one asynchronous invocation and what became of it.
type Task struct {
	ID        string     `json:"id" doc:"chosen by the caller, or the request id"`
	Request   string     `json:"request" doc:"id of the invocation, as it stands in the function's log"`
	Function  string     `json:"function"`
	Qualifier string     `json:"qualifier,omitempty"`
	State     string     `json:"state" enum:"Queued,Running,Retrying,Succeeded,Failed,Stopped"`
	Accepted  time.Time  `json:"accepted"`
	Ended     *time.Time `json:"ended,omitempty"`
	Next      *time.Time `json:"next,omitempty" doc:"when it is tried (again)"`
	Reason    string     `json:"reason,omitempty" doc:"why it failed or was stopped"`
	Attempts  []Attempt  `json:"attempts" nullable:"false" doc:"the last ones, oldest first"`
}

// Attempt is one try of a task.
type Attempt struct {
	At       time.Time `json:"at"`
	Duration float64   `json:"duration" doc:"seconds"`
	Version  string    `json:"version,omitempty" doc:"that ran"`
	Outcome  string    `json:"outcome" enum:"ok,function-error,throttled,platform-error,refused"`
	Error    string    `json:"error,omitempty" doc:"type of the error"`
	Message  string    `json:"message,omitempty" doc:"its beginning"`
}

// Tasks is a page of tasks.
type Tasks struct {
	Tasks []Task `json:"tasks" nullable:"false" doc:"the newest ids first"`
	Next  string `json:"next,omitempty" doc:"of the next page; a page may be short, even empty, and have a next one"`
}

type (
	tasksInput struct {
		Function string `query:"function" maxLength:"170" doc:"only those of this function (name or ARN)"`
		State    string `query:"state" enum:"Queued,Running,Retrying,Succeeded,Failed,Stopped" doc:"only those in this state"`
		TaskPage
	}
	// TaskPage is a page of tasks or deliveries.
	TaskPage struct {
		Prefix string `query:"prefix" maxLength:"128" doc:"only those whose id begins with it"`
		Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		Next   string `query:"next" maxLength:"128" doc:"of the page before"`
	}
	tasksOutput struct{ Body Tasks }
	taskInput   struct {
		ID string `path:"id" maxLength:"128"`
	}
	taskOutput   struct{ Body Task }
	resultOutput struct {
		ContentType string `header:"Content-Type"`
		Body        []byte
	}
)

// registerTasks names the operations on tasks.
func (a *API) registerTasks(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListTasks", Method: http.MethodGet, Path: Prefix + "tasks",
		Summary: "Asynchronous invocations and what became of them",
	}), a.tasks)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetTask", Method: http.MethodGet, Path: Prefix + "tasks/{id}",
		Summary: "One asynchronous invocation, with its attempts",
	}), a.task)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetTaskResult", Method: http.MethodGet, Path: Prefix + "tasks/{id}/result",
		Summary: "What the function answered, of a task with an id of the caller's",
	}), a.taskResult)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "StopTask", Method: http.MethodPost, Path: Prefix + "tasks/{id}/stop",
		Summary: "Stop a task that is not over",
	}), a.taskChange((*deliver.Deliver).Stop))
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RedriveTask", Method: http.MethodPost, Path: Prefix + "tasks/{id}/redrive",
		Summary: "Try a failed task as if it were new",
	}), a.taskChange((*deliver.Deliver).Redrive))
}

func (a *API) tasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	f, err := a.taskFilter(ctx, in.Function, in.State, &in.TaskPage)
	if err != nil {
		return nil, err
	}
	ts, next, err := a.cfg.Tasks.Tasks(ctx, f, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := Tasks{Tasks: make([]Task, len(ts)), Next: string(next)}
	for i, t := range ts {
		out.Tasks[i] = writeTask(t)
	}
	return &tasksOutput{out}, nil
}

// taskFilter is what a list of tasks or deliveries asks for, of one function unless
// that is "".
func (a *API) taskFilter(ctx context.Context, function, state string, page *TaskPage) (deliver.TaskFilter, error) {
	f := deliver.TaskFilter{Service: service(ctx), Prefix: page.Prefix, State: ebb.TaskState(state), Before: ebb.MessageID(page.Next)}
	if function != "" {
		key, err := a.key(ctx, function)
		if err != nil {
			return f, a.problem(ctx, err)
		}
		f.Service, f.Function = key.Service, key.Name
	}
	return f, nil
}

func (a *API) task(ctx context.Context, in *taskInput) (*taskOutput, error) {
	t, err := a.cfg.Tasks.Task(ctx, service(ctx), ebb.MessageID(in.ID))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &taskOutput{writeTask(t)}, nil
}

func (a *API) taskResult(ctx context.Context, in *taskInput) (*resultOutput, error) {
	t, err := a.cfg.Tasks.Task(ctx, service(ctx), ebb.MessageID(in.ID))
	if err == nil && (t.State != ebb.TaskSucceeded || t.Result == nil) {
		err = ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Task %s has no result: it is %s; results are kept of "+
			"tasks that succeeded and whose id the caller chose", t.ID, t.State)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	kind := "application/json"
	if !json.Valid(t.Result) {
		kind = "application/octet-stream"
	}
	return &resultOutput{kind, t.Result}, nil
}

func (a *API) taskChange(change func(*deliver.Deliver, context.Context, ebb.ServiceID, ebb.MessageID) error) func(context.Context, *taskInput) (*taskOutput, error) {
	return func(ctx context.Context, in *taskInput) (*taskOutput, error) {
		if err := change(a.cfg.Tasks, ctx, service(ctx), ebb.MessageID(in.ID)); err != nil {
			return nil, a.problem(ctx, err)
		}
		return a.task(ctx, in)
	}
}

func writeTask(t *ebb.Task) Task {
	out := Task{
		ID: string(t.ID), Request: string(t.Request), Function: t.Name, Qualifier: t.Qualifier, State: string(t.State),
		Accepted: t.EnqueuedAt, Ended: someTime(t.EndedAt), Next: someTime(t.NextAt), Reason: t.Reason,
		Attempts: make([]Attempt, len(t.Attempts)),
	}
	for i, at := range t.Attempts {
		out.Attempts[i] = Attempt{
			At: at.At, Duration: at.Duration.Seconds(), Version: at.Version, Outcome: at.Outcome, Error: at.Error, Message: at.Message,
		}
	}
	return out
}

// someTime is a time that may be none.
func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
