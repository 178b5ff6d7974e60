package asl

import (
	"strings"
	"time"
)

// HistoryEvent is an event as GetExecutionHistory shows it. History events are
// derived: the same events and environments always yield the same ones.
type HistoryEvent struct {
	ID       int64     `json:"id"`
	Previous int64     `json:"previousEventId"`
	Type     string    `json:"type"`
	Time     time.Time `json:"timestamp"`
	Details  *Details  `json:"details,omitempty"`
}

// Details are the fields of all kinds of history events; each kind has some. The
// names are those of the API.
type Details struct {
	Name              string  `json:"name,omitempty"`
	State             string  `json:"state,omitempty"`
	Location          string  `json:"location,omitempty"`
	Input             *Value  `json:"input,omitempty"`
	Output            *Value  `json:"output,omitempty"`
	AssignedVariables *Value  `json:"assignedVariables,omitempty"` // an object of JSON values
	Error             *string `json:"error,omitempty"`
	Cause             *string `json:"cause,omitempty"`
	RoleARN           string  `json:"roleArn,omitempty"` // of an execution, or of a task's Credentials
	Resource          string  `json:"resource,omitempty"`
	ResourceType      string  `json:"resourceType,omitempty"`
	Region            string  `json:"region,omitempty"`
	Parameters        *Value  `json:"parameters,omitempty"`
	TimeoutInSeconds  int64   `json:"timeoutInSeconds,omitempty"`
	HeartbeatSeconds  int64   `json:"heartbeatInSeconds,omitempty"`
	Worker            string  `json:"workerName,omitempty"`
	Length            *int    `json:"length,omitempty"`
	Index             *int    `json:"index,omitempty"`
	MapRunARN         string  `json:"mapRunArn,omitempty"`
	RedriveCount      int     `json:"redriveCount,omitempty"`
}

// MaxHistory is how many events a standard execution may have. The last one is
// its end.
const MaxHistory = 25_000

// record adds a history event and returns its id.
func (d *decision) record(previous int64, kind string, details *Details) int64 {
	if d.state.LastEvent >= MaxHistory-1 && !d.state.Execution.Express && !strings.HasPrefix(kind, "Execution") {
		d.full = true
	}
	if d.full && !strings.HasPrefix(kind, "Execution") {
		return d.state.LastEvent
	}
	d.state.LastEvent++
	id := d.state.LastEvent
	d.act(Action{Record: &HistoryEvent{ID: id, Previous: previous, Type: kind, Time: d.env.Now, Details: details}})
	return id
}

// note adds a history event of a thread; later events of it follow this one.
func (d *decision) note(t *Thread, kind string, details *Details) int64 {
	t.Previous = d.record(t.Previous, kind, details)
	return t.Previous
}

func (d *decision) act(a Action) {
	if d.full && (a.Task != nil || a.Timer != nil || a.MapRun != nil) {
		return // nobody will wait for it
	}
	d.actions = append(d.actions, a)
}

// overflow ends an execution that has as many events as it may.
func (d *decision) overflow() {
	name, cause := ErrRuntime, "The execution reached the maximum number of history events (25000)."
	d.end(Failed, &name, &cause)
}
