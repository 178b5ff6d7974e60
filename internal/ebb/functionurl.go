package ebb

import "time"

// How a function URL authenticates its callers.
const (
	URLAuthNone = "NONE"
	URLAuthIAM  = "AWS_IAM"
)

// How a function URL answers: whole, or as the function writes.
const (
	InvokeModeBuffered = "BUFFERED"
	InvokeModeStream   = "RESPONSE_STREAM"
)

// FunctionURL is a function's own HTTP address on the data plane.
type FunctionURL struct {
	FunctionKey
	ID         string // random, stands in the address: /url/<id>/
	Qualifier  string // "" = $LATEST, else an alias
	AuthType   string
	InvokeMode string
	CORS       *CORS // nil = none
	// Public says that whoever asks may come in: AuthType is NONE and the policy
	// of the function or alias allows it. Only Functions.URL finds it out.
	Public       bool
	CreatedAt    time.Time
	LastModified time.Time
}

// CORS is what a function URL answers to browsers of other origins.
type CORS struct {
	AllowCredentials bool     `json:",omitempty"`
	AllowHeaders     []string `json:",omitempty"`
	AllowMethods     []string `json:",omitempty"`
	AllowOrigins     []string `json:",omitempty"`
	ExposeHeaders    []string `json:",omitempty"`
	MaxAge           int      `json:",omitempty"` // seconds
}
