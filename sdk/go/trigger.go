package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// TriggerSettings are what a user says of a trigger. Exactly one of the kinds is
// set.
type TriggerSettings struct {
	Target      string            `json:"target"` // function[:qualifier], or the ARN of a function or a state machine
	Description string            `json:"description,omitempty"`
	Paused      bool              `json:"paused,omitempty"`
	Filters     []json.RawMessage `json:"filters,omitempty"`    // event patterns, one of which must match
	MaxRetries  *int              `json:"maxRetries,omitempty"` // nil = the target's own
	MaxAge      int               `json:"maxAge,omitempty"`     // seconds; 0 = the target's own
	OnFailure   string            `json:"onFailure,omitempty"`  // a function's name, or the ARN of a destination

	// At most one of these says what the target gets in place of the event.
	InputPath        string            `json:"inputPath,omitempty"` // $.detail
	Input            json.RawMessage   `json:"input,omitempty"`
	InputTransformer *InputTransformer `json:"inputTransformer,omitempty"`

	Timer     json.RawMessage `json:"timer,omitempty"`
	Kafka     json.RawMessage `json:"kafka,omitempty"`
	Object    json.RawMessage `json:"object,omitempty"`
	Directory json.RawMessage `json:"directory,omitempty"`
	Event     json.RawMessage `json:"event,omitempty"`
	HTTP      json.RawMessage `json:"http,omitempty"`
}

// InputTransformer makes what a target gets out of parts of an event, as
// EventBridge does.
type InputTransformer struct {
	InputPathsMap map[string]string `json:"inputPathsMap,omitempty"` // JSON paths by the name of a variable
	InputTemplate string            `json:"inputTemplate"`           // JSON, with <NAME> for variables
}

// Trigger is a trigger and what it has done.
type Trigger struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // timer, kafka, object, directory, event or http
	TriggerSettings
	Revision  int64        `json:"revision"` // counts changes
	CreatedAt time.Time    `json:"createdAt"`
	Modified  time.Time    `json:"modified"`
	State     TriggerState `json:"state"`
}

// TriggerState is what a trigger has done.
type TriggerState struct {
	Status   string        `json:"status"`          // active, paused or failing
	Since    *time.Time    `json:"since,omitempty"` // since when it is failing
	NextAt   *time.Time    `json:"nextAt,omitempty"`
	LastAt   *time.Time    `json:"lastAt,omitempty"`
	LastTask string        `json:"lastTask,omitempty"`
	Outcome  string        `json:"outcome,omitempty"`
	Error    string        `json:"error,omitempty"`
	Fired    int64         `json:"fired"`
	Skipped  int64         `json:"skipped"`
	Failed   int64         `json:"failed"`
	Result   string        `json:"result,omitempty"`   // why its last delivery failed
	ResultAt *time.Time    `json:"resultAt,omitempty"` // when its last delivery was over
	Counts   TriggerCounts `json:"counts"`
	Position string        `json:"position,omitempty"`
	Lag      *int64        `json:"lag,omitempty"`       // events that wait, of a source that is read on from a place
	Parts    []Position    `json:"positions,omitempty"` // how far each part of it was read
}

// TriggerCounts is what became of a trigger's events, a second ago.
type TriggerCounts struct {
	Taken     int64 `json:"taken"`     // came from the source
	Filtered  int64 `json:"filtered"`  // not asked for by the filters
	Delivered int64 `json:"delivered"` // the target took them
	Retried   int64 `json:"retried"`   // attempts that failed and are made again
	Failed    int64 `json:"failed"`    // the target is not there, or refused them
	Dead      int64 `json:"dead"`      // given up after their attempts
}

// Position is how far a trigger has read one part of its source.
type Position struct {
	Part     string    `json:"part"`
	Position int64     `json:"position"`
	Latest   int64     `json:"latest"`
	Lag      int64     `json:"lag"`
	At       time.Time `json:"at"`
}

