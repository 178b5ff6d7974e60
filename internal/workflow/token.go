package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// SendSuccess ends the task that a token is for.
func (e *Engine) SendSuccess(ctx context.Context, service ebb.ServiceID, token, output string) error {
	v, err := asl.ParseValue([]byte(output))
	if err != nil {
		return invalid(TypeInvalidOutput, "Invalid Output: '%s'", jsonFault(output, err))
	}
	return e.send(ctx, service, token, asl.Event{Kind: asl.TaskSucceeded, Output: &v})
}

// SendFailure fails the task that a token is for.
func (e *Engine) SendFailure(ctx context.Context, service ebb.ServiceID, token string, name, cause *string) error {
	return e.send(ctx, service, token, asl.Event{Kind: asl.TaskFailed, Error: name, Cause: cause})
}

// SendHeartbeat says that the task that a token is for goes on.
func (e *Engine) SendHeartbeat(ctx context.Context, service ebb.ServiceID, token string) error {
	t, err := e.taskOf(ctx, service, token)
	if err != nil {
		return err
	}
	err = e.store.Tx(ctx, func(tx *store.Tx) error { return tx.BeatExecutionTask(t.Execution, t.Op, e.now()) })
	return found(err, errTimedOut())
}

func (e *Engine) send(ctx context.Context, service ebb.ServiceID, token string, event asl.Event) error {
	t, err := e.taskOf(ctx, service, token)
	if err != nil {
		return err
	}
	event.Op = t.Op
	err = e.deliver(ctx, t.Execution, &arrival{
		events: []asl.Event{event}, ask: wanted(t.Op),
		also: func(tx *store.Tx) error { return tx.DeleteExecutionTask(t.Execution, t.Op) },
	})
	if errors.Is(err, errUnwanted) {
		return errTimedOut()
	}
	return err
}

// taskOf finds the task that a token is for.
func (e *Engine) taskOf(ctx context.Context, service ebb.ServiceID, token string) (t *ebb.ExecutionTask, err error) {
	bad := invalid(TypeInvalidToken, "Invalid Token: 'Invalid token'")
	arn, op, err := asl.ParseToken(token)
	if err != nil {
		return nil, bad
	}
	a, ok := ebb.ParseStatesARN(arn)
	if !ok || a.Service != service {
		return nil, bad
	}
	err = e.store.Read(ctx, func(tx *store.Tx) error {
		x, err := tx.ExecutionByName(a.Service, a.Name, a.Rest)
		if err != nil {
			return found(err, ebb.Errorf(ebb.NotFound, TypeTaskDoesNotExist, "Task Does Not Exist: 'Provided task does not exist'"))
		}
		t, err = tx.ExecutionTask(x.ID, op)
		return found(err, errTimedOut())
	})
	if err == nil && t.Token != token {
		return nil, bad
	}
	return t, err
}

func errTimedOut() error {
	return ebb.Errorf(ebb.Invalid, TypeTaskTimedOut, "Task Timed Out: 'Provided task does not exist anymore'")
}

// Polls of activities: how long one waits at most, and how often it looks for
// what other processes scheduled.
const (
	pollFor   = 60 * time.Second
	pollEvery = time.Second
)

// ActivityTask waits for a task of an activity, up to a minute, and gives it to
// a worker. token is "" when there was none.
func (e *Engine) ActivityTask(ctx context.Context, service ebb.ServiceID, name, worker string) (token, input string, err error) {
	if _, err := e.Activity(ctx, service, name); err != nil {
		return "", "", err
	}
	until := time.NewTimer(pollFor)
	defer until.Stop()
	for {
		wake := e.waiters.wait(activityKey(service, name))
		var t *ebb.ExecutionTask
		err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			t, err = tx.WaitingTask(service, name)
			return err
		})
		if err == nil {
			switch err = e.giveTask(ctx, t, worker); {
			case err == nil:
				return t.Token, t.Input, nil
			case errors.Is(err, store.ErrChanged), errors.Is(err, errUnwanted):
				continue
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", "", err
		}
		look := time.NewTimer(pollEvery)
		select {
		case <-wake:
		case <-look.C:
		case <-until.C:
			look.Stop()
			return "", "", nil
		case <-ctx.Done():
			look.Stop()
			return "", "", nil // nobody is there to take a task
		}
		look.Stop()
	}
}

// giveTask gives a task to a worker and tells the execution.
func (e *Engine) giveTask(ctx context.Context, t *ebb.ExecutionTask, worker string) error {
	now := e.now()
	taken := false
	a := &arrival{
		events: []asl.Event{{Kind: asl.TaskStarted, Op: t.Op, Worker: worker}}, ask: wanted(t.Op),
		also: func(tx *store.Tx) error {
			taken = false
			err := tx.TakeExecutionTask(t.Execution, t.Op, worker, now)
			if errors.Is(err, store.ErrChanged) {
				return errTaken
			}
			if err != nil || t.HeartbeatS == 0 {
				taken = err == nil
				return err
			}
			taken = true
			return e.enqueue(tx, t.Service, queueTimer, now.Add(seconds(t.HeartbeatS)), work{Kind: workHeartbeat, Execution: t.Execution, Op: t.Op})
		},
	}
	err := e.deliver(ctx, t.Execution, a)
	switch {
	case errors.Is(err, errTaken):
		return store.ErrChanged
	case errors.Is(err, errUnwanted):
		// It is of an execution that went on without it.
		if err := e.store.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteExecutionTask(t.Execution, t.Op) }); err != nil {
			return err
		}
		return errUnwanted
	case err == nil && !taken:
		return store.ErrChanged
	}
	return err
}

var errTaken = errors.New("workflow: another worker has the task")
