package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/secret"
)

// Secret is a secret without its value.
type Secret struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Reference    string          `json:"reference" example:"secret://db-password" doc:"what stands for it in an environment"`
	Current      int64           `json:"current" doc:"the version that references without a number mean"`
	CreatedAt    time.Time       `json:"createdAt"`
	LastModified time.Time       `json:"lastModified"`
	Versions     []SecretVersion `json:"versions" nullable:"false" doc:"those that are kept, newest first"`
}

// SecretVersion is one value that a secret has or had.
type SecretVersion struct {
	Number    int64     `json:"number"`
	Size      int       `json:"size" doc:"bytes"`
	Binary    bool      `json:"binary" doc:"not text: in an environment it is base64"`
	CreatedAt time.Time `json:"createdAt"`
}

// Secrets is the answer of GET /v1/secrets.
type Secrets struct {
	Secrets []Secret `json:"secrets" nullable:"false" doc:"by name"`
	Next    string   `json:"next,omitempty" doc:"marker of the next page"`
}

// SecretValue is a secret's value, in one of two forms.
type SecretValue struct {
	Value       *string `json:"value,omitempty" doc:"as text"`
	ValueBase64 *string `json:"valueBase64,omitempty" doc:"as bytes"`
}

// RevealedSecret is the answer of RevealSecret.
type RevealedSecret struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
	SecretValue
}

// MasterKey is the answer of RotateMasterKey.
type MasterKey struct {
	ID string `json:"id" doc:"of the new master key; tells keys apart and reveals nothing"`
}

type (
	SecretPath struct {
		Name string `path:"name" maxLength:"128"`
	}
	putSecretInput struct {
		SecretPath
		Body struct {
			Description *string `json:"description,omitempty" maxLength:"256"`
			SecretValue
		}
	}
	deleteSecretInput struct {
		SecretPath
		Force bool `query:"force" doc:"also if something refers to it"`
	}
	revealSecretInput struct {
		SecretPath
		Version int64 `query:"version" minimum:"0" doc:"0 = the current one"`
	}
	rotateSecretInput struct {
		SecretPath
		Body struct {
			Length int `json:"length,omitempty" minimum:"0" maximum:"1024" doc:"letters and digits of the new value; 40 if left out"`
		}
	}
	secretOutput   struct{ Body Secret }
	secretsOutput  struct{ Body Secrets }
	revealedOutput struct {
		CacheControl string `header:"Cache-Control"`
		Body         RevealedSecret
	}
	masterKeyOutput struct{ Body MasterKey }
)

// rotatedLength is how long a random value is: 200 bits.
const rotatedLength = 40

func (a *API) registerSecrets(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListSecrets", Method: http.MethodGet, Path: Prefix + "secrets", Summary: "Secrets of the service, without their values",
	}), a.listSecrets)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetSecret", Method: http.MethodGet, Path: Prefix + "secrets/{name}", Summary: "A secret, without its value",
	}), a.getSecret)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "PutSecret", Method: http.MethodPut, Path: Prefix + "secrets/{name}",
		Summary: "Make a secret, or give it a new value; instances that have the old one are replaced",
	}), a.putSecret)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RotateSecret", Method: http.MethodPost, Path: Prefix + "secrets/{name}/rotate",
		Summary: "Give a secret a random value",
	}), a.rotateSecret)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RevealSecret", Method: http.MethodPost, Path: Prefix + "secrets/{name}/reveal",
		Summary: "The value of a secret; it is written down who asked",
	}), a.revealSecret)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "DeleteSecret", Method: http.MethodDelete, Path: Prefix + "secrets/{name}",
		Summary: "Delete a secret that nothing refers to",
	}), a.deleteSecret)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RotateMasterKey", Method: http.MethodPost, Path: Prefix + "master-key/rotate",
		Summary: "Make a new master key and put everything under it",
	}), a.rotateMasterKey)
}

func (a *API) listSecrets(ctx context.Context, in *listInput) (*secretsOutput, error) {
	all, next, err := a.cfg.Secrets.List(ctx, service(ctx), in.Marker, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	answer := Secrets{Secrets: []Secret{}, Next: next}
	for _, s := range all {
		answer.Secrets = append(answer.Secrets, shownSecret(s))
	}
	return &secretsOutput{answer}, nil
}

func (a *API) getSecret(ctx context.Context, in *SecretPath) (*secretOutput, error) {
	s, err := a.cfg.Secrets.Get(ctx, service(ctx), in.Name)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &secretOutput{shownSecret(s)}, nil
}

func (a *API) putSecret(ctx context.Context, in *putSecretInput) (*secretOutput, error) {
	value, err := in.Body.bytes()
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	s, err := a.cfg.Secrets.Put(ctx, secret.Put{Service: service(ctx), Name: in.Name, Description: in.Body.Description, Value: value})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "secret changed", "secret", s.Name, "version", s.Current)
	return &secretOutput{shownSecret(s)}, nil
}

func (a *API) rotateSecret(ctx context.Context, in *rotateSecretInput) (*secretOutput, error) {
	length := in.Body.Length
	if length == 0 {
		length = rotatedLength
	}
	s, err := a.cfg.Secrets.Rotate(ctx, service(ctx), in.Name, length)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "secret rotated", "secret", s.Name, "version", s.Current)
	return &secretOutput{shownSecret(s)}, nil
}

func (a *API) revealSecret(ctx context.Context, in *revealSecretInput) (*revealedOutput, error) {
	value, v, err := a.cfg.Secrets.Value(ctx, service(ctx), ebb.SecretRef{Name: in.Name, Version: in.Version})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "secret revealed", "secret", in.Name, "version", v.Number)
	out := RevealedSecret{Name: in.Name, Version: v.Number}
	if v.Binary {
		out.ValueBase64 = new(base64.StdEncoding.EncodeToString(value))
	} else {
		out.Value = new(string(value))
	}
	return &revealedOutput{"no-store", out}, nil
}

func (a *API) deleteSecret(ctx context.Context, in *deleteSecretInput) (*struct{}, error) {
	if err := a.cfg.Secrets.Delete(ctx, service(ctx), in.Name, in.Force); err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "secret deleted", "secret", in.Name)
	return nil, nil
}

func (a *API) rotateMasterKey(ctx context.Context, _ *struct{}) (*masterKeyOutput, error) {
	id, err := a.cfg.Secrets.RotateMasterKey(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	a.audit(ctx, "master key rotated", "key", id)
	return &masterKeyOutput{MasterKey{id}}, nil
}

// bytes reads a value from either form.
func (v *SecretValue) bytes() ([]byte, error) {
	switch {
	case v.Value != nil && v.ValueBase64 == nil:
		return []byte(*v.Value), nil
	case v.Value == nil && v.ValueBase64 != nil:
		b, err := base64.StdEncoding.DecodeString(*v.ValueBase64)
		if err != nil {
			// The decoder's own message would tell where, and so something of the value.
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "valueBase64: is not base64")
		}
		return b, nil
	}
	return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "value: either value or valueBase64 must be given")
}

func shownSecret(s *ebb.Secret) Secret {
	out := Secret{Name: s.Name, Description: s.Description, Reference: ebb.SecretScheme + s.Name, Current: s.Current,
		CreatedAt: s.CreatedAt, LastModified: s.LastModified, Versions: []SecretVersion{}}
	for _, v := range s.Versions {
		out.Versions = append(out.Versions, SecretVersion(v))
	}
	return out
}
