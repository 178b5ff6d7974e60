package runtimeapi

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestEnv(t *testing.T) {
	v := &ebb.Version{
		FunctionKey: ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}, Number: 3, Runtime: "python3.11",
		Handler: "a.b", MemoryMB: 256, LogFormat: "JSON",
		Env: map[string]string{"MINE": "1", "PATH": "/mine", "AWS_REGION": "elsewhere", "AWS_SESSION_TOKEN": "stolen"},
	}
	got := Env(v, EnvOptions{
		Region: "us-east-1", RuntimeAPI: "127.0.0.1:9001", Endpoint: "http://127.0.0.1:9002", AccessKeyID: "id",
		SecretAccessKey: "secret", LogStream: "s", Runtime: []string{"PATH=/opt/x/bin", "NODE_PATH=/opt", "broken"},
	})
	want := map[string]string{
		"MINE": "1", "PATH": "/mine", "NODE_PATH": "/opt", "TZ": ":UTC", "LANG": "C.UTF-8",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
		"_HANDLER":        "a.b", "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "3",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
		"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:9002",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if v.Env["AWS_REGION"] != "elsewhere" {
		t.Error("the version's own map was changed")
	}
	// What Env sets whatever the function says must be refused when it is created.
	free := []string{"MINE", "PATH", "NODE_PATH", "TZ", "LANG", "LD_LIBRARY_PATH", "AWS_ENDPOINT_URL"}
	for name := range maps.Keys(got) {
		if Reserved(name) == slices.Contains(free, name) {
			t.Errorf("Reserved(%s) is %v", name, Reserved(name))
		}
	}
}

func TestEndpointOfTheFunctionsOwn(t *testing.T) {
	v := &ebb.Version{Env: map[string]string{"AWS_ENDPOINT_URL": "https://s3.bank.example"}}
	if got := Env(v, EnvOptions{Endpoint: "http://127.0.0.1:9002"})["AWS_ENDPOINT_URL"]; got != "https://s3.bank.example" {
		t.Errorf("got %q", got)
	}
}

func TestEnvPlaces(t *testing.T) {
	got := Env(&ebb.Version{}, EnvOptions{TaskRoot: "/host/task", RuntimeDir: "/host/runtime", InitType: "provisioned-concurrency"})
	for k, want := range map[string]string{
		"LAMBDA_TASK_ROOT": "/host/task", "LAMBDA_RUNTIME_DIR": "/host/runtime", "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency",
		"LD_LIBRARY_PATH": "/lib64:/usr/lib64:/host/runtime:/host/runtime/lib:/host/task:/host/task/lib:/opt/lib",
	} {
		if got[k] != want {
			t.Errorf("%s=%q, want %q", k, got[k], want)
		}
	}
	for _, k := range []string{"AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL", "AWS_LAMBDA_LOG_FORMAT", "AWS_REGION"} {
		if v, ok := got[k]; ok {
			t.Errorf("%s=%q was set from nothing", k, v)
		}
	}
}

func TestEnvList(t *testing.T) {
	if d := cmp.Diff([]string{"A=1", "B=x=y"}, EnvList(map[string]string{"B": "x=y", "A": "1"})); d != "" {
		t.Error(d)
	}
}

// An image brings its own places and language; nothing of ours is put before
// them, and it is no runtime by name.
func TestEnvOfImage(t *testing.T) {
	v := &ebb.Version{FunctionKey: ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}, MemoryMB: 128, Env: map[string]string{"B": "mine"}}
	got := Env(v, EnvOptions{Image: true, Runtime: []string{"B=image", "C=image", "LANG=de_DE", "LAMBDA_TASK_ROOT=/elsewhere"}})
	want := map[string]string{
		"B": "mine", "C": "image", "LANG": "de_DE", "TZ": ":UTC", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_LAMBDA_FUNCTION_NAME": "f",
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
