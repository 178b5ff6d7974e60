package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Publisher is a public key whose signature on code a service may ask for.
type Publisher struct {
	Name      string    `json:"name"`
	Version   string    `json:"version"` // made from the key
	ARN       string    `json:"arn"`
	PublicKey string    `json:"publicKey"` // PEM
	CreatedAt time.Time `json:"createdAt"`
}

// Publishers lists those who sign code for the service.
func (c *Client) Publishers(ctx context.Context) ([]Publisher, error) {
	var all []Publisher
	err := c.pages(ctx, "/v1/publishers", nil, func() (any, func() string) {
		var p struct {
			Publishers []Publisher
			Next       string
		}
		return &p, func() string { all = append(all, p.Publishers...); return p.Next }
	})
	return all, err
}

// AddPublisher registers an ed25519 public key (PEM) under a publisher's name.
func (c *Client) AddPublisher(ctx context.Context, name, publicKey string) (*Publisher, error) {
	return one[Publisher](c, ctx, http.MethodPost, "/v1/publishers", nil, map[string]string{"name": name, "publicKey": publicKey})
}

// RemovePublisher takes one key of a publisher away, or with version "" all.
func (c *Client) RemovePublisher(ctx context.Context, name, version string) error {
	query := url.Values{}
	if version != "" {
		query.Set("version", version)
	}
	return c.call(ctx, http.MethodDelete, "/v1/publishers/"+url.PathEscape(name), query, nil, nil)
}
