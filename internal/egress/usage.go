package egress

import "sync/atomic"

// Usage is what was carried.
type Usage struct {
	Open        int64 // connections and flows now
	Connections int64 // so far
	Denied      int64 // refused by policy or limits, names included
	Sent        int64 // bytes out of boxes
	Received    int64 // bytes into boxes
}

type counters struct {
	connections, denied, sent, received atomic.Int64
}

func (c *counters) read() Usage {
	return Usage{Connections: c.connections.Load(), Denied: c.denied.Load(),
		Sent: c.sent.Load(), Received: c.received.Load()}
}
