package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"

	"github.com/ebb-faas/ebb/internal/hosttest"
)

// Command is a verb of the ebb command line, ready to run against this platform.
func (p *Platform) Command(ctx context.Context, args ...string) (*exec.Cmd, error) {
	bin, err := Binary()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), p.Env()...)
	return cmd, nil
}

// CLI runs a verb of the ebb command line against this platform.
func (p *Platform) CLI(ctx context.Context, args ...string) (stdout, stderr string, code int, err error) {
	cmd, err := p.Command(ctx, args...)
	if err != nil {
		return "", "", 0, err
	}
	return Output(cmd)
}

// AWS runs the AWS command line against this platform.
func (p *Platform) AWS(ctx context.Context, args ...string) (stdout, stderr string, code int, err error) {
	cmd := exec.CommandContext(ctx, hosttest.AWS(), args...)
	cmd.Env = append(append(os.Environ(), p.Env()...), AWSIsolation()...)
	return Output(cmd)
}

// AWSIsolation keeps AWS tools from reading the settings of whoever runs the tests.
func AWSIsolation() []string {
	return []string{
		"AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_DEFAULT_OUTPUT=json",
	}
}

// Python runs a Python program, with a Python that has boto3.
func (p *Platform) Python(ctx context.Context, args ...string) (stdout, stderr string, code int, err error) {
	cmd := exec.CommandContext(ctx, hosttest.Python(), args...)
	cmd.Env = append(append(os.Environ(), p.Env()...), AWSIsolation()...)
	return Output(cmd)
}

// Output runs cmd and separates a program that failed (code) from one that did
// not run (err).
func Output(cmd *exec.Cmd) (stdout, stderr string, code int, err error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code, err = exit.ExitCode(), nil
	}
	return out.String(), errs.String(), code, err
}

// V1 gets a document of ebb's own API.
func (p *Platform) V1(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.API+"/v1/"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.Client.Config().Token)
	res, err := p.Client.Config().HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /v1/%s: %s: %s", path, res.Status, body)
	}
	return json.Unmarshal(body, answer)
}

// Node is the part of GET /v1/node that tests look at.
type Node struct {
	Sandbox struct {
		Name    string   `json:"name"`
		Missing []string `json:"missing"`
	} `json:"sandbox"`
	Runtimes []string `json:"runtimes"`
	Memory   struct {
		RSS        int64 `json:"rss"` // bytes
		Goroutines int   `json:"goroutines"`
	} `json:"memory"`
	Instances struct {
		Total   int `json:"total"`
		Idle    int `json:"idle"`
		Waiting int `json:"waiting"`
		Spare   int `json:"spare"`   // made ahead; not among Total
		Zygotes int `json:"zygotes"` // likewise
	} `json:"instances"`
}

// Node asks ebb about itself.
func (p *Platform) Node(ctx context.Context) (Node, error) {
	var n Node
	err := p.V1(ctx, "node", &n)
	return n, err
}

// Instance is one instance that serves or could serve.
type Instance struct {
	ID          string `json:"id"`
	State       string `json:"state"` // idle or busy
	Invocations int    `json:"invocations"`
}

// Instances lists those of a function.
func (p *Platform) Instances(ctx context.Context, function string) ([]Instance, error) {
	var answer struct {
		Instances []Instance `json:"instances"`
	}
	err := p.V1(ctx, "instances?function="+url.QueryEscape(function), &answer)
	return answer.Instances, err
}
