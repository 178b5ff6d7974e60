package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/signature"
)

// Publisher is a public key whose signature on code a service may ask for.
type Publisher struct {
	Name      string    `json:"name"`
	Version   string    `json:"version" doc:"made from the key"`
	ARN       string    `json:"arn" doc:"what code signing configurations name as SigningProfileVersionArn"`
	PublicKey string    `json:"publicKey" doc:"PEM"`
	CreatedAt time.Time `json:"createdAt"`
}

// Publishers is the answer of GET /v1/publishers.
type Publishers struct {
	Publishers []Publisher `json:"publishers" nullable:"false" doc:"by name and version"`
	Next       string      `json:"next,omitempty" doc:"marker of the next page"`
}

type (
	addPublisherInput struct {
		Body struct {
			Name      string `json:"name" maxLength:"64"`
			PublicKey string `json:"publicKey" maxLength:"4096" doc:"PEM of an ed25519 public key"`
		}
	}
	removePublisherInput struct {
		Name    string `path:"name" maxLength:"64"`
		Version string `query:"version" maxLength:"10" doc:"of one key; all without it"`
	}
	publisherOutput  struct{ Body Publisher }
	publishersOutput struct{ Body Publishers }
)

func (a *API) registerPublishers(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListPublishers", Method: http.MethodGet, Path: Prefix + "publishers", Summary: "Who signs code for the service",
	}), a.listPublishers)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "AddPublisher", Method: http.MethodPost, Path: Prefix + "publishers", DefaultStatus: http.StatusCreated,
		Summary: "Register a public key under a publisher's name, which may have several",
	}), a.addPublisher)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RemovePublisher", Method: http.MethodDelete, Path: Prefix + "publishers/{name}",
		Summary: "Take keys of a publisher away; code that they signed is not trusted from then on",
	}), a.removePublisher)
}

func (a *API) listPublishers(ctx context.Context, in *listInput) (*publishersOutput, error) {
	all, next, err := a.cfg.Functions.Publishers(ctx, service(ctx), in.Marker, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Publishers{Publishers: []Publisher{}, Next: next}
	for _, p := range all {
		shown, err := a.shownPublisher(p)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		answer.Publishers = append(answer.Publishers, shown)
	}
	return &publishersOutput{answer}, nil
}

func (a *API) addPublisher(ctx context.Context, in *addPublisherInput) (*publisherOutput, error) {
	key, err := signature.ParsePublicKey([]byte(in.Body.PublicKey))
	if err != nil {
		return nil, a.problem(ctx, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "publicKey: %v", err))
	}
	p, err := a.cfg.Functions.AddPublisher(ctx, service(ctx), in.Body.Name, key)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	shown, err := a.shownPublisher(p)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "publisher added", "publisher", shown.ARN)
	return &publisherOutput{shown}, nil
}

func (a *API) removePublisher(ctx context.Context, in *removePublisherInput) (*struct{}, error) {
	if err := a.cfg.Functions.RemovePublisher(ctx, service(ctx), in.Name, in.Version); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "publisher removed", "publisher", in.Name, "version", in.Version)
	return nil, nil
}

func (a *API) shownPublisher(p *ebb.Publisher) (Publisher, error) {
	text, err := signature.MarshalPublicKey(p.PublicKey)
	return Publisher{Name: p.Name, Version: p.Version, ARN: ebb.PublisherARN(a.cfg.Region, p), PublicKey: string(text), CreatedAt: p.CreatedAt}, err
}
