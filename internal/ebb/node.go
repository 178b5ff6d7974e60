package ebb

import "time"

// NodeID names one ebb process of those that share a database, from its start to
// its end.
type NodeID string

// Node is such a process as the others see it.
type Node struct {
	ID          NodeID
	API         string // http://HOST:PORT of the management API
	Gateway     string // http://HOST:PORT of the data plane
	Version     string // of the binary
	Instances   int    // how many instances it may run
	BeganAt     time.Time
	HeartbeatAt time.Time
}

// Lease is the right of one node to something, for a time. Epoch grows whenever
// the lease is given anew; what a holder writes must be conditional on it.
type Lease struct {
	Name      string
	Node      NodeID
	Epoch     int64
	ExpiresAt time.Time
}
