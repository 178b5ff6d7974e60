package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// APIKey lets its holder call routes, by the header X-Api-Key.
type APIKey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Enabled    bool       `json:"enabled"`
	Triggers   []string   `json:"triggers"` // the routes it opens; none = all of the service that take keys
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty"` // to the minute
}

// NewAPIKey is an API key with the key itself, which is told once.
type NewAPIKey struct {
	APIKey
	Key string `json:"key"`
}

// APIKeyChange is what to set of an API key; what is nil stays.
type APIKeyChange struct {
	Enabled   *bool      `json:"enabled,omitempty"`
	Triggers  *[]string  `json:"triggers,omitempty"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Forever   bool       `json:"forever,omitempty"` // take the expiry away
}

// APIKeys lists the API keys of the service.
func (c *Client) APIKeys(ctx context.Context) ([]APIKey, error) {
	var all []APIKey
	err := c.pages(ctx, "/v1/api-keys", nil, func() (any, func() string) {
		var p struct {
			Keys []APIKey
			Next string
		}
		return &p, func() string { all = append(all, p.Keys...); return p.Next }
	})
	return all, err
}

// APIKey returns an API key, without the key itself.
func (c *Client) APIKey(ctx context.Context, name string) (*APIKey, error) {
	return one[APIKey](c, ctx, http.MethodGet, apiKeyPath(name), nil, nil)
}

// CreateAPIKey makes an API key for some routes, or for all of the service that
// take keys. expires may be nil.
func (c *Client) CreateAPIKey(ctx context.Context, name string, triggers []string, expires *time.Time) (*NewAPIKey, error) {
	return one[NewAPIKey](c, ctx, http.MethodPost, "/v1/api-keys", nil, struct {
		Name      string     `json:"name"`
		Triggers  []string   `json:"triggers,omitempty"`
		ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	}{name, triggers, expires})
}

// UpdateAPIKey changes an API key.
func (c *Client) UpdateAPIKey(ctx context.Context, name string, change APIKeyChange) (*APIKey, error) {
	return one[APIKey](c, ctx, http.MethodPatch, apiKeyPath(name), nil, change)
}

// DeleteAPIKey ends an API key for good.
func (c *Client) DeleteAPIKey(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, apiKeyPath(name), nil, nil, nil)
}

func apiKeyPath(name string) string { return "/v1/api-keys/" + url.PathEscape(name) }