// Seek is where a trigger is to read on from; one of them is set.
type Seek struct {
	Position string           `json:"position,omitempty"` // TRIM_HORIZON or LATEST
	Time     *time.Time       `json:"time,omitempty"`
	Offsets  map[string]int64 `json:"offsets,omitempty"` // by partition
}

// Fire is one time at which a timer was due.
type Fire struct {
	Due     time.Time `json:"due"`
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"` // fired, missed, overlap or refused
	Task    string    `json:"task,omitempty"`
}

// Triggers lists the triggers of the service, those of one kind or with one
// target unless these are empty.
func (c *Client) Triggers(ctx context.Context, kind, target string) ([]Trigger, error) {
	var all []Trigger
	query := url.Values{"kind": {kind}, "target": {target}}
	for {
		var page struct {
			Triggers []Trigger `json:"triggers"`
			Next     string    `json:"next"`
		}
		if err := c.get(ctx, "/v1/triggers", query, &page); err != nil {
			return nil, err
		}
		if all = append(all, page.Triggers...); page.Next == "" {
			return all, nil
		}
		query.Set("marker", page.Next)
	}
}

// Trigger returns a trigger.
func (c *Client) Trigger(ctx context.Context, name string) (*Trigger, error) {
	t := new(Trigger)
	return t, c.get(ctx, triggerPath(name), nil, t)
}

// CreateTrigger makes a trigger.
func (c *Client) CreateTrigger(ctx context.Context, name string, s TriggerSettings) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPost, "/v1/triggers", nil, struct {
		Name string `json:"name"`
		TriggerSettings
	}{name, s}, t)
}

// UpdateTrigger replaces all that a user says of a trigger. revision is what it
// must still have, 0 = any.
func (c *Client) UpdateTrigger(ctx context.Context, name string, s TriggerSettings, revision int64) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPut, triggerPath(name), url.Values{"revision": {strconv.FormatInt(revision, 10)}}, s, t)
}

// PreviewTrigger is what UpdateTrigger would make of a trigger, which stays as it
// is: its settings are checked and completed.
func (c *Client) PreviewTrigger(ctx context.Context, name string, s TriggerSettings) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPut, triggerPath(name), url.Values{"dryRun": {"true"}}, s, t)
}

// DeleteTrigger removes a trigger for good.
func (c *Client) DeleteTrigger(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, triggerPath(name), nil, nil, nil)
}

// PauseTrigger stops a trigger taking events, ResumeTrigger lets it again.
func (c *Client) PauseTrigger(ctx context.Context, name string) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPost, triggerPath(name)+"/pause", nil, nil, t)
}

// ResumeTrigger is the opposite of PauseTrigger.
func (c *Client) ResumeTrigger(ctx context.Context, name string) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPost, triggerPath(name)+"/resume", nil, nil, t)
}

// SeekTrigger has a trigger read its source on from elsewhere.
func (c *Client) SeekTrigger(ctx context.Context, name string, to Seek) (*Trigger, error) {
	t := new(Trigger)
	return t, c.call(ctx, http.MethodPost, triggerPath(name)+"/seek", nil, to, t)
}

// TestTrigger delivers one event now, a sample of the kind if event is nil, and
// returns the id of the task that it became.
func (c *Client) TestTrigger(ctx context.Context, name string, event json.RawMessage) (string, error) {
	var out struct {
		Task string `json:"task"`
	}
	in := struct {
		Event json.RawMessage `json:"event,omitempty"`
	}{event}
	err := c.call(ctx, http.MethodPost, triggerPath(name)+"/test", nil, in, &out)
	return out.Task, err
}

// Fires lists the last times at which a timer was due, the latest first.
func (c *Client) Fires(ctx context.Context, name string, limit int) ([]Fire, error) {
	var out struct {
		Fires []Fire `json:"fires"`
	}
	err := c.get(ctx, triggerPath(name)+"/fires", url.Values{"limit": {strconv.Itoa(limit)}}, &out)
	return out.Fires, err
}

func triggerPath(name string) string { return "/v1/triggers/" + url.PathEscape(name) }
