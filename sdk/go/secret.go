package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Secret is a secret without its value.
type Secret struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	Reference    string          `json:"reference"` // what stands for it in an environment
	Current      int64           `json:"current"`   // version
	CreatedAt    time.Time       `json:"createdAt"`
	LastModified time.Time       `json:"lastModified"`
	Versions     []SecretVersion `json:"versions"` // newest first
}

// SecretVersion is one value that a secret has or had.
type SecretVersion struct {
	Number    int64     `json:"number"`
	Size      int       `json:"size"`   // bytes
	Binary    bool      `json:"binary"` // in an environment it is base64
	CreatedAt time.Time `json:"createdAt"`
}

// Secrets lists the secrets of the service, without their values.
func (c *Client) Secrets(ctx context.Context) ([]Secret, error) {
	var all []Secret
	err := c.pages(ctx, "/v1/secrets", nil, func() (any, func() string) {
		var p struct {
			Secrets []Secret
			Next    string
		}
		return &p, func() string { all = append(all, p.Secrets...); return p.Next }
	})
	return all, err
}

// Secret returns a secret, without its value.
func (c *Client) Secret(ctx context.Context, name string) (*Secret, error) {
	return one[Secret](c, ctx, http.MethodGet, "/v1/secrets/"+url.PathEscape(name), nil, nil)
}

// PutSecret makes a secret, or gives it a new value. description may be nil.
func (c *Client) PutSecret(ctx context.Context, name string, value []byte, description *string) (*Secret, error) {
	return one[Secret](c, ctx, http.MethodPut, "/v1/secrets/"+url.PathEscape(name), nil, struct {
		Description *string `json:"description,omitempty"`
		ValueBase64 string  `json:"valueBase64"`
	}{description, base64.StdEncoding.EncodeToString(value)})
}

// RotateSecret gives a secret a random value of so many letters and digits; 0 =
// the platform's choice.
func (c *Client) RotateSecret(ctx context.Context, name string, length int) (*Secret, error) {
	return one[Secret](c, ctx, http.MethodPost, "/v1/secrets/"+url.PathEscape(name)+"/rotate", nil, struct {
		Length int `json:"length,omitempty"`
	}{length})
}

// RevealSecret returns the value of a version of a secret, 0 being the current
// one. The platform writes down who asked.
func (c *Client) RevealSecret(ctx context.Context, name string, version int64) (value []byte, number int64, err error) {
	out, err := one[struct {
		Version     int64
		Value       *string
		ValueBase64 string
	}](c, ctx, http.MethodPost, "/v1/secrets/"+url.PathEscape(name)+"/reveal", url.Values{"version": {strconv.FormatInt(version, 10)}}, nil)
	if err != nil {
		return nil, 0, err
	}
	if out.Value != nil {
		return []byte(*out.Value), out.Version, nil
	}
	if value, err = base64.StdEncoding.DecodeString(out.ValueBase64); err != nil {
		return nil, 0, fmt.Errorf("client: the value is not base64")
	}
	return value, out.Version, nil
}

// DeleteSecret deletes a secret; by force also one that something refers to.
func (c *Client) DeleteSecret(ctx context.Context, name string, force bool) error {
	return c.call(ctx, http.MethodDelete, "/v1/secrets/"+url.PathEscape(name), url.Values{"force": {strconv.FormatBool(force)}}, nil, nil)
}

// RotateMasterKey makes a new master key and returns its id.
func (c *Client) RotateMasterKey(ctx context.Context) (id string, err error) {
	out, err := one[struct{ ID string }](c, ctx, http.MethodPost, "/v1/master-key/rotate", nil, nil)
	if err != nil {
		return "", err
	}
	return out.ID, nil
}
