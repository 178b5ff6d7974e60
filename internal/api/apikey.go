package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// APIKey lets its holder call routes, by the header X-Api-Key.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Enabled    bool       `json:"enabled"`
	Triggers   []string   `json:"triggers" nullable:"false" doc:"the routes it opens; none = all of the service that take keys"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty" doc:"to the minute, about a minute late"`
}

// NewAPIKey is an API key with the key itself, told once.
type NewAPIKey struct {
	APIKey
	Key string `json:"key" doc:"for X-Api-Key; told this once"`
}

// APIKeys is the answer of GET /v1/api-keys.
type APIKeys struct {
	Keys []APIKey `json:"keys" nullable:"false" doc:"by name"`
	Next string   `json:"next,omitempty" doc:"marker of the next page"`
}

type (
	APIKeyPath struct {
		Name string `path:"name" maxLength:"64"`
	}
	createAPIKeyInput struct {
		Body struct {
			Name      string     `json:"name" maxLength:"64"`
			Triggers  []string   `json:"triggers,omitempty" maxItems:"100" doc:"the routes it opens; all of the service that take keys if left out"`
			ExpiresAt *time.Time `json:"expiresAt,omitempty"`
		}
	}
	updateAPIKeyInput struct {
		APIKeyPath
		Body struct {
			Enabled   *bool      `json:"enabled,omitempty"`
			Triggers  *[]string  `json:"triggers,omitempty" maxItems:"100"`
			ExpiresAt *time.Time `json:"expiresAt,omitempty"`
			Forever   bool       `json:"forever,omitempty" doc:"take the expiry away"`
		}
	}
	apiKeyOutput    struct{ Body APIKey }
	newAPIKeyOutput struct{ Body NewAPIKey }
	apiKeysOutput   struct{ Body APIKeys }
)

// defaultAPIKeys is how many API keys one answer lists.
const defaultAPIKeys = 100

func (a *API) registerAPIKeys(h huma.API) {
	all, one := Prefix+"api-keys", Prefix+"api-keys/{name}"
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListAPIKeys", Method: http.MethodGet, Path: all, Summary: "API keys of the service, for its routes",
	}), a.listAPIKeys)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "CreateAPIKey", Method: http.MethodPost, Path: all,
		Summary: "Make an API key; the key itself is told this once", DefaultStatus: http.StatusCreated,
	}), a.createAPIKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetAPIKey", Method: http.MethodGet, Path: one, Summary: "An API key, without the key itself",
	}), a.getAPIKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "UpdateAPIKey", Method: http.MethodPatch, Path: one,
		Summary: "Enable, disable or limit an API key; on other nodes within a second",
	}), a.updateAPIKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteAPIKey", Method: http.MethodDelete, Path: one, Summary: "Delete an API key",
	}), a.deleteAPIKey)
}

func (a *API) listAPIKeys(ctx context.Context, in *listInput) (*apiKeysOutput, error) {
	limit := in.Limit
	if limit == 0 {
		limit = defaultAPIKeys
	}
	ks, err := a.cfg.Auth.ListAPIKeys(ctx, service(ctx), in.Marker, limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := APIKeys{Keys: []APIKey{}}
	if len(ks) > limit {
		ks = ks[:limit]
		answer.Next = ks[limit-1].Name
	}
	for _, k := range ks {
		answer.Keys = append(answer.Keys, shownAPIKey(k))
	}
	return &apiKeysOutput{answer}, nil
}

func (a *API) createAPIKey(ctx context.Context, in *createAPIKeyInput) (*newAPIKeyOutput, error) {
	k := ebb.APIKey{Service: service(ctx), Name: in.Body.Name, Triggers: in.Body.Triggers}
	if in.Body.ExpiresAt != nil {
		k.ExpiresAt = *in.Body.ExpiresAt
	}
	made, key, err := a.cfg.Auth.CreateAPIKey(ctx, k)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "API key created", "key", made.ID, "name", made.Name)
	return &newAPIKeyOutput{NewAPIKey{shownAPIKey(made), key}}, nil
}

func (a *API) getAPIKey(ctx context.Context, in *APIKeyPath) (*apiKeyOutput, error) {
	k, err := a.cfg.Auth.GetAPIKey(ctx, service(ctx), in.Name)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &apiKeyOutput{shownAPIKey(k)}, nil
}

func (a *API) updateAPIKey(ctx context.Context, in *updateAPIKeyInput) (*apiKeyOutput, error) {
	c := auth.ChangeAPIKey{Enabled: in.Body.Enabled, ExpiresAt: in.Body.ExpiresAt, Triggers: in.Body.Triggers}
	if in.Body.Forever {
		c.ExpiresAt = new(time.Time)
	}
	k, err := a.cfg.Auth.UpdateAPIKey(ctx, service(ctx), in.Name, c)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "API key changed", "key", k.ID, "name", k.Name, "enabled", k.Enabled)
	return &apiKeyOutput{shownAPIKey(k)}, nil
}

func (a *API) deleteAPIKey(ctx context.Context, in *APIKeyPath) (*struct{}, error) {
	if err := a.cfg.Auth.DeleteAPIKey(ctx, service(ctx), in.Name); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "API key deleted", "name", in.Name)
	return nil, nil
}

func shownAPIKey(k *ebb.APIKey) APIKey {
	triggers := k.Triggers
	if triggers == nil {
		triggers = []string{}
	}
	return APIKey{ID: k.ID, Name: k.Name, Enabled: k.Enabled, Triggers: triggers,
		CreatedAt: k.CreatedAt, ExpiresAt: some(k.ExpiresAt), LastUsedAt: some(k.LastUsedAt)}
}
