package client

import (
	"context"
	"time"
)

// Node is what a server says about itself.
type Node struct {
	Version   string    `json:"version"` // of ebb
	Region    string    `json:"region"`
	Platform  string    `json:"platform"` // for example linux/amd64
	Began     time.Time `json:"began"`
	Uptime    float64   `json:"uptime"` // seconds
	Sandbox   Sandbox   `json:"sandbox"`
	Runtimes  []string  `json:"runtimes"` // identifiers that functions may name
	Limits    Limits    `json:"limits"`
	Memory    Memory    `json:"memory"`
	Instances Counts    `json:"instances"`
}

// Sandbox is how strong the isolation of functions is.
type Sandbox struct {
	Name    string   `json:"name"`    // linux or process
	Summary string   `json:"summary"` // one line for people
	Missing []string `json:"missing"` // what the host lacks, each with what follows from it
}

// Limits of a node; sizes in bytes. 0 = not limited, or not told.
type Limits struct {
	Instances            int   `json:"instances"` // of the node
	InstancesPerFunction int   `json:"instancesPerFunction"`
	QueuePerFunction     int   `json:"queuePerFunction"` // requests that may wait for an instance
	RequestBytes         int64 `json:"requestBytes"`     // body of an invocation
	ResponseBytes        int64 `json:"responseBytes"`    // answer of a function
	ZippedBytes          int64 `json:"zippedBytes"`      // a deployment package
	UnzippedBytes        int64 `json:"unzippedBytes"`
	TimeoutSeconds       int   `json:"timeoutSeconds"` // the longest that a function may ask for
}

// Memory is what ebb itself takes, without the instances.
type Memory struct {
	RSS        int64  `json:"rss"`  // bytes, resident; 0 = the host does not tell
	Heap       uint64 `json:"heap"` // bytes of live objects
	Goroutines int    `json:"goroutines"`
}

// Counts is how many instances and requests a node holds.
type Counts struct {
	Total       int `json:"total"`
	Idle        int `json:"idle"` // those frozen included
	Frozen      int `json:"frozen"`
	Provisioned int `json:"provisioned"` // that their versions have at any time
	Waiting     int `json:"waiting"`     // requests without an instance
	Spare       int `json:"spare"`       // made ahead, of no function; not in Total
	Zygotes     int `json:"zygotes"`     // processes that instances are copied from; not in Total
}

// Health asks whether the server answers and takes new work. It needs no right
// credentials.
func (c *Client) Health(ctx context.Context) error {
	var answer struct{}
	return c.get(ctx, "/v1/health", nil, &answer)
}

// Node asks the server about itself.
func (c *Client) Node(ctx context.Context) (*Node, error) {
	var n Node
	if err := c.get(ctx, "/v1/node", nil, &n); err != nil {
		return nil, err
	}
	return &n, nil
}

// Peer is one of the nodes that share a database.
type Peer struct {
	ID        string    `json:"id"`    // of the process: a node that starts again has another
	State     string    `json:"state"` // up or lost
	Self      bool      `json:"self"`  // this is the node that answered
	API       string    `json:"api"`
	Gateway   string    `json:"gateway"`
	Version   string    `json:"version"`   // of ebb
	Instances int       `json:"instances"` // how many it may run
	Leases    int       `json:"leases"`    // how many it holds
	Began     time.Time `json:"began"`
	Heartbeat time.Time `json:"heartbeat"` // when it was heard of last
}

// Nodes lists the nodes that share the server's database, the server among them.
func (c *Client) Nodes(ctx context.Context) ([]Peer, error) {
	var answer struct {
		Nodes []Peer `json:"nodes"`
	}
	if err := c.get(ctx, "/v1/nodes", nil, &answer); err != nil {
		return nil, err
	}
	return answer.Nodes, nil
}
