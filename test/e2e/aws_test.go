package e2e

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// awscli runs the AWS command line, which must succeed, and returns what it printed.
func awscli(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, code, err := shared.AWS(t.Context(), args...)
	if err != nil || code != 0 {
		t.Fatalf("aws %s: exit %d, %v\n%s%s", strings.Join(args, " "), code, err, out, errs)
	}
	return out
}

// zipped writes a package with one Python file and returns its path.
func zipped(t *testing.T, code string) string {
	t.Helper()
	archive, err := platform.Zip(map[string]string{"app.py": code})
	if err != nil {
		t.Fatal(err)
	}
	return within(t, "code.zip", string(archive))
}

const greet = "def handler(event, context):\n    print('greeting', event.get('name'))\n    return 'hello ' + event.get('name', '')\n"

func TestAWSCommandLine(t *testing.T) {
	t.Parallel()
	f := name(t)
	code := zipped(t, greet)
	type settings struct {
		FunctionName, FunctionArn, Runtime, Handler, Role, Description, State, LastUpdateStatus, CodeSha256, RevisionId, Version string
		MemorySize, Timeout, CodeSize                                                                                            int
		Environment                                                                                                              struct{ Variables map[string]string }
	}
	made := decode[settings](t, awscli(t, "lambda", "create-function", "--function-name", f, "--runtime", "python3.11",
		"--handler", "app.handler", "--role", platform.Role, "--zip-file", "fileb://"+code, "--timeout", "10",
		"--environment", "Variables={AA=1,BB=two words}", "--tags", "team=core"))
	if made.FunctionName != f || made.Runtime != "python3.11" || made.State != "Active" || made.LastUpdateStatus != "Successful" ||
		made.Timeout != 10 || made.MemorySize != 128 || made.Version != "$LATEST" || made.Role != platform.Role ||
		made.Environment.Variables["BB"] != "two words" || !strings.HasSuffix(made.FunctionArn, ":function:"+f) {
		t.Errorf("created: %+v", made)
	}
	awscli(t, "lambda", "wait", "function-active-v2", "--function-name", f)

	t.Run("get-function", func(t *testing.T) {
		got := decode[struct {
			Configuration settings
			Code          struct{ RepositoryType, Location string }
			Tags          map[string]string
		}](t, awscli(t, "lambda", "get-function", "--function-name", made.FunctionArn))
		if got.Configuration.RevisionId != made.RevisionId || got.Tags["team"] != "core" || got.Code.RepositoryType == "" {
			t.Errorf("got %+v", got)
		}
		want, err := os.ReadFile(code)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Get(got.Code.Location)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		have, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK || string(have) != string(want) {
			t.Errorf("%s, %v: the package of %d bytes came back as %d bytes", res.Status, err, len(want), len(have))
		}
	})

	t.Run("invoke", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "out")
		got := decode[struct {
			StatusCode                 int
			ExecutedVersion, LogResult string
		}](t, awscli(t, "lambda", "invoke", "--function-name", f, "--payload", `{"name":"Mei"}`, "--log-type", "Tail", out))
		answer, err := os.ReadFile(out)
		if err != nil || string(answer) != `"hello Mei"` || got.StatusCode != 200 || got.ExecutedVersion != "$LATEST" {
			t.Errorf("%s, %v, %+v", answer, err, got)
		}
		log := decodeBase64(t, got.LogResult)
		for _, want := range []string{"START RequestId: ", "greeting Mei", "END RequestId: ", "REPORT RequestId: ", "Init Duration: "} {
			if !strings.Contains(log, want) {
				t.Errorf("the log tail lacks %q:\n%s", want, log)
			}
		}
		dry := awscli(t, "lambda", "invoke", "--function-name", f, "--invocation-type", "DryRun", out)
		if status := decode[struct{ StatusCode int }](t, dry).StatusCode; status != 204 {
			t.Errorf("DryRun: %d", status)
		}
	})

	t.Run("update-function-code", func(t *testing.T) {
		next := zipped(t, strings.ReplaceAll(greet, "hello", "good day"))
		got := decode[settings](t, awscli(t, "lambda", "update-function-code", "--function-name", f, "--zip-file", "fileb://"+next))
		awscli(t, "lambda", "wait", "function-updated-v2", "--function-name", f)
		if got.CodeSha256 == made.CodeSha256 || got.RevisionId == made.RevisionId {
			t.Errorf("got %+v", got)
		}
		if answer := invoke(t, shared, f, `{"name":"Bo"}`); answer != `"good day Bo"` {
			t.Errorf("the old code answers: %s", answer)
		}
	})

	t.Run("update-function-configuration", func(t *testing.T) {
		awscli(t, "lambda", "update-function-configuration", "--function-name", f, "--memory-size", "256", "--timeout", "7",
			"--description", "greets", "--environment", "Variables={}")
		awscli(t, "lambda", "wait", "function-updated-v2", "--function-name", f)
		got := decode[settings](t, awscli(t, "lambda", "get-function-configuration", "--function-name", f))
		if got.MemorySize != 256 || got.Timeout != 7 || got.Description != "greets" || len(got.Environment.Variables) != 0 {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("delete-function", func(t *testing.T) {
		awscli(t, "lambda", "delete-function", "--function-name", f)
		_, errs, code, err := shared.AWS(t.Context(), "lambda", "get-function", "--function-name", f)
		if err != nil || code == 0 || !strings.Contains(errs, "ResourceNotFoundException") {
			t.Errorf("exit %d, %v: %s", code, err, errs)
		}
	})
}

// The lists of a service that nobody else changes meanwhile: where a token says
// how much of a page was seen, a new name before it would move the page.
func TestAWSCommandLineLists(t *testing.T) {
	t.Parallel()
	c, key := newService(t, "lists", "admin", client.ServiceChange{})
	want := []string{"a", "b", "c", "d", "e"}
	for _, f := range want {
		put(t, c, f, greet, nil, anyRole)
	}
	own := *shared
	own.Client = acting(t, "", key)
	type page struct {
		Functions []struct{ FunctionName string }
		NextToken string
	}
	list := func(args ...string) (p page, names []string) {
		out, errs, code, err := own.AWS(t.Context(), append([]string{"lambda", "list-functions"}, args...)...)
		if err != nil || code != 0 {
			t.Fatalf("aws list-functions %v: exit %d, %v\n%s%s", args, code, err, out, errs)
		}
		p = decode[page](t, out)
		for _, f := range p.Functions {
			names = append(names, f.FunctionName)
		}
		return p, names
	}
	if _, seen := list("--page-size", "2"); !slices.Equal(seen, want) {
		t.Errorf("pages of 2: %v", seen)
	}
	first, seen := list("--max-items", "3")
	if !slices.Equal(seen, want[:3]) {
		t.Errorf("the first 3: %v", seen)
	}
	if last, seen := list("--max-items", "3", "--starting-token", first.NextToken); !slices.Equal(seen, want[3:]) || last.NextToken != "" {
		t.Errorf("those after: %v, and then %q", seen, last.NextToken)
	}
}

func TestAWSCommandLineURLs(t *testing.T) {
	t.Parallel()
	f := deploy(t, python(greet))
	type url struct {
		FunctionUrl, AuthType, InvokeMode string
		Cors                              struct{ AllowOrigins []string }
	}
	made := decode[url](t, awscli(t, "lambda", "create-function-url-config", "--function-name", f, "--auth-type", "NONE",
		"--cors", "AllowOrigins=https://example.com"))
	got := decode[url](t, awscli(t, "lambda", "get-function-url-config", "--function-name", f))
	if made.FunctionUrl == "" || made.FunctionUrl != got.FunctionUrl || got.AuthType != "NONE" || got.InvokeMode != "BUFFERED" ||
		strings.Join(got.Cors.AllowOrigins, " ") != "https://example.com" {
		t.Errorf("made %+v, got %+v", made, got)
	}
	changed := decode[url](t, awscli(t, "lambda", "update-function-url-config", "--function-name", f, "--auth-type", "AWS_IAM"))
	if changed.AuthType != "AWS_IAM" || changed.FunctionUrl != made.FunctionUrl {
		t.Errorf("changed: %+v", changed)
	}
	list := decode[struct{ FunctionUrlConfigs []url }](t, awscli(t, "lambda", "list-function-url-configs", "--function-name", f))
	if len(list.FunctionUrlConfigs) != 1 || list.FunctionUrlConfigs[0].AuthType != "AWS_IAM" {
		t.Errorf("list: %+v", list)
	}
	awscli(t, "lambda", "delete-function-url-config", "--function-name", f)
	res, err := http.Get(made.FunctionUrl)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted URL answers %s", res.Status)
	}
}

// TestEnvironmentForTheShell is what the first page of the guide tells people to do.
func TestEnvironmentForTheShell(t *testing.T) {
	t.Parallel()
	bin, err := platform.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "bash"} {
		cmd := exec.CommandContext(t.Context(), shell, "-euc",
			`eval "$("$EBB" env --data "$DIR")"; "$AWS" lambda get-account-settings --query AccountLimit.ConcurrentExecutions`)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "EBB=" + bin, "DIR=" + shared.Data,
			"AWS=" + hosttest.AWS()}, platform.AWSIsolation()...)
		out, errs, code, err := platform.Output(cmd)
		if err != nil || code != 0 || strings.TrimSpace(out) != "500" {
			t.Errorf("%s: exit %d, %v: %s%s", shell, code, err, out, errs)
		}
	}
}
