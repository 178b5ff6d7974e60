package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
)

// Instances is the answer of GET /v1/instances.
type Instances struct {
	Instances []Instance `json:"instances" nullable:"false" doc:"idle and busy ones, by function, version and age"`
	Counts    Counts     `json:"counts" doc:"those starting and stopping included"`
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
	answer := Instances{Instances: []Instance{}, Counts: a.counts(ctx)}
	for _, s := range a.cfg.Instances() {
		if in.Function != "" && s.Function != only || !auth.From(ctx).Reaches(s.Function.Service) {
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
