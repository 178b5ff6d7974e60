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
	Settings    json.RawMessage   // of the kind: what the package of that source understands
	Revision    int64             // counts changes
	CreatedAt   time.Time
	ModifiedAt  time.Time
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
