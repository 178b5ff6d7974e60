package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Role is a permission set that functions of a service act with.
type Role struct {
	Name         string          `json:"name"`
	ARN          string          `json:"arn"`
	Policy       json.RawMessage `json:"policy"` // an IAM policy document
	CreatedAt    time.Time       `json:"createdAt"`
	LastModified time.Time       `json:"lastModified"`
}

// Roles lists the roles of the service.
func (c *Client) Roles(ctx context.Context) ([]Role, error) {
	var all []Role
	err := c.pages(ctx, "/v1/roles", nil, func() (any, func() string) {
		var p struct {
			Roles []Role
			Next  string
		}
		return &p, func() string { all = append(all, p.Roles...); return p.Next }
	})
	return all, err
}

// Role returns a role.
func (c *Client) Role(ctx context.Context, name string) (*Role, error) {
	return one[Role](c, ctx, http.MethodGet, "/v1/roles/"+url.PathEscape(name), nil, nil)
}

// PutRole makes a role, or replaces its policy, an IAM policy document in JSON.
func (c *Client) PutRole(ctx context.Context, name string, policy json.RawMessage) (*Role, error) {
	return one[Role](c, ctx, http.MethodPut, "/v1/roles/"+url.PathEscape(name), nil, policy)
}

// DeleteRole deletes a role.
func (c *Client) DeleteRole(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/roles/"+url.PathEscape(name), nil, nil, nil)
}
