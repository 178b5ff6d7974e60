package ebb

import (
	"encoding/json"
	"time"
)

// SourcePlatform begins the source of every event that the platform itself
// raises, as aws. does elsewhere; nobody else may use either.
const SourcePlatform = "ebb."

// Sources of the platform's own events.
const (
	SourceTrigger  = SourcePlatform + "trigger"
	SourceFunction = SourcePlatform + "lambda"
)

// Event is one event of the event bus.
type Event struct {
	ID         string // unique for its source
	Source     string
	DetailType string
	Service    ServiceID
	Time       time.Time
	Resources  []string
	Detail     json.RawMessage
	Attributes json.RawMessage // of a CloudEvent, those that have no other place; nil = none
}
