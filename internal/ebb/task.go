package ebb

import (
	"strings"
	"time"
)

// Task is one asynchronous invocation and what became of it so far.
type Task struct {
	ID      MessageID // chosen by the caller, or the request id
	Request InvocationID
	FunctionKey
	Qualifier  string
	State      TaskState
	EnqueuedAt time.Time
	EndedAt    time.Time // zero while it is not over
	NextAt     time.Time // TaskQueued, TaskRetrying: when it is tried (again)
	Reason     string    // why it failed or was stopped
	Attempts   []Attempt // the last ones, oldest first
	Tries      int       // how often the function ran and failed
	Result     []byte    // TaskSucceeded with an id of the caller's: what the function answered
}

// TaskState says where a task stands.
type TaskState string

// The states of a task. The last three are final.
const (
	TaskQueued    TaskState = "Queued"
	TaskRunning   TaskState = "Running"
	TaskRetrying  TaskState = "Retrying"
	TaskSucceeded TaskState = "Succeeded"
	TaskFailed    TaskState = "Failed" // a dead letter: it can be redriven
	TaskStopped   TaskState = "Stopped"
)

// Attempt is one try of a task.
type Attempt struct {
	At       time.Time     `json:"at"`
	Duration time.Duration `json:"duration,omitempty"`
	Version  string        `json:"version,omitempty"`
	Outcome  string        `json:"outcome"`           // ok, function-error, throttled, platform-error or refused
	Error    string        `json:"error,omitempty"`   // the type of error
	Message  string        `json:"message,omitempty"` // at most 256 bytes
}

// RetryDelays are the version's own, nil if it has none.
func (v *Version) RetryDelays() []time.Duration {
	delays, err := ParseRetryDelays(v.Setting(EnvRetryDelays))
	if err != nil {
		return nil
	}
	return delays
}

// ParseRetryDelays reads the value of EnvRetryDelays.
func ParseRetryDelays(text string) ([]time.Duration, error) {
	const longest = 6 * time.Hour
	var delays []time.Duration
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		d, err := time.ParseDuration(part)
		if err != nil || d < 0 || d > longest {
			return nil, Errorf(Invalid, TypeInvalidParameterValue,
				"Environment.Variables.%s: %q is not a duration from 0s to 6h, such as 90s", EnvRetryDelays, part)
		}
		delays = append(delays, d)
	}
	return delays, nil
}
