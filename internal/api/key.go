package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Key is an access key, without what proves it.
type Key struct {
	ID         string     `json:"id" doc:"the access key id"`
	Name       string     `json:"name" doc:"whose it is"`
	Service    string     `json:"service,omitempty" doc:"id; absent of a key of the node"`
	Node       bool       `json:"node" doc:"it acts for any service"`
	Role       string     `json:"role" enum:"admin,operator,developer,auditor,invoker"`
	Enabled    bool       `json:"enabled"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty" doc:"to the minute, about a minute late"`
	ReplacedBy string     `json:"replacedBy,omitempty" doc:"the key that rotation made"`
}

// NewKey is an access key with what proves it, told once.
type NewKey struct {
	Key
	SecretAccessKey string `json:"secretAccessKey" doc:"for AWS signatures; told this once"`
	Token           string `json:"token" doc:"for Authorization: Bearer; told this once"`
}

// Keys is the answer of GET /v1/keys.
type Keys struct {
	Keys []Key  `json:"keys" nullable:"false" doc:"by id"`
	Next string `json:"next,omitempty" doc:"marker of the next page"`
}

type (
	KeyOwner struct {
		Node bool `query:"node" doc:"keys of the node instead of those of the service"`
	}
	listKeysInput struct {
		KeyOwner
		Marker string `query:"marker" maxLength:"64" doc:"next of the page before"`
	}
	KeyPath struct {
		KeyOwner
		ID string `path:"id" maxLength:"64" doc:"the access key id"`
	}
	createKeyInput struct {
		KeyOwner
		Body struct {
			Name      string     `json:"name" maxLength:"64"`
			Role      string     `json:"role" enum:"admin,operator,developer,auditor,invoker"`
			ExpiresAt *time.Time `json:"expiresAt,omitempty"`
		}
	}
	updateKeyInput struct {
		KeyPath
		Body struct {
			Name      *string    `json:"name,omitempty" maxLength:"64"`
			Role      *string    `json:"role,omitempty" enum:"admin,operator,developer,auditor,invoker"`
			Enabled   *bool      `json:"enabled,omitempty"`
			ExpiresAt *time.Time `json:"expiresAt,omitempty"`
			Forever   bool       `json:"forever,omitempty" doc:"take the expiry away"`
		}
	}
	rotateKeyInput struct {
		KeyPath
		Body struct {
			OverlapSeconds *int64 `json:"overlapSeconds,omitempty" minimum:"0" maximum:"7776000" doc:"how long the old key goes on; a day if left out"`
		}
	}
	keyOutput    struct{ Body Key }
	newKeyOutput struct{ Body NewKey }
	keysOutput   struct{ Body Keys }
)

// defaultOverlap is how long a key goes on beside the one that replaced it.
const defaultOverlap = 24 * time.Hour

func (a *API) registerKeys(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListKeys", Method: http.MethodGet, Path: Prefix + "keys", Summary: "Access keys of the service",
	}), a.listKeys)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "CreateKey", Method: http.MethodPost, Path: Prefix + "keys",
		Summary: "Make an access key; what proves it is told this once", DefaultStatus: http.StatusCreated,
	}), a.createKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetKey", Method: http.MethodGet, Path: Prefix + "keys/{id}", Summary: "An access key",
	}), a.getKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "UpdateKey", Method: http.MethodPatch, Path: Prefix + "keys/{id}",
		Summary: "Enable, disable, rename or limit an access key; on other nodes within a second",
	}), a.updateKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RotateKey", Method: http.MethodPost, Path: Prefix + "keys/{id}/rotate",
		Summary: "Make a key in the place of this one, which goes on for a while", DefaultStatus: http.StatusCreated,
	}), a.rotateKey)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteKey", Method: http.MethodDelete, Path: Prefix + "keys/{id}", Summary: "Delete an access key",
	}), a.deleteKey)
}

