package server

import (
	"context"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// assembleTriggers makes the event sources. What they stand on (the queue,
// delivery) is asked for when they run.
func (n *node) assembleTriggers() {
	n.assembleBus()
	n.timers = timer.New(timer.Deps{
		Store: n.store, Log: n.log, Region: n.cfg.Region,
		Enqueue: func(tx *store.Tx, e queue.Enqueue) (ebb.MessageID, error) { return n.queue.Enqueue(tx, e) },
		Remove:  func(tx *store.Tx, key ebb.MessageKey) error { return n.queue.Remove(tx, key) },
		Send:    n.sendEvent, Running: n.eventRuns,
		Refused: n.bus.Refused,
		Count:   func(t ebb.TriggerRef, c ebb.TriggerCounts) { n.triggers.Count(t, c) },
		Late:    n.metrics.TimerLate,
		Stop: func(tx *store.Tx, t *ebb.Trigger, id ebb.MessageID, reason string) error {
			return n.deliver.Withdraw(tx, t.Service, t.Target, id, reason)
		},
	})
	n.assembleObjects()
	n.triggers = trigger.New(n.cfg.Triggers, trigger.Deps{
		Store: n.store, Log: n.log, Metrics: n.metrics, Tell: n.bus.Tell, Tidy: n.bus.Tidy, CheckTarget: n.checkEventTarget, Send: n.sendEvent, Changed: n.triggerChanged,
	}, map[ebb.TriggerKind]trigger.Kind{
		ebb.TriggerDirectory: n.newDirectories(),
		ebb.TriggerTimer:     n.timers,
		ebb.TriggerEvent:     n.bus,
		ebb.TriggerHTTP:      n.routes(),
		ebb.TriggerKafka:     n.newKafka(),
		ebb.TriggerObject:    n.bucketed,
	})
}

// checkEventTarget refuses a target that events of a service cannot go to.
func (n *node) checkEventTarget(ctx context.Context, service ebb.ServiceID, target string) error {
	t, err := ebb.ParseTarget(target)
	if err != nil {
		return err
	}
	if err := n.deliver.Check(ebb.FunctionKey{Service: service}, t); err != nil {
		return err
	}
	if t.Kind != ebb.TargetFunction {
		return nil
	}
	_, err = n.invoker.Resolve(ctx, ebb.FunctionKey{Service: service, Name: t.Function.Name}, t.Function.Qualifier)
	return err
}

// sendEvent prepares the delivery of an event of a trigger.
func (n *node) sendEvent(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
	return n.sendEventFrom(ctx, t, id, event, deliver.Origin{})
}

// sendEventFrom is sendEvent for an event that says where it comes from. What
// every trigger may do to an event before its target gets it is done here.
func (n *node) sendEventFrom(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte, from deliver.Origin) (func(*store.Tx) error, error) {
	input, err := trigger.Input(t, n.cfg.Region, time.Now(), event)
	if err != nil {
		return nil, err
	}
	from.Trigger, from.Name, from.Kind = t.ID, t.Name, t.Kind
	return n.deliver.Event(ctx, t.Service, t.Target, id, input, &deliver.Policy{
		MaxRetries: t.MaxRetries, MaxAge: time.Duration(t.MaxAgeS) * time.Second, OnFailure: t.OnFailure, Origin: &from,
	})
}

// eventRuns reports whether what became of an event of a trigger is not over.
func (n *node) eventRuns(ctx context.Context, t *ebb.Trigger, id ebb.MessageID) (bool, error) {
	waits, err := n.deliver.Waits(ctx, t.Service, t.Target, id)
	if err != nil || waits {
		return waits, err
	}
	target, err := ebb.ParseTarget(t.Target)
	if err != nil || target.Kind != ebb.TargetWorkflow {
		return false, err
	}
	x, err := n.workflow.Execution(ctx, executionARN(target.Machine, workflowName(id)))
	if err != nil {
		if ebb.KindOf(err) == ebb.NotFound {
			err = nil
		}
		return false, err
	}
	return x.Status == ebb.ExecutionRunning, nil
}

// executionARN names an execution of a state machine, whose ARN may end in a
// version or an alias.
func executionARN(machine, name string) string {
	p := strings.Split(machine, ":")
	return strings.Join(append(p[:5:5], "execution", p[6], name), ":")
}

// workflows are the target kind that starts executions.
type workflows struct{ engine *workflow.Engine }

// Check implements deliver.Target: whether the state machine is there is asked
// when an event comes.
func (w workflows) Check(ebb.Target) error { return nil }

// Deliver implements deliver.Target. The execution is named after the event, so
// that an event that comes twice starts one.
func (w workflows) Deliver(ctx context.Context, t ebb.Target, d *deliver.Delivery) error {
	input := string(d.Content)
	_, _, err := w.engine.Start(ctx, workflow.Start{StateMachine: t.Machine, Name: workflowName(ebb.MessageID(d.Request)), Input: &input, TraceHeader: d.Trace})
	return err
}

// Close implements deliver.Target.
func (w workflows) Close() error { return nil }

// workflowName is the name of the execution that an event starts: its id, as far
// as a name may be long. What tells ids apart stands at their ends.
func workflowName(id ebb.MessageID) string {
	const longest = 80
	return string(id[max(0, len(id)-longest):])
}
