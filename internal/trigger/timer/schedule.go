package timer

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Schedule is a timer in the words of EventBridge Scheduler, for tasks of
// workflows that make one.
type Schedule struct {
	Name                       string
	GroupName                  string     `json:",omitempty"`
	ScheduleExpression         string     `json:",omitempty"`
	ScheduleExpressionTimezone string     `json:",omitempty"`
	StartDate                  *time.Time `json:",omitempty"`
	EndDate                    *time.Time `json:",omitempty"`
	Description                string     `json:",omitempty"`
	State                      string     `json:",omitempty"`
	FlexibleTimeWindow         struct {
		Mode                   string `json:",omitempty"`
		MaximumWindowInMinutes int    `json:",omitempty"`
	}
	Target struct {
		Arn         string
		RoleArn     string `json:",omitempty"`
		Input       string `json:",omitempty"`
		RetryPolicy struct {
			MaximumEventAgeInSeconds int  `json:",omitempty"`
			MaximumRetryAttempts     *int `json:",omitempty"`
		}
		DeadLetterConfig struct {
			Arn string `json:",omitempty"`
		}
	}
	ActionAfterCompletion string `json:",omitempty"`
	ClientToken           string `json:",omitempty"`
}

// Words of a Schedule, and the only group there is.
const (
	stateDisabled  = "DISABLED"
	stateEnabled   = "ENABLED"
	windowFlexible = "FLEXIBLE"
	windowOff      = "OFF"
	actionDelete   = "DELETE"
	actionNone     = "NONE"
	defaultGroup   = "default"
)

// ReadSchedule reads the parameters of an operation on a schedule.
func ReadSchedule(parameters []byte) (*Schedule, error) {
	var s Schedule
	d := json.NewDecoder(bytes.NewReader(parameters))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if s.GroupName != "" && s.GroupName != defaultGroup {
		return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Schedule group %s does not exist.", s.GroupName)
	}
	return &s, nil
}

// Trigger is the timer that s describes.
func (s *Schedule) Trigger(service ebb.ServiceID) (ebb.Trigger, error) {
	t := ebb.Trigger{
		TriggerKey: ebb.TriggerKey{Service: service, Name: s.Name}, Kind: ebb.TriggerTimer, Description: s.Description,
		Target: s.Target.Arn, Paused: s.State == stateDisabled,
		MaxRetries: s.Target.RetryPolicy.MaximumRetryAttempts, MaxAgeS: s.Target.RetryPolicy.MaximumEventAgeInSeconds, OnFailure: s.Target.DeadLetterConfig.Arn,
	}
	settings := Settings{
		Schedule: s.ScheduleExpression, Timezone: s.ScheduleExpressionTimezone, Start: s.StartDate, End: s.EndDate,
		DeleteAfter: s.ActionAfterCompletion == actionDelete,
	}
	if s.FlexibleTimeWindow.Mode == windowFlexible {
		settings.Jitter = s.FlexibleTimeWindow.MaximumWindowInMinutes * 60
	}
	if input := s.Target.Input; input != "" {
		settings.Input = json.RawMessage(input)
		if !json.Valid(settings.Input) {
			settings.Input, _ = json.Marshal(input)
		}
	}
	var err error
	t.Settings, err = json.Marshal(settings)
	return t, err
}

// ScheduleOf describes a timer. What only ebb's timers have is left out.
func ScheduleOf(t *ebb.Trigger) (*Schedule, error) {
	var settings Settings
	if err := json.Unmarshal(t.Settings, &settings); err != nil {
		return nil, err
	}
	s := &Schedule{
		Name: t.Name, GroupName: defaultGroup, Description: t.Description, State: stateEnabled, ActionAfterCompletion: actionNone,
		ScheduleExpression: settings.Schedule, ScheduleExpressionTimezone: settings.Timezone, StartDate: settings.Start, EndDate: settings.End,
	}
	s.FlexibleTimeWindow.Mode = windowOff
	if settings.Jitter > 0 {
		s.FlexibleTimeWindow.Mode, s.FlexibleTimeWindow.MaximumWindowInMinutes = windowFlexible, (settings.Jitter+59)/60
	}
	if t.Paused {
		s.State = stateDisabled
	}
	if settings.DeleteAfter {
		s.ActionAfterCompletion = actionDelete
	}
	s.Target.Arn, s.Target.Input = t.Target, string(settings.Input)
	s.Target.RetryPolicy.MaximumRetryAttempts, s.Target.RetryPolicy.MaximumEventAgeInSeconds = t.MaxRetries, t.MaxAgeS
	s.Target.DeadLetterConfig.Arn = t.OnFailure
	return s, nil
}
