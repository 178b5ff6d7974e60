package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/directory"
)

// newDirectories makes the triggers of folders.
func (n *node) newDirectories() *directory.Kind {
	return directory.New(directory.Deps{
		Store: n.store, Log: n.log, Region: n.cfg.Region, Allowed: n.cfg.Directories, Send: n.sendEvent, Outcome: n.eventOutcome,
		Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { n.triggers.Count(t, c) },
	})
}

// eventOutcome is how what became of an event of a trigger went.
func (n *node) eventOutcome(ctx context.Context, t *ebb.Trigger, id ebb.MessageID) (directory.Outcome, error) {
	target, err := ebb.ParseTarget(t.Target)
	if err != nil {
		return directory.Forgotten, err
	}
	switch target.Kind {
	case ebb.TargetFunction:
		task, err := n.deliver.Task(ctx, t.Service, id)
		switch {
		case ebb.KindOf(err) == ebb.NotFound:
			return directory.Forgotten, nil
		case err != nil:
			return directory.Waiting, err
		case task.State == ebb.TaskSucceeded:
			return directory.Succeeded, nil
		case task.State == ebb.TaskFailed || task.State == ebb.TaskStopped:
			return directory.Failed, nil
		}
		return directory.Waiting, nil
	case ebb.TargetWorkflow:
		if runs, err := n.eventRuns(ctx, t, id); err != nil || runs {
			return directory.Waiting, err
		}
		x, err := n.workflow.Execution(ctx, executionARN(target.Machine, workflowName(id)))
		switch {
		case ebb.KindOf(err) == ebb.NotFound:
			return directory.Forgotten, nil
		case err != nil:
			return directory.Waiting, err
		case x.Status == ebb.ExecutionSucceeded:
			return directory.Succeeded, nil
		}
		return directory.Failed, nil
	}
	waits, err := n.deliver.Waits(ctx, t.Service, t.Target, id)
	if err != nil || waits {
		return directory.Waiting, err
	}
	return directory.Succeeded, nil
}

// validateDirectories checks the folders that triggers may look at.
func validateDirectories(offers []ebb.DirectoryOffer) error {
	var errs []error
	for i := range offers {
		if err := offers[i].Validate(); err != nil {
			errs = append(errs, fmt.Errorf("directories[%d].%w", i, err))
		}
	}
	return errors.Join(errs...)
}
