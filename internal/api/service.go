package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// egressAny says that a service has no limit of egress of its own.
const egressAny = "any"

// Service is a group of functions with what they share.
type Service struct {
	ID               string            `json:"id" example:"123456789012" doc:"stands in ARNs as the account"`
	Name             string            `json:"name" example:"payments"`
	Description      string            `json:"description"`
	Env              map[string]string `json:"env" nullable:"false" doc:"under each function's own variables"`
	LogRetentionDays int               `json:"logRetentionDays" doc:"0 = as the node keeps them"`
	Egress           string            `json:"egress" example:"tcp/10.0.0.0/8:5432" doc:"where its functions may connect to at most; any = wherever the node allows, empty = nowhere"`
	Quota            ebb.Quota         `json:"quota" doc:"0 = no limit of its own"`
	CreatedAt        time.Time         `json:"createdAt"`
	LastModified     time.Time         `json:"lastModified"`
}

// Services is the answer of GET /v1/services.
type Services struct {
	Services []Service `json:"services" nullable:"false" doc:"by name"`
	Next     string    `json:"next,omitempty" doc:"marker of the next page"`
}

type (
	listInput struct {
		Marker string `query:"marker" maxLength:"256" doc:"next of the page before"`
		Limit  int    `query:"limit" minimum:"0" maximum:"100" doc:"items in one answer"`
	}
	ServicePath struct {
		Service string `path:"service" maxLength:"64" doc:"name or id; - is the one that the caller acts for"`
	}
	serviceOutput   struct{ Body Service }
	servicesOutput  struct{ Body Services }
	ServiceSettings struct {
		Description      *string           `json:"description,omitempty" maxLength:"256"`
		Env              map[string]string `json:"env,omitempty" doc:"replaces all of it"`
		LogRetentionDays *int              `json:"logRetentionDays,omitempty"`
		Egress           *string           `json:"egress,omitempty" doc:"rules separated by commas; any = no limit of its own"`
		Quota            *ebb.Quota        `json:"quota,omitempty" doc:"replaces all of it"`
	}
	createServiceInput struct {
		Body struct {
			ID   string `json:"id,omitempty" pattern:"^[0-9]{12}$" doc:"any that is free if left out"`
			Name string `json:"name" maxLength:"63"`
			ServiceSettings
		}
	}
	updateServiceInput struct {
		ServicePath
		Body struct {
			Name *string `json:"name,omitempty" maxLength:"63"`
			ServiceSettings
		}
	}
)

func (a *API) registerServices(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListServices", Method: http.MethodGet, Path: Prefix + "services",
		Summary: "Services: all of them for the node's administrators, else the caller's own",
	}), a.listServices)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "CreateService", Method: http.MethodPost, Path: Prefix + "services",
		Summary: "Make a service", DefaultStatus: http.StatusCreated,
	}), a.createService)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetService", Method: http.MethodGet, Path: Prefix + "services/{service}",
		Summary: "A service",
	}), a.getService)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "UpdateService", Method: http.MethodPatch, Path: Prefix + "services/{service}",
		Summary: "Change a service; what is left out stays",
	}), a.updateService)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteService", Method: http.MethodDelete, Path: Prefix + "services/{service}",
		Summary: "Delete a service without functions, with its keys, roles and secrets",
	}), a.deleteService)
}

// service is the one that the caller acts for.
func service(ctx context.Context) ebb.ServiceID { return auth.From(ctx).Service }

// find reads a service by name or id ("-" is the caller's), if the caller may know of it.
func (a *API) find(ctx context.Context, name string) (*ebb.Service, error) {
	p := auth.From(ctx)
	if name == "-" {
		name = string(p.Service)
	}
	s, err := a.cfg.Functions.Service(ctx, name)
	if !p.Node && (err == nil && !p.Reaches(s.ID) || ebb.KindOf(err) == ebb.NotFound) {
		// Whether there is such a service is not theirs to know.
		return nil, ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
			"User: %s is not authorized to act for the service %.80q", p.ARN, name)
	}
	return s, err
}

func (a *API) listServices(ctx context.Context, in *listInput) (*servicesOutput, error) {
	answer := Services{Services: []Service{}}
	p := auth.From(ctx)
	if !p.Node {
		s, err := a.cfg.Functions.Service(ctx, string(p.Service))
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		answer.Services = append(answer.Services, shownService(s))
		return &servicesOutput{answer}, nil
	}
	all, next, err := a.cfg.Functions.Services(ctx, in.Marker, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	for _, s := range all {
		answer.Services = append(answer.Services, shownService(s))
	}
	answer.Next = next
	return &servicesOutput{answer}, nil
}

func (a *API) createService(ctx context.Context, in *createServiceInput) (*serviceOutput, error) {
	c, err := in.Body.change()
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	c.ID, c.Name = ebb.ServiceID(in.Body.ID), &in.Body.Name
	s, err := a.cfg.Functions.CreateService(ctx, c)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &serviceOutput{shownService(s)}, nil
}

func (a *API) getService(ctx context.Context, in *ServicePath) (*serviceOutput, error) {
	s, err := a.find(ctx, in.Service)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &serviceOutput{shownService(s)}, nil
}

func (a *API) updateService(ctx context.Context, in *updateServiceInput) (*serviceOutput, error) {
	c, err := in.Body.change()
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	s, err := a.find(ctx, in.Service)
	if err == nil {
		c.Name = in.Body.Name
		s, err = a.cfg.Functions.UpdateService(ctx, s.ID, c)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &serviceOutput{shownService(s)}, nil
}

func (a *API) deleteService(ctx context.Context, in *ServicePath) (*struct{}, error) {
	s, err := a.find(ctx, in.Service)
	if err == nil {
		err = a.cfg.Functions.DeleteService(ctx, s.ID)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return nil, nil
}

// change reads what a request sets.
func (b *ServiceSettings) change() (function.ServiceChange, error) {
	c := function.ServiceChange{Description: b.Description, Env: b.Env, LogRetentionDays: b.LogRetentionDays, Quota: b.Quota}
	switch {
	case b.Egress == nil:
	case *b.Egress == egressAny:
		c.NoEgress = true
	default:
		e, err := ebb.ParseEgress(*b.Egress)
		if err != nil {
			return c, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "egress: %w", err)
		}
		c.Egress = &e
	}
	return c, nil
}

func shownService(s *ebb.Service) Service {
	out := Service{
		ID: string(s.ID), Name: s.Name, Description: s.Description, Env: s.Env, LogRetentionDays: s.LogRetentionDays,
		Egress: egressAny, Quota: s.Quota, CreatedAt: s.CreatedAt, LastModified: s.LastModified,
	}
	if out.Env == nil {
		out.Env = map[string]string{}
	}
	if s.Egress != nil {
		out.Egress = s.Egress.String()
	}
	return out
}
