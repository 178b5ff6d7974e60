package asl

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	Started         EventKind = "Started"         // Execution with its Input
	TaskSubmitted   EventKind = "TaskSubmitted"   // Op; a .sync or .waitForTaskToken task was handed over: Output
	TaskStarted     EventKind = "TaskStarted"     // Op; Worker of an activity
	TaskSucceeded   EventKind = "TaskSucceeded"   // Op, Output
	TaskFailed      EventKind = "TaskFailed"      // Op, Error, Cause
	TaskTimedOut    EventKind = "TaskTimedOut"    // Op; Heartbeat tells which time ran out
	TimerFired      EventKind = "TimerFired"      // Op
	MapRunStarted   EventKind = "MapRunStarted"   // Op, ARN
	MapRunRedriven  EventKind = "MapRunRedriven"  // Op, ARN, Count
	MapRunSucceeded EventKind = "MapRunSucceeded" // Op, Output
	MapRunFailed    EventKind = "MapRunFailed"    // Op, Error, Cause
	Continued       EventKind = "Continued"       // the answer to a Continue action
	Stopped         EventKind = "Stopped"         // Error, Cause
	Redriven        EventKind = "Redriven"
)

// Event is a fact that the execution did not decide itself. The row of its
// events, each with its Env, is the authority on an execution: folding them
// with Next gives its State.
type Event struct {
	Kind      EventKind  `json:"kind"`
	Op        int64      `json:"op,omitempty"`
	Execution *Execution `json:"execution,omitempty"`
	Input     *Value     `json:"input,omitempty"`
	Output    *Value     `json:"output,omitempty"`
	Error     *string    `json:"error,omitempty"`
	Cause     *string    `json:"cause,omitempty"`
	Heartbeat bool       `json:"heartbeat,omitempty"`
	Worker    string     `json:"worker,omitempty"`
	ARN       string     `json:"arn,omitempty"`
	Count     int        `json:"count,omitempty"`
}
