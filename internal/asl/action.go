package asl

import "time"

// Action is something to do because of a decision. Exactly one field is set.
// Actions are to be carried out, or handed to who carries them out, in the same
// transaction that stores the event they came from.
type Action struct {
	Record   *HistoryEvent `json:"record,omitempty"`
	Task     *Task         `json:"task,omitempty"`
	Timer    *Timer        `json:"timer,omitempty"`
	MapRun   *MapRun       `json:"mapRun,omitempty"`
	Cancel   int64         `json:"cancel,omitempty"` // an op that nobody waits for any more
	Finish   *Finish       `json:"finish,omitempty"`
	Continue bool          `json:"continue,omitempty"` // there is more to decide: send Continued

	// Exhausted stands alone: a JSONata expression ran out of time, so nothing was
	// decided, and the state is of no use any more. The caller makes the state
	// again and calls Next with the same event and an Env whose Exhausted has this
	// number added. Recorded that way, the failure is the same in every replay.
	Exhausted int `json:"exhausted,omitempty"`
}

// Task is a call of a resource. Its answer is a TaskSucceeded, TaskFailed or
// TaskTimedOut event with the same Op; whoever calls watches the two times.
type Task struct {
	Op          int64  `json:"op"`
	State       string `json:"state"`
	Resource    string `json:"resource"` // the ARN as written
	Parameters  Value  `json:"parameters"`
	Credentials *Value `json:"credentials,omitempty"`
	Timeout     int64  `json:"timeout,omitempty"`   // seconds; 0 = none
	Heartbeat   int64  `json:"heartbeat,omitempty"` // seconds; 0 = none
	Token       string `json:"token,omitempty"`     // of an activity or .waitForTaskToken
	Attempt     int    `json:"attempt"`             // 0 = the first
}

// Timer asks for a TimerFired event at a time.
type Timer struct {
	Op int64     `json:"op"`
	At time.Time `json:"at"`
}

// Finish is the end of an execution.
type Finish struct {
	Status Status  `json:"status"`
	Output *Value  `json:"output,omitempty"`
	Error  *string `json:"error,omitempty"`
	Cause  *string `json:"cause,omitempty"`
}

// MapRun asks for child executions of a distributed Map: first its items are
// read and become inputs (Machine.ItemInput, MapRun.Batches), then each input is
// one child of Machine.Child(Program). The answer is a MapRunSucceeded event with
// the array of results, or a MapRunFailed event.
type MapRun struct {
	Op                  int64          `json:"op"`
	State               string         `json:"state"`
	StateProgram        int            `json:"stateProgram"` // where the Map state is
	Program             int            `json:"program"`      // its item processor
	Input               Value          `json:"input"`        // of the state, after InputPath
	Context             Value          `json:"context"`
	Variables           Value          `json:"variables"`
	Items               *Value         `json:"items,omitempty"` // nil: read them
	Reader              *ItemReader    `json:"reader,omitempty"`
	Batch               *ItemBatch     `json:"batch,omitempty"`
	Writer              *ResultWriting `json:"writer,omitempty"`
	MaxConcurrency      int            `json:"maxConcurrency"` // 0 = as many as allowed
	ToleratedCount      *int64         `json:"toleratedCount,omitempty"`
	ToleratedPercentage *float64       `json:"toleratedPercentage,omitempty"`
	Express             bool           `json:"express,omitempty"`
	Label               string         `json:"label,omitempty"`
	Redrive             string         `json:"redrive,omitempty"` // the ARN of the map run that goes on; "" = a new one
}

// ItemReader is where the items of a MapRun are.
type ItemReader struct {
	Resource   string `json:"resource"`
	Parameters Value  `json:"parameters"`
	Config     Value  `json:"config"`             // ReaderConfig as written
	MaxItems   int64  `json:"maxItems,omitempty"` // 0 = all
}

// ItemBatch is how items become inputs of more than one item each.
type ItemBatch struct {
	MaxItems int64  `json:"maxItems,omitempty"` // 0 = no limit
	MaxBytes int64  `json:"maxBytes,omitempty"` // 0 = MaxPayload
	Input    *Value `json:"input,omitempty"`    // BatchInput
}

// ResultWriting is where the results of a MapRun go.
type ResultWriting struct {
	Resource   string `json:"resource,omitempty"`
	Parameters Value  `json:"parameters"`
	Config     Value  `json:"config"` // WriterConfig as written
}
