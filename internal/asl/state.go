package asl

import "time"

// Status of an execution.
type Status string

// The statuses; the zero value is an execution that has not started.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Execution is what the context object says of an execution.
type Execution struct {
	ID           string    `json:"id"` // its ARN
	Name         string    `json:"name"`
	RoleARN      string    `json:"roleArn"`
	MachineID    string    `json:"machineId"` // the ARN of the state machine
	MachineName  string    `json:"machineName"`
	Region       string    `json:"region,omitempty"` // of scheduled tasks, for their events
	StartTime    time.Time `json:"startTime"`
	RedriveCount int       `json:"redriveCount,omitempty"`
	RedriveTime  time.Time `json:"redriveTime,omitzero"` // of the last one
	Express      bool      `json:"express,omitempty"`    // the history has no limit
	MaxPayload   int       `json:"maxPayload,omitempty"` // bytes; 0 = MaxPayload
	Item         *Item     `json:"item,omitempty"`       // of a child of a distributed Map
	Input        *Value    `json:"input,omitempty"`
}

// Item is what $$.Map.Item says.
type Item struct {
	Index int    `json:"index"`
	Key   string `json:"key,omitempty"` // of an object's member
	Value Value  `json:"value"`

	// Source is where a distributed Map has the item from: SourceState or the URI
	// of an object.
	Source string `json:"source,omitempty"`
}

// SourceState is the Source of items that come from the state's input.
const SourceState = "STATE_DATA"

// State is an execution at one moment: all that Next needs to go on. It can be
// stored as JSON, and it can always be made again from the execution's events.
type State struct {
	Status     Status            `json:"status"`
	Execution  Execution         `json:"execution"`
	Output     *Value            `json:"output,omitempty"` // Succeeded
	Error      *string           `json:"error,omitempty"`  // not Running and not Succeeded
	Cause      *string           `json:"cause,omitempty"`
	LastEvent  int64             `json:"lastEvent"` // id of the last history event
	LastThread int64             `json:"lastThread"`
	LastOp     int64             `json:"lastOp"`
	Deadline   int64             `json:"deadline,omitempty"` // op of the execution's timeout
	Threads    map[int64]*Thread `json:"threads"`
	Ready      []int64           `json:"ready,omitempty"` // threads to go on with at Continued
}

// waiting is what a thread waits for.
type waiting string

const (
	waitsNothing waiting = ""
	waitsTask    waiting = "task"
	waitsTimer   waiting = "timer" // of a Wait state
	waitsRetry   waiting = "retry"
	waitsMapRun  waiting = "mapRun"
	waitsThreads waiting = "threads" // its branches or iterations
	waitsTurn    waiting = "turn"    // in State.Ready
	waitsRedrive waiting = "redrive" // failed or aborted with the execution
)

// Thread is a place in the machine where the execution is: the machine itself,
// a branch of a Parallel state, or an iteration of an inline Map.
type Thread struct {
	ID        int64     `json:"id"`
	Parent    int64     `json:"parent,omitempty"` // 0 = the execution itself
	Index     int       `json:"index,omitempty"`  // of the branch or iteration
	Program   int       `json:"program"`
	State     string    `json:"state"`
	Input     Value     `json:"input"` // raw input of the state
	Variables *Value    `json:"variables,omitempty"`
	Item      *Item     `json:"item,omitempty"`
	Entered   int64     `json:"entered"` // id of the StateEntered event
	EnteredAt time.Time `json:"enteredAt"`
	Previous  int64     `json:"previous"` // id of the event that the next one follows
	Before    int64     `json:"before"`   // id of the event that the StateEntered event followed

	Waits    waiting `json:"waits,omitempty"`
	Op       int64   `json:"op,omitempty"`       // what an event must name to be about this wait
	Retries  []int64 `json:"retries,omitempty"`  // per retrier, within this state
	Attempts int     `json:"attempts,omitempty"` // retries of this state in all
	Began    bool    `json:"began,omitempty"`    // the task was started; told once
	Handed   bool    `json:"handed,omitempty"`   // the task was submitted; told once
	MapRun   string  `json:"mapRun,omitempty"`   // ARN of the map run, for a redrive
	Fan      *Fan    `json:"fan,omitempty"`
}

// Fan is how far a Parallel state or an inline Map is.
type Fan struct {
	Items       []Value  `json:"items,omitempty"` // Map
	Keys        []string `json:"keys,omitempty"`  // Map over an object
	Results     []*Value `json:"results"`
	Done        int      `json:"done"`
	Next        int      `json:"next"` // the first that has not started
	Running     int      `json:"running"`
	Concurrency int      `json:"concurrency"`
}

// thread returns the thread that waits for an op, or nil: an answer that comes
// late, or twice, is about nothing.
func (s *State) waiter(op int64) *Thread {
	if op == 0 {
		return nil
	}
	for _, t := range s.Threads {
		if t.Op == op {
			return t
		}
	}
	return nil
}

// Open lists the ops that events may still be about, with what they wait for.
func (s *State) Open() map[int64]string {
	open := make(map[int64]string)
	for _, t := range s.Threads {
		if t.Op != 0 {
			open[t.Op] = string(t.Waits)
		}
	}
	if s.Deadline != 0 && s.Status == Running {
		open[s.Deadline] = "deadline"
	}
	return open
}

// ResourceOf is the resource of the task that an op of a state is of, or "".
func (m *Machine) ResourceOf(s *State, op int64) string {
	if t := s.waiter(op); t != nil {
		return m.programs[t.Program].states[t.State].resource
	}
	return ""
}
