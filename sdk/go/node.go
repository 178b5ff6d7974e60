package client

import "context"

// Node is what a server says about itself.
type Node struct {
	Version  string   `json:"version"`
	Uptime   float64  `json:"uptime"` // seconds
	Region   string   `json:"region"`
	Sandbox  Sandbox  `json:"sandbox"`
	Runtimes []string `json:"runtimes"` // identifiers that functions may name
}

// Sandbox is how strong the isolation of functions is.
type Sandbox struct {
	Name    string   `json:"name"`    // linux or process
	Summary string   `json:"summary"` // one line for people
	Missing []string `json:"missing"` // what the host lacks, each with what follows from it
}

// Health asks whether the server answers. It needs no credentials.
func (c *Client) Health(ctx context.Context) error {
	var answer struct{}
	return c.get(ctx, "/v1/health", &answer)
}

// Node asks the server about itself.
func (c *Client) Node(ctx context.Context) (*Node, error) {
	var n Node
	if err := c.get(ctx, "/v1/node", &n); err != nil {
		return nil, err
	}
	return &n, nil
}
