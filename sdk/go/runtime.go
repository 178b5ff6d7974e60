package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Runtimes is what functions can be written in.
type Runtimes struct {
	Runtimes []Runtime        `json:"runtimes"`
	Missing  []MissingRuntime `json:"missing"` // what the host could run if it had it
}

// Runtime is one way to run functions.
type Runtime struct {
	ID       string     `json:"id"`
	Family   string     `json:"family"`
	Version  string     `json:"version,omitempty"`  // of the interpreter
	Source   string     `json:"source"`             // host or image
	Image    string     `json:"image,omitempty"`    // as it was asked for
	Resolved string     `json:"resolved,omitempty"` // what that was: with the digest
	Added    *time.Time `json:"added,omitempty"`
}

// MissingRuntime is a family that cannot be run.
type MissingRuntime struct {
	Family string `json:"family"`
	Reason string `json:"reason"` // and what to do about it
}

// NewRuntime is a runtime to be added from a container image.
type NewRuntime struct {
	ID     string `json:"id"`
	Family string `json:"family,omitempty"` // "" = as ID is spelled
	Image  string `json:"image"`
}

// Runtimes lists what functions may name as their runtime.
func (c *Client) Runtimes(ctx context.Context) (*Runtimes, error) {
	var all Runtimes
	if err := c.get(ctx, "/v1/runtimes", nil, &all); err != nil {
		return nil, err
	}
	return &all, nil
}

// AddRuntime makes an image's interpreter a runtime, or replaces the one of that
// name.
func (c *Client) AddRuntime(ctx context.Context, n NewRuntime) (*Runtime, error) {
	var r Runtime
	if err := c.call(ctx, http.MethodPost, "/v1/runtimes", nil, n, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// RemoveRuntime removes a runtime that was added.
func (c *Client) RemoveRuntime(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/runtimes/"+url.PathEscape(id), nil, nil, nil)
}
