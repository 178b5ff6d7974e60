package main

import (
	"slices"
	"strings"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// Statuses of a visit.
const (
	visitRunning   = "running"
	visitSucceeded = "succeeded"
	visitCaught    = "caught" // it failed, and a catcher went on
	visitFailed    = "failed"
	visitAborted   = "aborted"
)

// visit is an execution's stay in one state.
type visit struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"`
	Status   string    `json:"status"`
	Entered  time.Time `json:"entered"`
	Exited   time.Time `json:"exited,omitzero"`
	Attempts int       `json:"attempts,omitempty"` // how often a task was scheduled
	Error    string    `json:"error,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	Input    string    `json:"-"`
	Output   string    `json:"-"`
	Inside   string    `json:"inside,omitempty"` // the Map or Parallel state that it is in

	// Of a Map state: its items. A distributed Map has them in its map run.
	Items     int64  `json:"items,omitempty"`
	Running   int64  `json:"running,omitempty"`
	Succeeded int64  `json:"succeeded,omitempty"`
	Failed    int64  `json:"failed,omitempty"`
	MapRun    string `json:"mapRun,omitempty"`

	parent  *visit
	inMap   bool // it is within an iteration: one of many
	counted bool // its map run was looked at after the end
}

// took is how long the visit lasted, or has so far.
func (v *visit) took(now time.Time) time.Duration {
	if v.Exited.IsZero() {
		return now.Sub(v.Entered)
	}
	return v.Exited.Sub(v.Entered)
}

// timeline is an execution as its history tells it.
type timeline struct {
	visits []*visit // in the order in which the states were entered
	last   int64    // event
	lastAt time.Time
	ended  bool // the last event says so
	owner  map[int64]*visit
}

func newTimeline() *timeline { return &timeline{owner: map[int64]*visit{}} }

// add goes on with the history. It returns the visits that ended by it.
func (t *timeline) add(events []client.WorkflowEvent) (ended []*visit) {
	for i := range events {
		e := &events[i]
		t.last, t.lastAt = e.ID, e.Time
		if v := t.one(e); v != nil {
			ended = append(ended, v)
		}
	}
	return ended
}

func (t *timeline) one(e *client.WorkflowEvent) (ended *visit) {
	at := t.owner[e.Previous]
	kind := strings.TrimPrefix(e.Type, "Execution")
	switch {
	case kind != e.Type:
		t.execution(e, kind)
		return nil
	case strings.HasSuffix(e.Type, "StateEntered"):
		v := &visit{Name: e.Name, Type: strings.TrimSuffix(e.Type, "StateEntered"), Status: visitRunning, Entered: e.Time, Input: e.Input}
		for at != nil && !at.Exited.IsZero() {
			at = at.parent
		}
		if v.parent = at; at != nil {
			v.Inside, v.inMap = at.Name, at.inMap || at.Type == "Map"
		}
		t.visits = append(t.visits, v)
		t.owner[e.ID] = v
		return nil
	}
	// What names a state, or a type of states that hold others, is about that one,
	// from within or not.
	for at != nil && (e.Name != "" && (at.Name != e.Name || !at.Exited.IsZero()) || !at.is(e.Type)) {
		at = at.parent
	}
	if at == nil {
		return nil
	}
	t.owner[e.ID] = at
	if strings.HasSuffix(e.Type, "StateExited") {
		at.exit(e)
		t.close(at, e.Time)
		return at
	}
	at.event(e)
	return nil
}

// is reports whether an event of a type can be about the visit's own type.
func (v *visit) is(event string) bool {
	switch {
	case strings.HasPrefix(event, "ParallelState"):
		return v.Type == "Parallel"
	case strings.HasPrefix(event, "MapState"), strings.HasPrefix(event, "MapRun"), strings.HasPrefix(event, "MapIteration"):
		return v.Type == "Map"
	}
	return true
}

func (v *visit) exit(e *client.WorkflowEvent) {
	v.Exited, v.Output, v.Status = e.Time, e.Output, visitSucceeded
	if v.Error != "" {
		v.Status = visitCaught
	}
}

// event notes what happened within the state.
func (v *visit) event(e *client.WorkflowEvent) {
	switch e.Type {
	case "TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled":
		v.Attempts++
		v.Error, v.Cause = "", ""
	case "MapStateStarted":
		v.Items = e.Length
	case "MapRunStarted":
		v.MapRun = e.MapRunARN
	case "MapIterationStarted":
		v.Running++
	case "MapIterationSucceeded":
		v.Running--
		v.Succeeded++
	case "MapIterationFailed":
		v.Running--
		v.Failed++
	case "MapIterationAborted":
		v.Running--
	}
	if e.Error != "" && !strings.HasPrefix(e.Type, "MapIteration") {
		v.Error, v.Cause = e.Error, e.Cause
	}
}

// close ends the visits within one that ended: those that had not are given up.
func (t *timeline) close(outer *visit, at time.Time) {
	for _, v := range slices.Backward(t.visits) {
		if v.Entered.Before(outer.Entered) {
			break
		}
		for p := v.parent; p != nil && v.Exited.IsZero(); p = p.parent {
			if p == outer {
				v.giveUp(at)
			}
		}
	}
}

func (v *visit) giveUp(at time.Time) {
	v.Exited, v.Status = at, visitAborted
	if v.Error != "" {
		v.Status = visitFailed
	}
}

// execution notes what became of the execution as a whole.
func (t *timeline) execution(e *client.WorkflowEvent, kind string) {
	t.ended = kind != "Started" && kind != "Redriven"
	if kind == "Redriven" { // what had not succeeded goes on
		for _, v := range t.visits {
			if v.Status == visitFailed || v.Status == visitAborted {
				v.Status, v.Exited = visitRunning, time.Time{}
				v.Running, v.Failed, v.counted = 0, 0, false
			}
		}
	}
	for _, v := range t.visits {
		if !t.ended || !v.Exited.IsZero() {
			continue
		}
		// The state that failed last is the one that the execution failed by.
		if v.giveUp(e.Time); v.Status == visitAborted && v.Type == "Fail" {
			v.Status, v.Error, v.Cause = visitFailed, e.Error, e.Cause
		}
	}
}

// open lists the visits that have not ended, those of iterations left out.
func (t *timeline) open() (all []*visit) {
	for _, v := range t.visits {
		if v.Status == visitRunning && !v.inMap {
			all = append(all, v)
		}
	}
	return all
}
