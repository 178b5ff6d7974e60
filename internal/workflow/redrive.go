package workflow

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// redriveWithin is how long after its end an execution can be redriven, and
// openWithin how long after its start.
const (
	redriveWithin = 14 * 24 * time.Hour
	openWithin    = 365 * 24 * time.Hour
)

const notRedrivable = "NOT_REDRIVABLE"

// Redrivable says whether an execution can be redriven, and if not why, as far as
// the execution itself tells.
func Redrivable(x *ebb.Execution, now time.Time) (status, reason string) {
	switch {
	case x.Status == ebb.ExecutionRunning, x.Status == ebb.ExecutionSucceeded, x.Status == ebb.ExecutionPendingRedrive:
		return notRedrivable, "Execution is " + x.Status + " and cannot be redriven"
	case now.Sub(x.StartedAt) > openWithin:
		return notRedrivable, "Execution has exceeded the max execution time"
	case now.Sub(x.StoppedAt) > redriveWithin:
		return notRedrivable, "Execution redrivable period exceeded"
	case x.MapRun != "":
		return "REDRIVABLE_BY_MAP_RUN", ""
	}
	return "REDRIVABLE", ""
}

// RedriveStatus is Redrivable, which also looks at the state machine.
func (e *Engine) RedriveStatus(ctx context.Context, x *ebb.Execution) (status, reason string, err error) {
	if status, reason = Redrivable(x, e.cfg.Now()); status == notRedrivable {
		return status, reason, nil
	}
	name, _, _ := strings.Cut(x.Machine, "/")
	m, err := e.StateMachine(ctx, ebb.StateMachineKey{Service: x.Service, Name: name})
	own, known := errors.AsType[*ebb.Error](err)
	switch {
	case err == nil && m.Deleting, known && own.Type == TypeStateMachineDoesNotExist:
		return notRedrivable, "State machine is in DELETING status", nil
	}
	return status, reason, err
}

// Redrive has an execution that did not succeed go on from where it stood. The
// same client token again answers the redrive that it made.
func (e *Engine) Redrive(ctx context.Context, arn, token string) (time.Time, error) {
	x, err := e.Execution(ctx, arn)
	if err != nil {
		return time.Time{}, err
	}
	if token != "" && x.Settings.RedriveKey == token {
		return x.RedrivenAt, nil
	}
	status, reason, err := e.RedriveStatus(ctx, x)
	switch {
	case err != nil:
		return time.Time{}, err
	case status == notRedrivable:
		return time.Time{}, errNotRedrivable(reason)
	case x.MapRun != "":
		return time.Time{}, errNotRedrivable("Execution is a child of a map run and can only be redriven by it")
	}
	if err := e.redrive(ctx, x.ID, token); err != nil {
		return time.Time{}, err
	}
	x, err = e.Execution(ctx, arn)
	if err != nil {
		return time.Time{}, err
	}
	return x.RedrivenAt, nil
}

func (e *Engine) redrive(ctx context.Context, id ebb.ExecutionID, token string) error {
	a := &arrival{
		token:  token,
		events: []asl.Event{{Kind: asl.Redriven}},
		ask: func(s *asl.State, x *ebb.Execution) error {
			if status, reason := Redrivable(x, e.cfg.Now()); status == notRedrivable {
				return errNotRedrivable(reason)
			}
			if s.LastEvent >= asl.MaxHistory-1 {
				return errNotRedrivable("Execution history event limit exceeded")
			}
			return nil
		},
	}
	return e.deliver(ctx, id, a)
}

func errNotRedrivable(reason string) error {
	return ebb.Errorf(ebb.Conflict, TypeExecutionNotRedrivable, "%s", reason)
}

// epoch is a time as AWS SDK integrations give it: milliseconds.
func epoch(t time.Time) jsonata.Number { return number(t.UnixMilli()) }
