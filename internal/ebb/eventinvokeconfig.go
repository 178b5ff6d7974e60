package ebb

import "time"

// EventInvokeConfig says how asynchronous invocations of a function's qualifier
// are done. What is nil or "" was not set and has its default.
type EventInvokeConfig struct {
	FunctionKey
	Qualifier    string // "" = $LATEST
	MaxRetries   *int   // after a function error, 0 to 2
	MaxAgeS      *int   // seconds an event may wait in all, 60 to 21600
	OnSuccess    string // ARN of a Target
	OnFailure    string
	LastModified time.Time
}

// Defaults and limits of EventInvokeConfig.
const (
	DefaultMaxRetries, MinMaxRetries, MaxMaxRetries = 2, 0, 2
	DefaultMaxAgeS, MinMaxAgeS, MaxMaxAgeS          = 21600, 60, 21600
)
