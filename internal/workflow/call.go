package workflow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// call is one call of a task's resource.
type call struct {
	*asl.Task
	engine    *Engine
	execution *ebb.Execution
	machine   *machine
	began     time.Time
	scheduled time.Time
	express   bool    // nothing outlasts this call: no tokens, no waiting for others
	times     []int64 // when the events were, in milliseconds

	exchange *Exchange // to be filled in by an HTTP task that is tried; nil otherwise
}

// outcome is what a call came to.
type outcome struct {
	output *asl.Value
	fail   *failure
	// handed says that the call was accepted and its end will be told by another
	// way: a token, a child that ends.
	handed bool
	err    error // nothing is known: the message comes again
}

// showStart is how long a call may take before its start is told on its own.
const showStart = time.Second

// attend makes a call and waits for it, no longer than the task may take. It
// returns the events that are left to tell.
func (e *Engine) attend(ctx context.Context, c *call) ([]asl.Event, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.running.add(c.execution.ID, c.Op, cancel)
	defer e.running.remove(c.execution.ID, c.Op)
	done := make(chan outcome, 1)
	e.background.Add(1)
	go func() {
		defer e.background.Done()
		done <- e.call(ctx, c)
	}()
	var late <-chan time.Time
	if c.Timeout > 0 && asl.ParseResource(c.Resource).Pattern == "" {
		t := time.NewTimer(time.Until(c.scheduled.Add(seconds(c.Timeout))))
		defer t.Stop()
		late = t.C
	}
	shown := time.NewTimer(showStart)
	defer shown.Stop()
	started := asl.Event{Kind: asl.TaskStarted, Op: c.Op}
	told := false
	for {
		select {
		case o := <-done:
			if o.err != nil {
				return nil, o.err
			}
			c.times = []int64{c.began.UnixMilli(), e.now().UnixMilli()}
			events := []asl.Event{started, o.event(c.Op)}
			if told {
				c.times = c.times[1:] // the first was told before
				return events[1:], nil
			}
			return events, nil
		case <-late:
			c.times = []int64{c.began.UnixMilli(), e.now().UnixMilli()}
			return []asl.Event{started, {Kind: asl.TaskTimedOut, Op: c.Op}}, nil
		case <-shown.C:
			if err := e.deliver(ctx, c.execution.ID, &arrival{events: []asl.Event{started}, at: []int64{c.began.UnixMilli()}, ask: wanted(c.Op)}); err != nil {
				return nil, err
			}
			told = true
		case <-ctx.Done():
			return nil, errors.Join(errUnwanted, context.Cause(ctx))
		}
	}
}

func (o *outcome) event(op int64) asl.Event {
	switch {
	case o.handed:
		return asl.Event{Kind: asl.TaskSubmitted, Op: op, Output: o.output}
	case o.fail != nil:
		ev := asl.Event{Kind: asl.TaskFailed, Op: op, Error: &o.fail.name}
		if !o.fail.noCause {
			ev.Cause = &o.fail.cause
		}
		return ev
	}
	return asl.Event{Kind: asl.TaskSucceeded, Op: op, Output: o.output}
}

// call makes the call that the task's resource names.
func (e *Engine) call(ctx context.Context, c *call) outcome {
	r := asl.ParseResource(c.Resource)
	if c.express && r.Pattern != "" {
		return failed(failuref(asl.ErrRuntime, "Express workflows do not support %s: %s", r.Pattern, c.Resource))
	}
	if fail := e.assume(ctx, c); fail != nil {
		return failed(fail)
	}
	var o outcome
	switch {
	case r.Kind == "lambda":
		return e.callFunction(ctx, c)
	case r.Type == "lambda" && (r.API == "invoke" || r.API == "invoke.waitForTaskToken"):
		o = e.callInvoke(ctx, c)
	case r.Type == "states" && (r.Pattern == "sync" || r.Pattern == "sync:2"):
		return e.callExecution(ctx, c, r)
	case r.Type == "states":
		o = e.callExecution(ctx, c, r)
	case r.Type == "http":
		return e.callHTTP(ctx, c)
	case r.Type == "events" && (r.API == "putEvents" || r.API == "putEvents.waitForTaskToken"):
		o = e.callEvents(ctx, c)
	default:
		o = e.callService(ctx, c, r)
	}
	if r.Pattern == "waitForTaskToken" && o.fail == nil && o.err == nil {
		o.handed = true
	}
	return o
}

func failed(f *failure) outcome { return outcome{fail: f} }

func succeeded(v any) outcome { return outcome{output: &asl.Value{V: v}} }

// role is what the call is made with: the RoleArn of the task's Credentials, or
// the role of the state machine.
func (c *call) role() string {
	if c.Credentials != nil {
		if o := document(*c.Credentials); o != nil {
			if arn, ok := o.Get("RoleArn"); ok {
				role, _ := arn.(string)
				return role
			}
		}
	}
	return c.machine.revision.Role
}

// assume asks whether the state machine's role may take on the one that the
// task's Credentials name, which is one of the same service.
func (e *Engine) assume(ctx context.Context, c *call) *failure {
	role, own := c.role(), c.machine.revision.Role
	if role == own {
		return nil
	}
	p := strings.SplitN(role, ":", 6)
	if len(p) != 6 || p[2] != "iam" || p[4] != string(c.execution.Service) || !strings.HasPrefix(p[5], "role/") {
		return failuref(asl.ErrPermissions, "Credentials: RoleArn: %q is not the ARN of a role of this service", role)
	}
	if e.deps.Permit != nil && e.deps.Permit(ctx, c.execution.Service, own, "sts:AssumeRole", role) != nil {
		return failuref(asl.ErrPermissions, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", own, role)
	}
	return nil
}
