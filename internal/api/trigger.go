package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// TriggerSettings are what a user says of a trigger. Exactly one of the kinds is
// given.
type TriggerSettings struct {
	Target      string            `json:"target" maxLength:"2048" doc:"a function's name, with :ALIAS or :VERSION, or the ARN of a function or a state machine" example:"report:prod"`
	Description string            `json:"description,omitempty" maxLength:"256"`
	Paused      bool              `json:"paused,omitempty"`
	Filters     []json.RawMessage `json:"filters,omitempty" maxItems:"10" doc:"event patterns; an event must match one"`
	MaxRetries  *int              `json:"maxRetries,omitempty" doc:"of a delivery that failed; the function's own if left out"`
	MaxAge      int               `json:"maxAge,omitempty" doc:"seconds after which a delivery is not tried again; 0 = the function's own"`
	OnFailure   string            `json:"onFailure,omitempty" maxLength:"2048" doc:"ARN of a destination for what was given up"`

	InputPath        string                `json:"inputPath,omitempty" maxLength:"256" doc:"JSON path of the part of the event that the target gets" example:"$.detail"`
	Input            json.RawMessage       `json:"input,omitempty" doc:"JSON that the target gets in place of the event"`
	InputTransformer *ebb.InputTransformer `json:"inputTransformer,omitempty" doc:"what the target gets, made of parts of the event"`

	Timer     json.RawMessage `json:"timer,omitempty" doc:"by the clock: schedule, timezone, calendar, misfire, overlap and more"`
	Kafka     json.RawMessage `json:"kafka,omitempty" doc:"topics of a Kafka cluster"`
	Object    json.RawMessage `json:"object,omitempty" doc:"objects of a bucket"`
	Directory json.RawMessage `json:"directory,omitempty" doc:"files of a folder on the host"`
	Event     json.RawMessage `json:"event,omitempty" doc:"events of the event bus"`
	HTTP      json.RawMessage `json:"http,omitempty" doc:"requests of a route"`
}

// sources are the settings by kind.
func (s *TriggerSettings) sources() map[ebb.TriggerKind]*json.RawMessage {
	return map[ebb.TriggerKind]*json.RawMessage{
		ebb.TriggerTimer: &s.Timer, ebb.TriggerKafka: &s.Kafka, ebb.TriggerObject: &s.Object,
		ebb.TriggerDirectory: &s.Directory, ebb.TriggerEvent: &s.Event, ebb.TriggerHTTP: &s.HTTP,
	}
}

// Trigger is a trigger and what it has done.
type Trigger struct {
	Name string `json:"name"`
	Kind string `json:"kind" enum:"timer,kafka,object,directory,event,http"`
	TriggerSettings
	Revision  int64        `json:"revision" doc:"counts changes"`
	CreatedAt time.Time    `json:"createdAt"`
	Modified  time.Time    `json:"modified"`
	State     TriggerState `json:"state"`
}

// TriggerState is what a trigger has done.
type TriggerState struct {
	Status   string        `json:"status" enum:"active,paused,failing" doc:"failing: its source is down, or its last delivery failed"`
	Since    *time.Time    `json:"since,omitempty" doc:"since when it is failing"`
	NextAt   *time.Time    `json:"nextAt,omitempty" doc:"when it is due next"`
	LastAt   *time.Time    `json:"lastAt,omitempty" doc:"when it last had an event"`
	LastTask string        `json:"lastTask,omitempty" doc:"the task that its last event became"`
	Outcome  string        `json:"outcome,omitempty" doc:"of its last event"`
	Error    string        `json:"error,omitempty" doc:"why its source is down, or its last event was not delivered"`
	Fired    int64         `json:"fired" doc:"events handed over for delivery"`
	Skipped  int64         `json:"skipped" doc:"events not delivered by a rule"`
	Failed   int64         `json:"failed" doc:"events given up"`
	Result   string        `json:"result,omitempty" doc:"why its last delivery failed; empty = it went well, or there was none"`
	ResultAt *time.Time    `json:"resultAt,omitempty" doc:"when its last delivery was over"`
	Counts   TriggerCounts `json:"counts"`
	Position string        `json:"position,omitempty" doc:"how far its source was read"`
	Lag      *int64        `json:"lag,omitempty" doc:"events of its source that wait; of a source that is read on from a place"`
	Parts    []Position    `json:"positions,omitempty" doc:"how far each part of its source was read"`
}

