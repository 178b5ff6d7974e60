package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/runtimes"
)

// Runtimes is the answer of GET /v1/runtimes.
type Runtimes struct {
	Runtimes []Runtime        `json:"runtimes" nullable:"false" doc:"what functions may name, by identifier"`
	Missing  []MissingRuntime `json:"missing" nullable:"false" doc:"what this host could run if it had it"`
}

// Runtime is one way to run functions.
type Runtime struct {
	ID       string     `json:"id" example:"python3.13"`
	Family   string     `json:"family" example:"python"`
	Version  string     `json:"version,omitempty" doc:"of the interpreter"`
	Source   string     `json:"source" enum:"host,image"`
	Image    string     `json:"image,omitempty" doc:"as it was asked for"`
	Resolved string     `json:"resolved,omitempty" doc:"what that was: with the digest"`
	Added    *time.Time `json:"added,omitempty"`
}

// MissingRuntime is a family that cannot be run here.
type MissingRuntime struct {
	Family string `json:"family"`
	Reason string `json:"reason" doc:"and what to do about it"`
}

type (
	runtimesOutput  struct{ Body Runtimes }
	addRuntimeInput struct {
		Body struct {
			ID     string `json:"id" maxLength:"64" doc:"what functions will name" example:"python3.13"`
			Family string `json:"family,omitempty" maxLength:"64" doc:"as the id is spelled if it is not given"`
			Image  string `json:"image" maxLength:"2048" doc:"as in ImageUri of a function"`
		}
	}
	runtimeOutput      struct{ Body Runtime }
	removeRuntimeInput struct {
		ID string `path:"id" maxLength:"64"`
	}
)

// registerRuntimes names the operations on runtimes.
func (a *API) registerRuntimes(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListRuntimes", Method: http.MethodGet, Path: Prefix + "runtimes",
		Summary: "What functions can be written in",
	}), a.listRuntimes)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "AddRuntime", Method: http.MethodPost, Path: Prefix + "runtimes",
		Summary:     "Make a container image's interpreter a runtime, or replace the one of that name",
		Description: "The image is fetched, its interpreter is asked what it is, and functions can name the runtime. Without a registry: an OCI layout or a docker-archive on the node.",
	}), a.addRuntime)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RemoveRuntime", Method: http.MethodDelete, Path: Prefix + "runtimes/{id}",
		Summary: "Remove a runtime that was added; 409 while functions need it",
	}), a.removeRuntime)
}

func (a *API) listRuntimes(ctx context.Context, _ *struct{}) (*runtimesOutput, error) {
	added, err := a.cfg.Functions.AddedRuntimes(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	images := make(map[string]*ebb.Runtime)
	for _, r := range added {
		images[r.ID] = r
	}
	answer := Runtimes{Runtimes: []Runtime{}, Missing: []MissingRuntime{}}
	for _, id := range a.cfg.Runtimes.IDs() {
		r, ok := a.cfg.Runtimes.Lookup(id)
		switch {
		case !ok: // removed meanwhile
		case r.Root != "" && images[id] != nil:
			answer.Runtimes = append(answer.Runtimes, *addedRuntime(images[id]))
		default:
			answer.Runtimes = append(answer.Runtimes, Runtime{ID: id, Family: r.Family, Version: r.Version, Source: "host"})
		}
	}
	for _, m := range a.cfg.Runtimes.Missing() {
		answer.Missing = append(answer.Missing, MissingRuntime(m))
	}
	return &runtimesOutput{answer}, nil
}

func (a *API) addRuntime(ctx context.Context, in *addRuntimeInput) (*runtimeOutput, error) {
	r, err := a.cfg.Functions.AddRuntime(ctx, function.AddRuntime{ID: in.Body.ID, Family: in.Body.Family, ImageURI: in.Body.Image})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &runtimeOutput{*addedRuntime(r)}, nil
}

func (a *API) removeRuntime(ctx context.Context, in *removeRuntimeInput) (*struct{}, error) {
	if err := a.cfg.Functions.RemoveRuntime(ctx, in.ID); err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil
}

func addedRuntime(r *ebb.Runtime) *Runtime {
	return &Runtime{ID: r.ID, Family: r.Family, Version: r.Version, Source: "image", Image: r.ImageURI, Resolved: r.Resolved, Added: &r.AddedAt}
}

// runtimeIDs is what functions may name, for the node's own description.
func runtimeIDs(c *runtimes.Catalog) []string {
	if c == nil {
		return []string{}
	}
	return list(c.IDs())
}
