package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signedService is the name under which /v1 requests are signed.
const signedService = "execute-api"

// jsonType is the media type of most bodies.
const jsonType = "application/json"

// send makes one /v1 request; body is JSON, or nil. The answer's body is the
// caller's to close; an answer that is not 2xx is an *Error.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	return c.sendAs(ctx, method, path, query, jsonType, body)
}

// sendAs is send with another media type.
func (c *Client) sendAs(ctx context.Context, method, path string, query url.Values, mediaType string, body []byte) (*http.Response, error) {
	at := c.base.JoinPath(path)
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if c.cfg.Service != "" {
		req.Header.Set(ServiceHeader, c.cfg.Service)
	}
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	if err := c.prove(ctx, req, body); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 != 2 {
		defer func() { _ = resp.Body.Close() }()
		return nil, errorFrom(resp)
	}
	return resp, nil
}

// unreachable wraps a network error, unless it is the caller who gave up.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &UnreachableError{Endpoint: c.base.Scheme + "://" + c.base.Host, Err: err}
}

// prove adds the token, or a signature by the keys.
func (c *Client) prove(ctx context.Context, req *http.Request, body []byte) error {
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
		return nil
	}
	keys, err := c.credentials(ctx)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = false })
	return signer.SignHTTP(ctx, keys, req, hash, signedService, c.cfg.Region, time.Now())
}

// maxAnswer bounds a JSON answer, in bytes.
const maxAnswer = 64 << 20

// get reads a JSON answer into a value.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, into)
}

// call sends in as JSON, unless it is nil, and reads a JSON answer into out,
// unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	return c.callAs(ctx, method, path, query, jsonType, in, out)
}

// callAs is call with another media type of in.
func (c *Client) callAs(ctx context.Context, method, path string, query url.Values, mediaType string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("client: %w", err)
		}
	}
	resp, err := c.sendAs(ctx, method, path, query, mediaType, body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("client: the answer of %s is not what was expected: %w", path, err)
	}
	return nil
}