// TriggerCounts is what became of a trigger's events, a second ago.
type TriggerCounts struct {
	Taken     int64 `json:"taken" doc:"came from the source"`
	Filtered  int64 `json:"filtered" doc:"not asked for by the filters"`
	Delivered int64 `json:"delivered" doc:"the target took them"`
	Retried   int64 `json:"retried" doc:"attempts that failed and are made again"`
	Failed    int64 `json:"failed" doc:"the target is not there, or refused them"`
	Dead      int64 `json:"dead" doc:"given up after their attempts"`
}

// Triggers is the answer of GET /v1/triggers.
type Triggers struct {
	Triggers []Trigger `json:"triggers" nullable:"false" doc:"by name"`
	Next     string    `json:"next,omitempty" doc:"marker of the next page"`
}

// Fire is one time at which a timer was due.
type Fire struct {
	Due     time.Time `json:"due"`
	At      time.Time `json:"at" doc:"when it was handled"`
	Outcome string    `json:"outcome" enum:"fired,missed,overlap,refused"`
	Task    string    `json:"task,omitempty"`
}

// Fires is the answer of GET /v1/triggers/{name}/fires.
type Fires struct {
	Fires []Fire `json:"fires" nullable:"false" doc:"the latest first"`
}

type (
	TriggerPath struct {
		Name string `path:"name" maxLength:"64"`
	}
	listTriggersInput struct {
		listInput
		Kind   string `query:"kind" maxLength:"16" doc:"only of this kind"`
		Target string `query:"target" maxLength:"2048" doc:"only with this target: a function's name or an ARN"`
	}
	createTriggerInput struct {
		Body struct {
			Name string `json:"name" maxLength:"64"`
			TriggerSettings
		}
	}
	updateTriggerInput struct {
		TriggerPath
		Revision int64 `query:"revision" minimum:"0" doc:"refuse unless the trigger still has this revision; 0 = any"`
		DryRun   bool  `query:"dryRun" doc:"check and complete the settings, but change nothing"`
		Body     TriggerSettings
	}
	testTriggerInput struct {
		TriggerPath
		Body struct {
			Event json.RawMessage `json:"event,omitempty" doc:"a sample of the kind if left out"`
		}
	}
	firesInput struct {
		TriggerPath
		Before time.Time `query:"before" doc:"due before; now if left out"`
		Limit  int       `query:"limit" minimum:"0" maximum:"1000"`
	}
	triggerOutput  struct{ Body Trigger }
	triggersOutput struct{ Body Triggers }
	firesOutput    struct{ Body Fires }
	taskIDOutput   struct {
		Body struct {
			Task string `json:"task" doc:"id of the task that the event became"`
		}
	}
)

func (a *API) registerTriggers(h huma.API) {
	one := Prefix + "triggers/{name}"
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListTriggers", Method: http.MethodGet, Path: Prefix + "triggers", Summary: "Triggers of the service and what they have done",
	}), a.listTriggers)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "CreateTrigger", Method: http.MethodPost, Path: Prefix + "triggers", Summary: "Make a trigger", DefaultStatus: http.StatusCreated,
	}), a.createTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetTrigger", Method: http.MethodGet, Path: one, Summary: "A trigger and what it has done",
	}), a.getTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "UpdateTrigger", Method: http.MethodPut, Path: one, Summary: "Replace all that a user says of a trigger; its kind stays",
	}), a.updateTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteTrigger", Method: http.MethodDelete, Path: one, Summary: "Delete a trigger; what it has handed over runs on",
	}), a.deleteTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "PauseTrigger", Method: http.MethodPost, Path: one + "/pause", Summary: "Stop taking events",
	}), a.pauseTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ResumeTrigger", Method: http.MethodPost, Path: one + "/resume", Summary: "Take events again",
	}), a.resumeTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "TestTrigger", Method: http.MethodPost, Path: one + "/test", Summary: "Deliver one event now, paused or not",
	}), a.testTrigger)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListFires", Method: http.MethodGet, Path: one + "/fires", Summary: "When a timer was due, and what became of it",
	}), a.listFires)
	a.registerSeek(h)
}

