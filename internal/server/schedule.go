package server

import (
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// callScheduler does an operation of EventBridge Scheduler on timers, for a task
// of a workflow.
func (n *node) callScheduler(ctx context.Context, c workflow.Call, operation string) (json.RawMessage, bool, error) {
	do := map[string]func(context.Context, ebb.ServiceID, *timer.Schedule) (any, error){
		"CreateSchedule": n.createSchedule, "UpdateSchedule": n.updateSchedule, "DeleteSchedule": n.deleteSchedule,
		"GetSchedule": n.getSchedule,
	}[operation]
	if do == nil {
		return nil, false, nil
	}
	s, err := timer.ReadSchedule(c.Parameters)
	if err != nil {
		return nil, true, err
	}
	if err := n.permitWorkflow(ctx, c.Service, c.Role, "scheduler:"+operation, n.scheduleARN(c.Service, s.Name)); err != nil {
		return nil, true, err
	}
	out, err := do(ctx, c.Service, s)
	if err != nil {
		return nil, true, err
	}
	answer, err := json.Marshal(out)
	return answer, true, err
}

func (n *node) scheduleARN(service ebb.ServiceID, name string) string {
	return "arn:aws:scheduler:" + n.cfg.Region + ":" + string(service) + ":schedule/default/" + name
}

func (n *node) createSchedule(ctx context.Context, service ebb.ServiceID, s *timer.Schedule) (any, error) {
	t, err := s.Trigger(service)
	if err == nil {
		_, err = n.triggers.Create(ctx, t)
	}
	return map[string]string{"ScheduleArn": n.scheduleARN(service, s.Name)}, err
}

func (n *node) updateSchedule(ctx context.Context, service ebb.ServiceID, s *timer.Schedule) (any, error) {
	t, err := s.Trigger(service)
	if err == nil {
		_, err = n.triggers.Update(ctx, t, 0)
	}
	return map[string]string{"ScheduleArn": n.scheduleARN(service, s.Name)}, err
}

func (n *node) deleteSchedule(ctx context.Context, service ebb.ServiceID, s *timer.Schedule) (any, error) {
	t, err := n.timerOf(ctx, service, s.Name)
	if err == nil {
		err = n.triggers.Delete(ctx, t.TriggerKey)
	}
	return struct{}{}, err
}

func (n *node) getSchedule(ctx context.Context, service ebb.ServiceID, s *timer.Schedule) (any, error) {
	t, err := n.timerOf(ctx, service, s.Name)
	if err != nil {
		return nil, err
	}
	return timer.ScheduleOf(t)
}

// timerOf finds a trigger that is a timer.
func (n *node) timerOf(ctx context.Context, service ebb.ServiceID, name string) (*ebb.Trigger, error) {
	t, err := n.triggers.Get(ctx, ebb.TriggerKey{Service: service, Name: name})
	if ebb.KindOf(err) == ebb.NotFound || err == nil && t.Kind != ebb.TriggerTimer {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Schedule %s does not exist.", name)
	}
	return t, err
}
