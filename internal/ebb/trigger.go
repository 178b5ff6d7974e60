package ebb

import (
	"encoding/json"
	"regexp"
	"time"
)

// TriggerID names a trigger for good; its name may be taken again after it.
type TriggerID string

// TriggerKind says where a trigger's events come from.
type TriggerKind string

// The kinds of trigger.
const (
	TriggerTimer     TriggerKind = "timer"
	TriggerKafka     TriggerKind = "kafka"
	TriggerObject    TriggerKind = "object"    // a bucket
	TriggerDirectory TriggerKind = "directory" // of a host
	TriggerEvent     TriggerKind = "event"     // the event bus
	TriggerHTTP      TriggerKind = "http"      // a route
)

// TriggerKey names a trigger within the platform.
type TriggerKey struct {
	Service ServiceID
	Name    string
}

// Trigger has events of a source delivered to a target.
type Trigger struct {
	TriggerKey
	ID          TriggerID
	Kind        TriggerKind
	Target      string // ARN of a function, its alias or version, or a state machine
	Description string
	Paused      bool
	Filters     []json.RawMessage // patterns, one of which an event must match; nil = every event
	MaxRetries  *int              // of a delivery that failed; nil = the target's own
	MaxAgeS     int               // seconds after which a delivery is not tried again; 0 = the target's own
	OnFailure   string            // ARN of the destination for what was given up; "" = the target's own
	Input       TriggerInput      // what the target gets; zero = the event
	Settings    json.RawMessage   // of the kind: what the package of that source understands
	Revision    int64             // counts changes
	CreatedAt   time.Time
	ModifiedAt  time.Time
}

// TriggerInput is what a target gets in place of an event, in the words of
// EventBridge. At most one of its members is set.
type TriggerInput struct {
	InputPath        string            `json:"inputPath,omitempty"` // part of the event
	Input            json.RawMessage   `json:"input,omitempty"`     // always the same JSON
	InputTransformer *InputTransformer `json:"inputTransformer,omitempty"`
}

// InputTransformer makes an input out of parts of an event.
type InputTransformer struct {
	InputPathsMap map[string]string `json:"inputPathsMap,omitempty"` // JSON paths by the name of a variable
	InputTemplate string            `json:"inputTemplate"`           // JSON, with <NAME> for variables
}

// IsZero reports that nothing is set.
func (i TriggerInput) IsZero() bool {
	return i.InputPath == "" && i.Input == nil && i.InputTransformer == nil
}

// TriggerRef names a trigger to those who count and tell what it does.
type TriggerRef struct {
	TriggerKey
	ID   TriggerID
	Kind TriggerKind
}

// Ref names t.
func (t *Trigger) Ref() TriggerRef { return TriggerRef{t.TriggerKey, t.ID, t.Kind} }

// TriggerCounts is what became of a trigger's events. A result of "" means that
// the last delivery went well.
type TriggerCounts struct {
	Taken     int64 // came from the source
	Filtered  int64 // not asked for by the filters
	Delivered int64 // the target took them
	Retried   int64 // attempts that failed and are made again
	Failed    int64 // given up before there was a task: the target is not there, or refused them
	Dead      int64 // given up after their attempts: dead letters, sent to the failure destination

	TakenAt   time.Time // when the last one came; zero = none did
	Result    string    // of the last delivery: "" or why it failed
	ResultAt  time.Time // zero = there was none
	FailingAt time.Time // since when the source is down or deliveries fail; zero = neither
}

// TriggerState is what a trigger has done.
type TriggerState struct {
	NextAt   time.Time // when it is due next; zero = not known, or never
	LastAt   time.Time // when it last had an event
	LastDue  time.Time // a timer: what was due then
	LastTask MessageID // the task that the last event became
	Outcome  string    // of the last event: "" or a word of the source's
	Error    string    // why the source is down, or the last event failed
	Fired    int64     // events delivered, or handed over for delivery
	Skipped  int64     // not delivered by a rule: filtered, overlapping, missed
	Failed   int64     // given up
	Position string    // of a source that is read on from a place, as it writes it
}

// Fire is one time at which a timer was due.
type Fire struct {
	Trigger TriggerID
	Due     time.Time
	At      time.Time // when it was handled
	Outcome string    // fired, or why it was not
	Task    MessageID // "" if it was not
}

// Outcomes of a Fire.
const (
	FireDone    = "fired"
	FireMissed  = "missed"  // too late, by the trigger's misfire policy
	FireOverlap = "overlap" // the one before still ran
	FireRefused = "refused" // the target does not exist, or takes no such event
)

// MaxTriggerName is how long the name of a trigger may be, in bytes.
const MaxTriggerName = 64

var triggerNameRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// Validate checks the shape of a trigger's name.
func (k TriggerKey) Validate() error {
	if len(k.Name) > MaxTriggerName || !triggerNameRE.MatchString(k.Name) {
		return Errorf(Invalid, TypeInvalidParameterValue,
			"name: %.140q is not 1 to %d letters, digits, dots, dashes and underscores, a letter or digit first", k.Name, MaxTriggerName)
	}
	return nil
}

// TriggerPosition is how far a trigger has read one part of its source.
type TriggerPosition struct {
	Part     string // as the source names it: TOPIC-PARTITION
	Position int64  // all before it is handled
	Latest   int64  // where the source's next event will be
	At       time.Time
	Sought   int64 // number of the last seek that was done; 0 = not known
}

// Lag is how many events wait.
func (p *TriggerPosition) Lag() int64 { return max(p.Latest-p.Position, 0) }
