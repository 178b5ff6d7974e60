package ebb

import "time"

// Delivery is a record, or a trigger's event, on its way to a target that is no
// function. Once the target has taken it, it is no more.
type Delivery struct {
	ID      MessageID
	Request InvocationID // of the invocation, or the id of the event
	FunctionKey
	Target     string    // ARN
	State      TaskState // never TaskSucceeded
	EnqueuedAt time.Time
	EndedAt    time.Time // zero while it is tried
	NextAt     time.Time // TaskQueued, TaskRetrying: when it is tried (again)
	Reason     string    // why it failed or was stopped
	Attempts   int       // how often it was tried
}
