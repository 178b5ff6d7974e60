package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Files of a data directory that say where its server answers and how to prove
// who asks.
const (
	addressFile     = "server.json"
	credentialsFile = "credentials.json"
)

// NotRunningError says that nothing tells where a platform is.
type NotRunningError struct {
	Dir string // the data directory that was looked at, "" = the environment
	Err error
}

func (e *NotRunningError) Error() string {
	if e.Dir == "" {
		return "AWS_ENDPOINT_URL is not set"
	}
	return "no server is running on " + e.Dir
}

// Unwrap is why the directory could not be read.
func (e *NotRunningError) Unwrap() error { return e.Err }

// Discover finds the server that runs on a data directory of this machine, and
// its root credentials. The error is a *NotRunningError if there is none; a
// server that was killed may leave its address behind, which then shows as an
// *UnreachableError with the first call.
func Discover(dir string) (Config, error) {
	var at struct{ API, Gateway, Region string }
	if err := readJSON(filepath.Join(dir, addressFile), &at); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Config{}, &NotRunningError{Dir: dir, Err: err}
		}
		return Config{}, err
	}
	var keys struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		Token           string `json:"token"`
	}
	if err := readJSON(filepath.Join(dir, credentialsFile), &keys); err != nil {
		return Config{}, err
	}
	cfg := Config{
		Endpoint: at.API, Gateway: at.Gateway, Region: at.Region,
		AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, Token: keys.Token,
	}
	if cfg.Region == "" {
		cfg.Region = DefaultRegion
	}
	return cfg, nil
}

// FromEnvironment reads the variables that 'ebb env' prints and every AWS SDK
// reads: AWS_ENDPOINT_URL_LAMBDA or AWS_ENDPOINT_URL, AWS_REGION or
// AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN; and EBB_TOKEN, EBB_GATEWAY and EBB_SERVICE. The error is a
// *NotRunningError if no endpoint is set.
func FromEnvironment() (Config, error) { return fromLookup(os.Getenv) }

func fromLookup(get func(string) string) (Config, error) {
	first := func(names ...string) string {
		for _, n := range names {
			if v := get(n); v != "" {
				return v
			}
		}
		return ""
	}
	cfg := Config{
		Endpoint:        first("AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"),
		Gateway:         get("EBB_GATEWAY"),
		Service:         get("EBB_SERVICE"),
		Region:          first("AWS_REGION", "AWS_DEFAULT_REGION"),
		AccessKeyID:     get("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: get("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    get("AWS_SESSION_TOKEN"),
		Token:           get("EBB_TOKEN"),
	}
	if cfg.Endpoint == "" {
		return Config{}, &NotRunningError{}
	}
	if cfg.Region == "" {
		cfg.Region = DefaultRegion
	}
	return cfg, nil
}

// readJSON reads a small file. Its content, which may be secret, is never part
// of the error.
func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if json.Unmarshal(text, into) != nil {
		return fmt.Errorf("client: %s is not valid JSON", path)
	}
	return nil
}

func quoted(s string) string { return strconv.Quote(s) }
