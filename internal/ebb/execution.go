package ebb

import "time"

// ExecutionID names an execution of a state machine inside ebb. Ids grow with
// time. Outside its ARN does.
type ExecutionID string

// Execution is one run of a state machine. What happened in it, its events say.
type Execution struct {
	ID           ExecutionID
	Service      ServiceID
	Machine      string // as in the ARN: NAME, or NAME/LABEL of a child of a map run
	Name         string
	Status       string // RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED or PENDING_REDRIVE
	StartedAt    time.Time
	StoppedAt    time.Time // zero = it runs
	RedriveCount int
	RedrivenAt   time.Time
	Revision     string // of the state machine
	Version      int64  // 0 = started without
	Alias        string
	MapRun       string // of a child; "" = none
	Item         int64  // of a child: which of the map run's inputs it has
	Parent       ExecutionID
	ParentOp     int64 // what the parent waits for
	Input        string
	Outcome      ExecutionOutcome
	Settings     ExecutionSettings
}

// ExecutionOutcome is what an execution came to.
type ExecutionOutcome struct {
	Output *string `json:"output,omitempty"`
	Error  *string `json:"error,omitempty"`
	Cause  *string `json:"cause,omitempty"`
}

// ExecutionSettings is what is never searched for.
type ExecutionSettings struct {
	Program     int    `json:"program,omitempty"` // of a child: the item processor
	Items       int64  `json:"items,omitempty"`   // of a child: how many items its input holds
	TraceHeader string `json:"traceHeader,omitempty"`
	RedriveKey  string `json:"redriveKey,omitempty"` // client token of the last redrive
	Offload     bool   `json:"offload,omitempty"`    // payloads beyond the usual limit are kept apart
}

// Statuses of executions; map runs have the first three and ABORTED.
const (
	ExecutionRunning        = "RUNNING"
	ExecutionSucceeded      = "SUCCEEDED"
	ExecutionFailed         = "FAILED"
	ExecutionTimedOut       = "TIMED_OUT"
	ExecutionAborted        = "ABORTED"
	ExecutionPendingRedrive = "PENDING_REDRIVE"
)

// ARN is the execution's ARN.
func (e *Execution) ARN(region string) string {
	return StatesARN{Region: region, Service: e.Service, Kind: "execution", Name: e.Machine, Rest: e.Name}.String()
}

// ExecutionTask is a task that waits for its token to come back.
type ExecutionTask struct {
	Execution   ExecutionID
	Op          int64
	Service     ServiceID
	Activity    string // "" = not one of an activity
	Token       string
	Worker      string // who took it
	Taken       bool   // false: an activity's, and no worker has it yet
	CreatedAt   time.Time
	HeartbeatAt time.Time // the last sign of life
	HeartbeatS  int64     // how often there must be one; 0 = never
	Input       string
}