func (a *API) listTriggers(ctx context.Context, in *listTriggersInput) (*triggersOutput, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultTriggers
	}
	f := store.TriggerFilter{Service: service(ctx), Kind: ebb.TriggerKind(in.Kind)}
	if f.After = (ebb.TriggerKey{Service: f.Service, Name: in.Marker}); in.Marker == "" {
		f.After = ebb.TriggerKey{}
	}
	if in.Target != "" {
		var err error
		if f.Target, err = a.targetARN(f.Service, in.Target); err != nil {
			return nil, a.problem(ctx, err)
		}
	}
	ts, err := a.cfg.Triggers.List(ctx, f, limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Triggers{Triggers: []Trigger{}}
	if len(ts) > limit {
		ts = ts[:limit]
		answer.Next = ts[limit-1].Name
	}
	for _, t := range ts {
		shown, err := a.shownTrigger(ctx, t)
		if ebb.KindOf(err) == ebb.NotFound && err != nil {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		answer.Triggers = append(answer.Triggers, *shown)
	}
	return &triggersOutput{answer}, nil
}

// defaultTriggers is how many triggers one answer lists.
const defaultTriggers = 100

func (a *API) createTrigger(ctx context.Context, in *createTriggerInput) (*triggerOutput, error) {
	t, err := a.readTrigger(service(ctx), in.Body.Name, &in.Body.TriggerSettings)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	made, err := a.cfg.Triggers.Create(ctx, *t)
	return a.answerTrigger(ctx, "trigger created", made, err)
}

func (a *API) updateTrigger(ctx context.Context, in *updateTriggerInput) (*triggerOutput, error) {
	t, err := a.readTrigger(service(ctx), in.Name, &in.Body)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if in.DryRun {
		would, err := a.cfg.Triggers.Preview(ctx, *t, in.Revision)
		return a.answerTrigger(ctx, "", would, err)
	}
	changed, err := a.cfg.Triggers.Update(ctx, *t, in.Revision)
	return a.answerTrigger(ctx, "trigger changed", changed, err)
}

func (a *API) getTrigger(ctx context.Context, in *TriggerPath) (*triggerOutput, error) {
	t, err := a.cfg.Triggers.Get(ctx, triggerKey(ctx, in.Name))
	return a.answerTrigger(ctx, "", t, err)
}

func (a *API) pauseTrigger(ctx context.Context, in *TriggerPath) (*triggerOutput, error) {
	t, err := a.cfg.Triggers.Pause(ctx, triggerKey(ctx, in.Name))
	return a.answerTrigger(ctx, "trigger paused", t, err)
}

func (a *API) resumeTrigger(ctx context.Context, in *TriggerPath) (*triggerOutput, error) {
	t, err := a.cfg.Triggers.Resume(ctx, triggerKey(ctx, in.Name))
	return a.answerTrigger(ctx, "trigger resumed", t, err)
}

func (a *API) deleteTrigger(ctx context.Context, in *TriggerPath) (*struct{}, error) {
	if err := a.cfg.Triggers.Delete(ctx, triggerKey(ctx, in.Name)); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "trigger deleted", "trigger", in.Name)
	return nil, nil
}

func (a *API) testTrigger(ctx context.Context, in *testTriggerInput) (*taskIDOutput, error) {
	id, err := a.cfg.Triggers.Test(ctx, triggerKey(ctx, in.Name), in.Body.Event)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := new(taskIDOutput)
	out.Body.Task = string(id)
	return out, nil
}

