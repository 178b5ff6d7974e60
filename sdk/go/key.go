package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Key is an access key, without what proves it.
type Key struct {
	ID         string     `json:"id"` // the access key id
	Name       string     `json:"name"`
	Service    string     `json:"service,omitempty"` // id; "" of a key of the node
	Node       bool       `json:"node"`              // it acts for any service
	Role       string     `json:"role"`              // admin, operator, developer, auditor or invoker
	Enabled    bool       `json:"enabled"`
	CreatedAt  time.Time  `json:"createdAt"`
	ExpiresAt  *time.Time `json:"expiresAt,omitempty"`
	LastUsedAt *time.Time `json:"lastUsedAt,omitempty"` // to the minute
	ReplacedBy string     `json:"replacedBy,omitempty"`
}

// NewKey is an access key with what proves it, which is told once.
type NewKey struct {
	Key
	SecretAccessKey string `json:"secretAccessKey"`
	Token           string `json:"token"`
}

// KeyChange is what to set of a key; what is nil stays.
type KeyChange struct {
	Name      *string    `json:"name,omitempty"`
	Role      *string    `json:"role,omitempty"`
	Enabled   *bool      `json:"enabled,omitempty"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Forever   bool       `json:"forever,omitempty"` // take the expiry away
}

func ofNode(node bool) url.Values {
	if node {
		return url.Values{"node": {"true"}}
	}
	return nil
}

// Keys lists the access keys of the service, or of the node.
func (c *Client) Keys(ctx context.Context, node bool) ([]Key, error) {
	var all []Key
	err := c.pages(ctx, "/v1/keys", ofNode(node), func() (any, func() string) {
		var p struct {
			Keys []Key
			Next string
		}
		return &p, func() string { all = append(all, p.Keys...); return p.Next }
	})
	return all, err
}

// Key returns an access key.
func (c *Client) Key(ctx context.Context, node bool, id string) (*Key, error) {
	return one[Key](c, ctx, http.MethodGet, "/v1/keys/"+url.PathEscape(id), ofNode(node), nil)
}

// CreateKey makes an access key. expires may be nil.
func (c *Client) CreateKey(ctx context.Context, node bool, name, role string, expires *time.Time) (*NewKey, error) {
	return one[NewKey](c, ctx, http.MethodPost, "/v1/keys", ofNode(node), struct {
		Name      string     `json:"name"`
		Role      string     `json:"role"`
		ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	}{name, role, expires})
}

// UpdateKey changes an access key.
func (c *Client) UpdateKey(ctx context.Context, node bool, id string, change KeyChange) (*Key, error) {
	return one[Key](c, ctx, http.MethodPatch, "/v1/keys/"+url.PathEscape(id), ofNode(node), change)
}

// RotateKey makes a key in the place of another, which goes on for the overlap.
func (c *Client) RotateKey(ctx context.Context, node bool, id string, overlap time.Duration) (*NewKey, error) {
	return one[NewKey](c, ctx, http.MethodPost, "/v1/keys/"+url.PathEscape(id)+"/rotate", ofNode(node), struct {
		OverlapSeconds int64 `json:"overlapSeconds"`
	}{int64(overlap / time.Second)})
}

// DeleteKey ends an access key for good.
func (c *Client) DeleteKey(ctx context.Context, node bool, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), ofNode(node), nil, nil)
}
