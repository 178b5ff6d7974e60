package ebb

import (
	"encoding/json"
	"time"
)

// Calendar is a market's working days under a name that timers refer to.
type Calendar struct {
	Name       string
	Document   json.RawMessage // what package schedule understands
	ModifiedAt time.Time
}