func (a *API) listFires(ctx context.Context, in *firesInput) (*firesOutput, error) {
	t, err := a.cfg.Triggers.Get(ctx, triggerKey(ctx, in.Name))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	before, limit := in.Before, in.Limit
	if before.IsZero() {
		before = a.cfg.Now().Add(time.Millisecond)
	}
	if limit == 0 {
		limit = defaultTriggers
	}
	fs, err := a.cfg.Triggers.Fires(ctx, t, before, limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Fires{Fires: []Fire{}}
	for _, f := range fs {
		answer.Fires = append(answer.Fires, Fire{Due: f.Due, At: f.At, Outcome: f.Outcome, Task: string(f.Task)})
	}
	return &firesOutput{answer}, nil
}

func triggerKey(ctx context.Context, name string) ebb.TriggerKey {
	return ebb.TriggerKey{Service: service(ctx), Name: name}
}

// targetARN is the ARN of a target that may be a function's bare name.
func (a *API) targetARN(service ebb.ServiceID, target string) (string, error) {
	if strings.HasPrefix(target, "arn:") || strings.HasPrefix(target, "kafka:") || target == "" {
		return target, nil
	}
	ref, err := ebb.ParseFunctionRef(target)
	if err != nil {
		return "", err
	}
	return ebb.FunctionARN(a.cfg.Region, ebb.FunctionKey{Service: service, Name: ref.Name}, ref.Qualifier), nil
}

// readTrigger is a trigger as the user says it.
func (a *API) readTrigger(service ebb.ServiceID, name string, s *TriggerSettings) (*ebb.Trigger, error) {
	t := &ebb.Trigger{
		TriggerKey: ebb.TriggerKey{Service: service, Name: name}, Description: s.Description, Paused: s.Paused,
		Filters: s.Filters, MaxRetries: s.MaxRetries, MaxAgeS: s.MaxAge,
		Input: ebb.TriggerInput{InputPath: s.InputPath, Input: s.Input, InputTransformer: s.InputTransformer},
	}
	kinds := 0
	for kind, settings := range s.sources() {
		if *settings != nil {
			kinds++
			t.Kind, t.Settings = kind, *settings
		}
	}
	if kinds != 1 {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"%d kinds of source are given; it must be one of timer, kafka, object, directory, event and http", kinds)
	}
	var err error
	if t.OnFailure, err = a.targetARN(service, s.OnFailure); err != nil {
		return nil, err
	}
	t.Target, err = a.targetARN(service, s.Target)
	return t, err
}

func (a *API) answerTrigger(ctx context.Context, what string, t *ebb.Trigger, err error) (*triggerOutput, error) {
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if what != "" {
		a.audit(ctx, what, "trigger", t.Name)
	}
	shown, err := a.shownTrigger(ctx, t)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &triggerOutput{*shown}, nil
}

func (a *API) shownTrigger(ctx context.Context, t *ebb.Trigger) (*Trigger, error) {
	s, err := a.cfg.Triggers.State(ctx, t)
	if err != nil {
		return nil, err
	}
	c, err := a.cfg.Triggers.Counts(ctx, t)
	if err != nil {
		return nil, err
	}
	status := "active"
	switch {
	case t.Paused:
		status = "paused"
	case s.Error != "" || c.Result != "":
		status = "failing"
	}
	shown := &Trigger{
		Name: t.Name, Kind: string(t.Kind), Revision: t.Revision, CreatedAt: t.CreatedAt, Modified: t.ModifiedAt,
		TriggerSettings: TriggerSettings{Target: t.Target, Description: t.Description, Paused: t.Paused, Filters: t.Filters,
			MaxRetries: t.MaxRetries, MaxAge: t.MaxAgeS, OnFailure: t.OnFailure,
			InputPath: t.Input.InputPath, Input: t.Input.Input, InputTransformer: t.Input.InputTransformer},
		State: TriggerState{Status: status, Since: someMoment(c.FailingAt), Result: c.Result, ResultAt: someMoment(c.ResultAt),
			Counts: TriggerCounts{Taken: c.Taken, Filtered: c.Filtered, Delivered: c.Delivered, Retried: c.Retried, Failed: c.Failed, Dead: c.Dead},
			NextAt: someMoment(s.NextAt), LastAt: someMoment(s.LastAt), LastTask: string(s.LastTask), Outcome: s.Outcome,
			Error: s.Error, Fired: s.Fired, Skipped: s.Skipped, Failed: s.Failed, Position: s.Position},
	}
	if settings := shown.sources()[t.Kind]; settings != nil {
		*settings = t.Settings
	}
	return shown, a.addPositions(ctx, t, &shown.State)
}

func someMoment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
