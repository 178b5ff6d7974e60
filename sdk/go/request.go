package client

import (
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

// send makes one /v1 request without a body. The answer's body is the caller's
// to close; an answer that is not 2xx is an *Error.
func (c *Client) send(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	at := c.base.JoinPath(path)
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if err := c.prove(ctx, req); err != nil {
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
func (c *Client) prove(ctx context.Context, req *http.Request) error {
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
		return nil
	}
	keys, err := c.credentials(ctx)
	if err != nil {
		return err
	}
	empty := sha256.Sum256(nil)
	hash := hex.EncodeToString(empty[:])
	req.Header.Set("X-Amz-Content-Sha256", hash)
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = false })
	return signer.SignHTTP(ctx, keys, req, hash, signedService, c.cfg.Region, time.Now())
}

// maxAnswer bounds a JSON answer, in bytes.
const maxAnswer = 64 << 20

// get reads a JSON answer into a value.
func (c *Client) get(ctx context.Context, path string, query url.Values, into any) error {
	resp, err := c.send(ctx, http.MethodGet, path, query)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("client: the answer of %s is not what was expected: %w", path, err)
	}
	return nil
}
