package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Instances is the answer of GET /v1/instances.
type Instances struct {
	Instances []Instance `json:"instances" nullable:"false" doc:"by function, version and age"`
	Calls     []Calls    `json:"calls" nullable:"false" doc:"of the versions that somebody has invoked, by function and version"`
	Counts    Counts     `json:"counts" doc:"of the node, whatever was asked for"`
}

// Calls is what became of the invocations of a version on this node since it began;
// who looks twice knows the rates.
type Calls struct {
	Service   string `json:"service"`
	Function  string `json:"function"`
	Version   string `json:"version" example:"$LATEST"`
	OK        int64  `json:"ok"`
	Failed    int64  `json:"failed" doc:"the function raised, crashed, ran out of time or could not be initialised"`
	Throttled int64  `json:"throttled" doc:"refused because a limit had no room for them"`
}

// Instance is one place where a version runs.
type Instance struct {
	ID          string    `json:"id"`
	Service     string    `json:"service"`
	Function    string    `json:"function"`
	Version     string    `json:"version" example:"$LATEST"`
	Runtime     string    `json:"runtime"`
	State       string    `json:"state" enum:"starting,idle,frozen,busy,stopping"`
	Since       time.Time `json:"since" doc:"when the state began"`
	Began       time.Time `json:"began"`
	Provisioned bool      `json:"provisioned" doc:"one of those its version has at any time"`
	Keep        float64   `json:"keep" doc:"seconds that it may be idle, as its version is used now; 0 = as long as it is provisioned"`
	Invocations int       `json:"invocations" doc:"so far"`
	Memory      int64     `json:"memory" doc:"bytes, now"`
	MemoryPeak  int64     `json:"memoryPeak" doc:"bytes"`
	CPU         float64   `json:"cpu" doc:"seconds, user and system"`
	PIDs        int       `json:"pids" doc:"processes and threads"`
}

type (
	instancesInput struct {
		Function string `query:"function" maxLength:"170" doc:"only those of this function (name or ARN)"`
	}
	instancesOutput struct{ Body Instances }
)

func (a *API) instances(ctx context.Context, in *instancesInput) (*instancesOutput, error) {
	only, err := a.key(ctx, in.Function)
	if err != nil && in.Function != "" {
		return nil, a.problem(ctx, err)
	}
	answer := Instances{Instances: []Instance{}, Calls: []Calls{}, Counts: a.counts(ctx)}
	told := func(f ebb.FunctionKey) bool {
		return (in.Function == "" || f == only) && auth.From(ctx).Reaches(f.Service)
	}
	for _, c := range a.cfg.Calls() {
		if told(c.Function) {
			answer.Calls = append(answer.Calls, Calls{Service: string(c.Function.Service), Function: c.Function.Name, Version: c.Version,
				OK: c.OK, Failed: c.Failed, Throttled: c.Throttled})
		}
	}
	slices.SortFunc(answer.Calls, func(x, y Calls) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Function, y.Function), cmp.Compare(x.Version, y.Version))
	})
	for _, s := range a.cfg.Instances() {
		if !told(s.Function) {
			continue
		}
		answer.Instances = append(answer.Instances, Instance{
			ID: string(s.ID), Service: string(s.Function.Service), Function: s.Function.Name,
			Version: s.Version, Runtime: s.Runtime, State: s.State, Provisioned: s.Provisioned, Keep: s.Keep.Seconds(),
			Since: s.Since.UTC(), Began: s.Began.UTC(), Invocations: s.Uses,
			Memory: s.Usage.Memory, MemoryPeak: s.Usage.MemoryPeak, CPU: s.Usage.CPU.Seconds(), PIDs: s.Usage.PIDs,
		})
	}
	slices.SortFunc(answer.Instances, func(x, y Instance) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Function, y.Function),
			cmp.Compare(x.Version, y.Version), x.Began.Compare(y.Began), cmp.Compare(x.ID, y.ID))
	})
	return &instancesOutput{answer}, nil
}
