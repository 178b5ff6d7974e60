package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// ServiceHeader names the service that a request is about.
const ServiceHeader = "X-Ebb-Service"

// Quota is what a service may take of a platform; 0 = no limit of its own.
type Quota struct {
	Concurrency       int   `json:"concurrency,omitempty"`       // invocations in flight
	MemoryMB          int   `json:"memoryMB,omitempty"`          // their functions' memory together
	RequestsPerSecond int   `json:"requestsPerSecond,omitempty"` // invocations that begin in a second
	Functions         int   `json:"functions,omitempty"`
	Events            int   `json:"events,omitempty"` // asynchronous ones that wait
	CodeStorageMB     int64 `json:"codeStorageMB,omitempty"`
}

// Service is a group of functions with what they share.
type Service struct {
	ID               string            `json:"id"` // twelve digits; stands in ARNs
	Name             string            `json:"name"`
	Description      string            `json:"description"`
	Env              map[string]string `json:"env"`              // under each function's own
	LogRetentionDays int               `json:"logRetentionDays"` // 0 = as the node keeps them
	Egress           string            `json:"egress"`           // rules separated by commas; "any" = no limit of its own
	Quota            Quota             `json:"quota"`
	CreatedAt        time.Time         `json:"createdAt"`
	LastModified     time.Time         `json:"lastModified"`
}

// ServiceChange is what to set of a service; what is nil stays.
type ServiceChange struct {
	ID               string            `json:"id,omitempty"` // of a new one only
	Name             *string           `json:"name,omitempty"`
	Description      *string           `json:"description,omitempty"`
	Env              map[string]string `json:"env,omitzero"` // replaces all of it
	LogRetentionDays *int              `json:"logRetentionDays,omitempty"`
	Egress           *string           `json:"egress,omitempty"`
	Quota            *Quota            `json:"quota,omitempty"` // replaces all of it
}

// Services lists services: all of them for the node's administrators, else the
// caller's own.
func (c *Client) Services(ctx context.Context) ([]Service, error) {
	var all []Service
	err := c.pages(ctx, "/v1/services", nil, func() (any, func() string) {
		var p struct {
			Services []Service
			Next     string
		}
		return &p, func() string { all = append(all, p.Services...); return p.Next }
	})
	return all, err
}

// Self names the service that the client acts for.
const Self = "-"

// Service returns a service by its name or id, or Self.
func (c *Client) Service(ctx context.Context, name string) (*Service, error) {
	return one[Service](c, ctx, http.MethodGet, "/v1/services/"+url.PathEscape(name), nil, nil)
}

// CreateService makes a service. s.Name must be set.
func (c *Client) CreateService(ctx context.Context, s ServiceChange) (*Service, error) {
	return one[Service](c, ctx, http.MethodPost, "/v1/services", nil, s)
}

// UpdateService changes a service.
func (c *Client) UpdateService(ctx context.Context, name string, s ServiceChange) (*Service, error) {
	return one[Service](c, ctx, http.MethodPatch, "/v1/services/"+url.PathEscape(name), nil, s)
}

// DeleteService deletes a service that has no functions.
func (c *Client) DeleteService(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/services/"+url.PathEscape(name), nil, nil, nil)
}

// one makes a request whose answer is a T.
func one[T any](c *Client, ctx context.Context, method, path string, query url.Values, in any) (*T, error) {
	var out T
	if err := c.call(ctx, method, path, query, in, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// pages reads all pages of a list. page makes room for one, and takes it and
// tells the marker of the next.
func (c *Client) pages(ctx context.Context, path string, query url.Values, page func() (any, func() string)) error {
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	for {
		into, take := page()
		if err := c.get(ctx, path, q, into); err != nil {
			return err
		}
		next := take()
		if next == "" {
			return nil
		}
		q.Set("marker", next)
	}
}
