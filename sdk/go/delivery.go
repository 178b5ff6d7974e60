package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Delivery is a record, or a trigger's event, that its target has not taken.
type Delivery struct {
	ID       string     `json:"id"`
	Request  string     `json:"request"`            // id of the invocation, or of the event
	Function string     `json:"function,omitempty"` // whose record it is
	Target   string     `json:"target"`             // ARN
	State    string     `json:"state"`              // Queued, Running, Retrying, Failed or Stopped
	Accepted time.Time  `json:"accepted"`
	Ended    *time.Time `json:"ended,omitempty"`
	Next     *time.Time `json:"next,omitempty"`   // when it is tried (again)
	Reason   string     `json:"reason,omitempty"` // why it failed or was stopped
	Attempts int        `json:"attempts"`
}

// Deliveries calls each with up to limit deliveries that no target has taken
// (0 = all), the newest ids first.
func (c *Client) Deliveries(ctx context.Context, f TaskFilter, limit int, each func(Delivery) error) error {
	return c.limited(f, limit, func(query url.Values) (int, string, error) {
		var page struct {
			Deliveries []Delivery `json:"deliveries"`
			Next       string     `json:"next"`
		}
		if err := c.get(ctx, "/v1/deliveries", query, &page); err != nil {
			return 0, "", err
		}
		return len(page.Deliveries), page.Next, eachOf(page.Deliveries, each)
	})
}

// Delivery returns one that its target has not taken.
func (c *Client) Delivery(ctx context.Context, id string) (*Delivery, error) {
	return one[Delivery](c, ctx, http.MethodGet, "/v1/deliveries/"+url.PathEscape(id), nil, nil)
}

// RedriveDelivery has a delivery that was given up tried as if it were new.
func (c *Client) RedriveDelivery(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/v1/deliveries/"+url.PathEscape(id)+"/redrive", nil, nil, nil)
}
