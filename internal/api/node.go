package api

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
)

// Health is the answer of GET /v1/health.
type Health struct {
	Status string `json:"status" enum:"ok,starting,stopping" doc:"starting: requests are answered, but those that need an interpreter of the host wait until it is known which there are; stopping: requests in flight are finished, new ones should go elsewhere"`
}

// Node is the answer of GET /v1/node.
type Node struct {
	Version   string    `json:"version" doc:"of ebb"`
	Region    string    `json:"region"`
	Platform  string    `json:"platform" example:"linux/amd64"`
	Began     time.Time `json:"began"`
	Uptime    float64   `json:"uptime" doc:"seconds"`
	Sandbox   Sandbox   `json:"sandbox"`
	Runtimes  []string  `json:"runtimes" nullable:"false" doc:"identifiers that functions may name"`
	Limits    Limits    `json:"limits"`
	Memory    Memory    `json:"memory"`
	Instances Counts    `json:"instances"`
}

// Sandbox is how strong the isolation of functions is.
type Sandbox struct {
	Name    string   `json:"name" example:"linux"`
	Summary string   `json:"summary" doc:"one line for people"`
	Missing []string `json:"missing" nullable:"false" doc:"what the host lacks, each with what follows from it"`
}

// Limits of the node; sizes in bytes. 0 = not limited, or not told.
type Limits struct {
	Instances            int   `json:"instances" doc:"of the node"`
	InstancesPerFunction int   `json:"instancesPerFunction"`
	QueuePerFunction     int   `json:"queuePerFunction" doc:"requests that may wait for an instance"`
	RequestBytes         int64 `json:"requestBytes" doc:"body of an invocation"`
	ResponseBytes        int64 `json:"responseBytes" doc:"answer of a function"`
	ZippedBytes          int64 `json:"zippedBytes" doc:"a deployment package"`
	UnzippedBytes        int64 `json:"unzippedBytes"`
	TimeoutSeconds       int   `json:"timeoutSeconds" doc:"the longest timeout a function may ask for"`
}

// Memory is what ebb itself takes, without the instances; bytes.
type Memory struct {
	RSS        int64  `json:"rss" doc:"resident; 0 where the host does not tell"`
	Heap       uint64 `json:"heap" doc:"live objects of the Go heap"`
	Goroutines int    `json:"goroutines"`
}

// Counts is how many instances and requests the node holds.
type Counts struct {
	Total       int `json:"total"`
	Idle        int `json:"idle" doc:"those frozen included"`
	Frozen      int `json:"frozen" doc:"idle, and their processes stand still"`
	Provisioned int `json:"provisioned" doc:"that their versions have at any time, whatever they are doing"`
	Waiting     int `json:"waiting" doc:"requests without an instance"`
	Spare       int `json:"spare" doc:"made ahead, of no function; not in total"`
	Zygotes     int `json:"zygotes" doc:"processes that instances are copied from; not in total"`
}

// Nodes is the answer of GET /v1/nodes.
type Nodes struct {
	Nodes []Peer `json:"nodes" nullable:"false" doc:"by id; lost ones for an hour"`
}

// Peer is a node as the others see it.
type Peer struct {
	ID        string    `json:"id" doc:"of the process: a node that starts again has another"`
	State     string    `json:"state" enum:"up,lost" doc:"lost: nothing was heard of it for cluster.lost"`
	Self      bool      `json:"self" doc:"this is the node that answers"`
	API       string    `json:"api" example:"http://10.0.0.5:9080"`
	Gateway   string    `json:"gateway"`
	Version   string    `json:"version" doc:"of ebb"`
	Instances int       `json:"instances" doc:"how many it may run"`
	Leases    int       `json:"leases" doc:"how many it holds"`
	Began     time.Time `json:"began"`
	Heartbeat time.Time `json:"heartbeat" doc:"when it was heard of last, by the database's clock"`
}

type (
	nodesOutput  struct{ Body Nodes }
	healthOutput struct {
		Status int
		Body   Health
	}
	nodeOutput struct{ Body Node }
)

// health answers 503 from the moment Stop was called. A node that is starting
// refuses nobody.
func (a *API) health(context.Context, *struct{}) (*healthOutput, error) {
	select {
	case <-a.stopped:
		return &healthOutput{503, Health{"stopping"}}, nil
	default:
		if c := a.cfg.Runtimes; c != nil && !c.Known() {
			return &healthOutput{200, Health{"starting"}}, nil
		}
		return &healthOutput{200, Health{"ok"}}, nil
	}
}

func (a *API) node(ctx context.Context, _ *struct{}) (*nodeOutput, error) {
	c := &a.cfg
	var own Memory
	if auth.From(ctx).Node {
		own = memory()
	}
	return &nodeOutput{Node{
		Version:   c.Version,
		Region:    c.Region,
		Platform:  runtime.GOOS + "/" + runtime.GOARCH,
		Began:     c.Began.UTC(),
		Uptime:    c.Now().Sub(c.Began).Seconds(),
		Sandbox:   Sandbox{c.Sandbox.Name, c.Sandbox.Summary, list(c.Sandbox.Missing)},
		Runtimes:  runtimeIDs(c.Runtimes),
		Limits:    c.Limits,
		Memory:    own,
		Instances: a.counts(ctx),
	}}, nil
}

func (a *API) nodes(ctx context.Context, _ *struct{}) (*nodesOutput, error) {
	peers, err := a.cfg.Nodes(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Nodes{Nodes: []Peer{}}
	for _, p := range peers {
		state := "up"
		if p.Lost {
			state = "lost"
		}
		answer.Nodes = append(answer.Nodes, Peer{
			ID: string(p.ID), State: state, Self: p.Self, API: p.API, Gateway: p.Gateway, Version: p.Version,
			Instances: p.Instances, Leases: p.Leases, Began: p.BeganAt, Heartbeat: p.HeartbeatAt,
		})
	}
	return &nodesOutput{answer}, nil
}

// counts is told to those who act for the whole node: how busy others are is not
// a service's to know.
func (a *API) counts(ctx context.Context) Counts {
	if !auth.From(ctx).Node {
		return Counts{}
	}
	n := a.cfg.Counts()
	return Counts{Total: n.Instances, Idle: n.Idle, Frozen: n.Frozen, Provisioned: n.Provisioned, Waiting: n.Waiting, Spare: n.Spare, Zygotes: n.Zygotes}
}

func memory() Memory {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return Memory{RSS: resident(), Heap: s[0].Value.Uint64(), Goroutines: runtime.NumGoroutine()}
}

// resident reads the second field of /proc/self/statm: pages.
func resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0 // not Linux
	}
	f := bytes.Fields(text)
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// list is s as JSON wants it: never null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
