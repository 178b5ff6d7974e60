package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// DefaultRegion stands in ARNs and signatures where no other is set.
const DefaultRegion = "us-east-1"

// Config says where a platform is and how to prove who asks.
type Config struct {
	Endpoint string // http://HOST:PORT of the management API
	Gateway  string // http://HOST:PORT of the data plane, "" = unknown
	Region   string // "" = DefaultRegion

	// Service is the name or id of the service that requests are about; "" = that
	// of the keys. Only keys that act for the whole node may name another.
	Service string

	// Keys sign requests the AWS way (SigV4). SessionToken is "" for keys that
	// live long.
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	// Token is a bearer token for /v1; without one, /v1 requests are signed with
	// the keys.
	Token string

	// HTTPClient sends the requests; nil = one without a time limit, because a
	// function may run long. Limit single calls by their context.
	HTTPClient *http.Client
}

// String names the platform, without secrets.
func (c Config) String() string { return "ebb at " + c.Endpoint }

// GoString is String: %#v must not show secrets either.
func (c Config) GoString() string { return c.String() }

// Client speaks to one platform. It may be used by several goroutines.
type Client struct {
	cfg  Config
	base *url.URL
	http *http.Client
}

// New makes a client. It does no I/O: a wrong address shows with the first call.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.Endpoint, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("client: Endpoint must be http://HOST:PORT or https://HOST:PORT, but is " + quoted(cfg.Endpoint))
	}
	if cfg.Token == "" && (cfg.AccessKeyID == "" || cfg.SecretAccessKey == "") {
		return nil, errors.New("client: neither AccessKeyID and SecretAccessKey nor Token is set")
	}
	if cfg.Region == "" {
		cfg.Region = DefaultRegion
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Transport: transport()}
	}
	return &Client{cfg: cfg, base: base, http: cfg.HTTPClient}, nil
}

// transport is net/http's default one, of the client's own so that Close can
// end its idle connections.
func transport() http.RoundTripper {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return http.DefaultTransport
}

// Close ends idle connections. The client may still be used.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Config is what the client was made with, defaults filled in.
func (c *Client) Config() Config { return c.cfg }

// Lambda returns the AWS SDK's Lambda client for this platform. By default it
// tries each request once; pass an option that sets a Retryer to change that
// (never for Invoke, unless the function may run twice).
func (c *Client) Lambda(opts ...func(*lambda.Options)) *lambda.Client {
	return lambda.New(lambda.Options{
		APIOptions:   c.apiOptions(),
		BaseEndpoint: aws.String(c.base.String()),
		Region:       c.cfg.Region,
		Credentials:  aws.CredentialsProviderFunc(c.credentials),
		HTTPClient:   steady{c.http},
		Retryer:      aws.NopRetryer{},
	}, opts...)
}

// apiOptions has the AWS clients name the service.
func (c *Client) apiOptions() []func(*middleware.Stack) error {
	if c.cfg.Service == "" {
		return nil
	}
	return []func(*middleware.Stack) error{smithyhttp.SetHeaderValue(ServiceHeader, c.cfg.Service)}
}

// credentials hands the keys to whatever signs.
func (c *Client) credentials(context.Context) (aws.Credentials, error) {
	if c.cfg.AccessKeyID == "" {
		return aws.Credentials{}, errors.New("the Lambda API needs AccessKeyID and SecretAccessKey, only a token is set")
	}
	return aws.Credentials{
		AccessKeyID:     c.cfg.AccessKeyID,
		SecretAccessKey: c.cfg.SecretAccessKey,
		SessionToken:    c.cfg.SessionToken,
		Source:          "ebb",
	}, nil
}
