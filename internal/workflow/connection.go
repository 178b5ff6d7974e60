package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// connection is how HTTP tasks authenticate with one endpoint: the value of a
// secret of the service, in the shape of CreateConnection of EventBridge. What it
// says overrides what the task says itself.
type connection struct {
	Type string         `json:"AuthorizationType"`
	Auth authParameters `json:"AuthParameters"`
}

type authParameters struct {
	Basic *struct {
		Username, Password string
	} `json:"BasicAuthParameters"`
	APIKey *struct {
		ApiKeyName, ApiKeyValue string
	} `json:"ApiKeyAuthParameters"`
	OAuth *struct {
		Client struct {
			ClientID, ClientSecret string
		} `json:"ClientParameters"`
		Endpoint string         `json:"AuthorizationEndpoint"`
		Method   string         `json:"HttpMethod"`
		HTTP     httpParameters `json:"OAuthHttpParameters"`
	} `json:"OAuthParameters"`
	HTTP httpParameters `json:"InvocationHttpParameters"`
}

type httpParameters struct {
	Header []keyValue `json:"HeaderParameters"`
	Query  []keyValue `json:"QueryStringParameters"`
	Body   []keyValue `json:"BodyParameters"`
}

type keyValue struct{ Key, Value string }

// Ways to authenticate.
const (
	authBasic  = "BASIC"
	authAPIKey = "API_KEY"
	authOAuth  = "OAUTH_CLIENT_CREDENTIALS"
)

// connectionName is the secret that an ARN of a connection names:
// arn:aws:events:REGION:SERVICE:connection/NAME, with or without /ID at the end.
func connectionName(arn string, service ebb.ServiceID) (string, error) {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] != "events" || !strings.HasPrefix(p[5], "connection/") {
		return "", fmt.Errorf("ConnectionArn: %q is not arn:aws:events:REGION:SERVICE:connection/NAME", arn)
	}
	if p[4] != string(service) {
		return "", fmt.Errorf("ConnectionArn: connection %s is of another service", arn)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(p[5], "connection/"), "/")
	return name, nil
}

// readConnection reads the value of a secret. Its errors tell nothing of what is
// in it.
func readConnection(value []byte) (*connection, error) {
	var c connection
	if err := json.Unmarshal(value, &c); err != nil {
		return nil, errors.New("its secret holds no JSON of a connection (AuthorizationType, AuthParameters)")
	}
	missing := func(field string) error { return fmt.Errorf("its secret lacks AuthParameters.%s", field) }
	switch c.Type {
	case authBasic:
		if c.Auth.Basic == nil || c.Auth.Basic.Username == "" {
			return nil, missing("BasicAuthParameters.Username")
		}
	case authAPIKey:
		if c.Auth.APIKey == nil || c.Auth.APIKey.ApiKeyName == "" {
			return nil, missing("ApiKeyAuthParameters.ApiKeyName")
		}
	case authOAuth:
		if c.Auth.OAuth == nil || c.Auth.OAuth.Endpoint == "" || c.Auth.OAuth.Client.ClientID == "" {
			return nil, missing("OAuthParameters")
		}
	default:
		return nil, fmt.Errorf("AuthorizationType %q of its secret is none of %s, %s, %s", c.Type, authBasic, authAPIKey, authOAuth)
	}
	return &c, nil
}

// authorization is the header by which c authenticates.
func (e *Engine) authorization(ctx context.Context, client *http.Client, c *connection) (name, value string, err error) {
	switch c.Type {
	case authBasic:
		return "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Auth.Basic.Username+":"+c.Auth.Basic.Password)), nil
	case authAPIKey:
		return c.Auth.APIKey.ApiKeyName, c.Auth.APIKey.ApiKeyValue, nil
	}
	token, err := e.bearers.get(ctx, client, c, e.now)
	return "Authorization", "Bearer " + token, err
}

// bearers remembers the tokens that authorization servers gave out.
type bearers struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]bearer // by everything that was asked with
}

type bearer struct {
	token string
	until time.Time
}

// A token is asked for again a little before it ends; one without an end is
// kept for a while.
const (
	bearerSpare  = 30 * time.Second
	bearerKept   = 5 * time.Minute
	maxBearers   = 1024
	maxTokenText = 64 << 10
)

func (b *bearers) get(ctx context.Context, client *http.Client, c *connection, now func() time.Time) (string, error) {
	all, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(all)
	b.mu.Lock()
	have, ok := b.known[key]
	b.mu.Unlock()
	if ok && now().Before(have.until) {
		return have.token, nil
	}
	token, lasts, err := askToken(ctx, client, c)
	if err != nil {
		return "", err
	}
	if lasts -= bearerSpare; lasts > 0 {
		b.mu.Lock()
		if len(b.known) >= maxBearers || b.known == nil {
			b.known = make(map[[sha256.Size]byte]bearer)
		}
		b.known[key] = bearer{token, now().Add(lasts)}
		b.mu.Unlock()
	}
	return token, nil
}

// askToken is the client credentials grant of OAuth 2 (RFC 6749, 4.4).
func askToken(ctx context.Context, client *http.Client, c *connection) (token string, lasts time.Duration, err error) {
	o := c.Auth.OAuth
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {o.Client.ClientID}, "client_secret": {o.Client.ClientSecret}}
	for _, p := range o.HTTP.Body {
		form.Set(p.Key, p.Value)
	}
	at, err := url.Parse(o.Endpoint)
	if err != nil {
		return "", 0, errors.New("AuthorizationEndpoint is not a URL")
	}
	query := at.Query()
	for _, p := range o.HTTP.Query {
		query.Set(p.Key, p.Value)
	}
	at.RawQuery = query.Encode()
	method := o.Method
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, p := range o.HTTP.Header {
		r.Header.Set(p.Key, p.Value)
	}
	res, err := client.Do(r)
	if err != nil {
		return "", 0, unwrapURL(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Token   string      `json:"access_token"`
		Seconds json.Number `json:"expires_in"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxTokenText)).Decode(&answer)
	if res.StatusCode/100 != 2 || err != nil || answer.Token == "" {
		return "", 0, fmt.Errorf("the authorization endpoint answered %s and no access token", res.Status)
	}
	lasts = bearerKept
	if n, err := answer.Seconds.Int64(); err == nil {
		lasts = time.Duration(n) * time.Second
	}
	return answer.Token, lasts, nil
}
