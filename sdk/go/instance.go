package client

import (
	"context"
	"net/url"
	"time"
)

// Instance is one place where a version of a function runs.
type Instance struct {
	ID          string    `json:"id"`
	Service     string    `json:"service"`
	Function    string    `json:"function"`
	Version     string    `json:"version"` // for example $LATEST
	Runtime     string    `json:"runtime"`
	State       string    `json:"state"` // starting, idle, frozen, busy or stopping
	Since       time.Time `json:"since"` // when the state began
	Began       time.Time `json:"began"`
	Provisioned bool      `json:"provisioned"` // one of those its version has at any time
	Keep        float64   `json:"keep"`        // seconds that it may be idle, as its version is used now; 0 = always
	Invocations int       `json:"invocations"` // so far
	Memory      int64     `json:"memory"`      // bytes, now
	MemoryPeak  int64     `json:"memoryPeak"`  // bytes
	CPU         float64   `json:"cpu"`         // seconds, user and system
	PIDs        int       `json:"pids"`        // processes and threads
}

// Instances is the instances of a node, and how many there are of all.
type Instances struct {
	Instances []Instance `json:"instances"`
	Calls     []Calls    `json:"calls"`
	Counts    Counts     `json:"counts"` // of the node, whatever was asked for
}

// Calls is what became of the invocations of a version since the node began.
type Calls struct {
	Service   string `json:"service"`
	Function  string `json:"function"`
	Version   string `json:"version"`
	OK        int64  `json:"ok"`
	Failed    int64  `json:"failed"`
	Throttled int64  `json:"throttled"`
}

// Instances lists the instances of a function (name or ARN), or all if function
// is "", ordered by function, version and age.
func (c *Client) Instances(ctx context.Context, function string) (*Instances, error) {
	query := url.Values{}
	if function != "" {
		query.Set("function", function)
	}
	var answer Instances
	if err := c.get(ctx, "/v1/instances", query, &answer); err != nil {
		return nil, err
	}
	return &answer, nil
}
