package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// CloudEvent is an event for the event bus. The platform gives it the time if it
// has none.
type CloudEvent struct {
	ID      string          `json:"id"`
	Source  string          `json:"source"`
	Type    string          `json:"type"`
	Subject string          `json:"subject,omitempty"`
	Time    *time.Time      `json:"time,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// PutEvent is what became of an event.
type PutEvent struct {
	ID        string `json:"id"`
	Matched   int    `json:"matched"`             // rules that asked for it
	Duplicate bool   `json:"duplicate,omitempty"` // it was taken before; nothing was delivered again
	Code      string `json:"code,omitempty"`      // "" = it was taken
	Message   string `json:"message,omitempty"`
}

// PutEvents puts events on the service's event bus, at most 100. Each is taken or
// refused by itself, as the answers say. The same source and id again is
// recognised, so that a call may be repeated.
func (c *Client) PutEvents(ctx context.Context, events []CloudEvent) ([]PutEvent, error) {
	type versioned struct {
		SpecVersion string `json:"specversion"`
		CloudEvent
	}
	batch := make([]versioned, len(events))
	for i, e := range events {
		batch[i] = versioned{"1.0", e}
	}
	var out struct {
		Events []PutEvent `json:"events"`
	}
	err := c.callAs(ctx, http.MethodPost, "/v1/events", nil, "application/cloudevents-batch+json", batch, &out)
	return out.Events, err
}