// owner is whose keys are meant: the service's, or "" for the node's.
func (in KeyOwner) owner(ctx context.Context) (ebb.ServiceID, error) {
	p := auth.From(ctx)
	if !in.Node {
		return p.Service, nil
	}
	if !p.Node {
		return "", ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "User: %s is not authorized to administer keys of the node", p.ARN)
	}
	return "", nil
}

func (a *API) listKeys(ctx context.Context, in *listKeysInput) (*keysOutput, error) {
	owner, err := in.owner(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	all, next, err := a.cfg.Auth.ListKeys(ctx, owner, in.Marker)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Keys{Keys: []Key{}, Next: next}
	for _, k := range all {
		answer.Keys = append(answer.Keys, shownKey(k))
	}
	return &keysOutput{answer}, nil
}

func (a *API) createKey(ctx context.Context, in *createKeyInput) (*newKeyOutput, error) {
	owner, err := in.owner(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	n := auth.NewKey{Service: owner, Name: in.Body.Name, Role: ebb.PlatformRole(in.Body.Role)}
	if in.Body.ExpiresAt != nil {
		n.ExpiresAt = *in.Body.ExpiresAt
	}
	k, c, err := a.cfg.Auth.CreateKey(ctx, n)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "access key created", "key", k.ID, "name", k.Name, "role", string(k.Role))
	return &newKeyOutput{NewKey{shownKey(k), c.SecretAccessKey, c.Token}}, nil
}

func (a *API) getKey(ctx context.Context, in *KeyPath) (*keyOutput, error) {
	owner, err := in.owner(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	k, err := a.cfg.Auth.GetKey(ctx, owner, in.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &keyOutput{shownKey(k)}, nil
}

func (a *API) updateKey(ctx context.Context, in *updateKeyInput) (*keyOutput, error) {
	owner, err := in.owner(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	c := auth.ChangeKey{Name: in.Body.Name, Enabled: in.Body.Enabled, ExpiresAt: in.Body.ExpiresAt}
	if in.Body.Role != nil {
		c.Role = new(ebb.PlatformRole(*in.Body.Role))
	}
	if in.Body.Forever {
		c.ExpiresAt = new(time.Time)
	}
	k, err := a.cfg.Auth.UpdateKey(ctx, owner, in.ID, c)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "access key changed", "key", k.ID, "role", string(k.Role), "enabled", k.Enabled)
	return &keyOutput{shownKey(k)}, nil
}

func (a *API) rotateKey(ctx context.Context, in *rotateKeyInput) (*newKeyOutput, error) {
	owner, err := in.owner(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	overlap := defaultOverlap
	if s := in.Body.OverlapSeconds; s != nil {
		overlap = time.Duration(*s) * time.Second
	}
	k, c, err := a.cfg.Auth.RotateKey(ctx, owner, in.ID, overlap)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "access key rotated", "key", in.ID, "new", k.ID)
	return &newKeyOutput{NewKey{shownKey(k), c.SecretAccessKey, c.Token}}, nil
}

func (a *API) deleteKey(ctx context.Context, in *KeyPath) (*struct{}, error) {
	owner, err := in.owner(ctx)
	if err == nil {
		err = a.cfg.Auth.DeleteKey(ctx, owner, in.ID)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "access key deleted", "key", in.ID)
	return nil, nil
}

// audit writes down who did what to keys and values.
func (a *API) audit(ctx context.Context, what string, about ...any) {
	p := auth.From(ctx)
	a.cfg.Log.InfoContext(ctx, what, append(about, "by", p.ARN, "with", p.AccessKey, "service", string(p.Service), "request", requestID(ctx))...) //nolint:sloglint // what is a constant of each caller
}

func shownKey(k *ebb.AccessKey) Key {
	return Key{
		ID: k.ID, Name: k.Name, Service: string(k.Service), Node: k.Service == "", Role: string(k.Role), Enabled: k.Enabled,
		CreatedAt: k.CreatedAt, ExpiresAt: some(k.ExpiresAt), LastUsedAt: some(k.LastUsedAt), ReplacedBy: k.ReplacedBy,
	}
}

// some is a time that may be none.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
