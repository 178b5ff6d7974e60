package workflow

import (
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// redriveWithin is how long after its end an execution can be redriven.
const redriveWithin = 14 * 24 * time.Hour

// Redrivable says whether an execution can be redriven, and if not why.
func Redrivable(x *ebb.Execution, now time.Time) (status, reason string) {
	const no = "NOT_REDRIVABLE"
	switch {
	case x.Status == ebb.ExecutionRunning, x.Status == ebb.ExecutionSucceeded, x.Status == ebb.ExecutionPendingRedrive:
		return no, "Execution is " + x.Status + " and cannot be redriven"
	case x.MapRun != "":
		return "REDRIVABLE_BY_MAP_RUN", ""
	case now.Sub(x.StoppedAt) > redriveWithin:
		return no, "Execution has exceeded the redrivable period of 14 days"
	}
	return "REDRIVABLE", ""
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
	if x.MapRun != "" {
		return time.Time{}, notRedrivable("Execution is a child of a map run and can only be redriven by it")
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
			if status, reason := Redrivable(x, e.cfg.Now()); status == "NOT_REDRIVABLE" {
				return notRedrivable(reason)
			}
			if s.LastEvent >= asl.MaxHistory-1 {
				return notRedrivable("Execution has reached the maximum number of history events")
			}
			return nil
		},
	}
	return e.deliver(ctx, id, a)
}

func notRedrivable(reason string) error {
	return ebb.Errorf(ebb.Conflict, TypeExecutionNotRedrivable, "%s", reason)
}

// epoch is a time as AWS SDK integrations give it: milliseconds.
func epoch(t time.Time) jsonata.Number { return number(t.UnixMilli()) }
