package e2e

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

func sandboxRequired() bool { return os.Getenv("EBB_REQUIRE_SANDBOX") == "1" }

// TestSandboxLevel keeps the other tests honest: where isolation is required, it
// must be in force.
func TestSandboxLevel(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	out, errs, _, err := shared.CLI(t.Context(), "doctor", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	checks := decode[[]struct{ Check, Status, Detail string }](t, out)
	for _, c := range checks {
		if c.Check == "sandbox" && (!strings.HasPrefix(c.Detail, "linux: ") || c.Status == "fail") {
			t.Errorf("doctor says %+v", c)
		}
	}
	if len(checks) == 0 {
		t.Errorf("doctor says nothing: %s", errs)
	}
}

// found is what testdata/isolation.py answers.
type found struct {
	UID, PID, Routes             int
	Groups, Processes            []int
	Task, Shm, Mount, Privileges string
	Root, Home, Devices, Reach   []string
	Kernel, Capabilities         []string
	Host                         []bool
	Environment                  map[string]string
	Tmp                          struct {
		Before      []string
		Write, Full string
		Free        int
	}
	Fork []any
}

// addresses are all places where this host's listener could be reached.
func addresses(t *testing.T) (all [][]any) {
	t.Helper()
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	hosts := []string{"127.0.0.1"}
	for _, a := range own {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			hosts = append(hosts, ip.IP.String())
		}
	}
	for _, at := range []string{shared.API, shared.Gateway} {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range hosts {
			all = append(all, []any{host, port})
		}
	}
	return all
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	code, err := os.ReadFile("testdata/isolation.py")
	if err != nil {
		t.Fatal(err)
	}
	f := python(string(code))
	f.TimeoutS, f.MemoryMB = 60, 2048
	f.Name = deploy(t, f)
	event, err := json.Marshal(map[string]any{"addresses": addresses(t),
		"paths": []string{shared.Data, filepath.Join(shared.Data, "credentials.json"), within(t, "marker", "x"), hosttest.Root()}})
	if err != nil {
		t.Fatal(err)
	}
	got := decode[found](t, invoke(t, shared, f.Name, string(event)))
	if got.UID == 0 || slices.Contains(got.Groups, 0) {
		t.Errorf("user %d, groups %v", got.UID, got.Groups)
	}
	if got.PID == 1 || len(got.Processes) > 3 || !slices.Contains(got.Processes, got.PID) {
		t.Errorf("process %d sees %v", got.PID, got.Processes)
	}
	if got.Task != "Read-only file system" {
		t.Errorf("/var/task: %s", got.Task)
	}
	for i, r := range got.Root {
		if r == "written" {
			t.Errorf("place %d of the root file system can be written to", i)
		}
	}
	if tmp := got.Tmp; len(tmp.Before) != 0 || tmp.Write != "written" || tmp.Free < 500 || tmp.Free > 560 || tmp.Full != "No space left on device" {
		t.Errorf("/tmp: %+v", tmp)
	}
	if got.Shm != "written" {
		t.Errorf("/dev/shm: %s", got.Shm)
	}
	for _, d := range got.Devices {
		if strings.HasPrefix(d, "loop") || strings.HasPrefix(d, "sd") || strings.HasPrefix(d, "vd") || d == "kmsg" || d == "mem" || d == "fuse" {
			t.Errorf("a device of the host: %s", d)
		}
	}
	if slices.Contains(got.Reach, "connected") || got.Routes != 0 {
		t.Errorf("reached the host: %v, %d routes", got.Reach, got.Routes)
	}
	if slices.Contains(got.Host, true) {
		t.Errorf("sees the host's files: %v", got.Host)
	}
	if slices.Contains(got.Kernel, "allowed") || got.Mount == "allowed" || got.Privileges != "1" {
		t.Errorf("kernel: %v, mount: %s, no new privileges: %s", got.Kernel, got.Mount, got.Privileges)
	}
	for _, c := range got.Capabilities {
		if strings.Trim(c, "0") != "" {
			t.Errorf("capabilities: %v", got.Capabilities)
		}
	}
	if len(got.Fork) != 2 || got.Fork[1].(float64) > 1100 {
		t.Errorf("forks: %v", got.Fork)
	}
	c := shared.Client.Config()
	for k, v := range got.Environment {
		if v == c.AccessKeyID || v == c.SecretAccessKey || v == c.Token || strings.HasPrefix(k, "EBB_DATA") || strings.Contains(v, shared.Data) {
			t.Errorf("the environment gives away %s=%s", k, v)
		}
	}
}

// TestInstancesShareNothing: two instances of one function have a uid, a /tmp
// and a process table each.
func TestInstancesShareNothing(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	f := python(`
import os, time
def handler(event, context):
    open("/tmp/" + event["me"], "w").write("x")
    open("/dev/shm/" + event["me"], "w").write("x")
    time.sleep(2)
    return [os.getuid(), sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm"))]
`)
	f.TimeoutS = 20
	f.Name = deploy(t, f)
	answers := make(chan string, 2)
	ctx := t.Context()
	for _, me := range []string{"a", "b"} {
		go func() {
			answer, failed, err := shared.Invoke(ctx, name(t), `{"me":"`+me+`"}`)
			if err != nil || failed != "" {
				answer = "null"
				t.Error(failed, err)
			}
			answers <- answer
		}()
	}
	one, two := decode[[]any](t, <-answers), decode[[]any](t, <-answers)
	if len(one) != 3 || len(two) != 3 || one[0] == two[0] && platform.User() == 0 {
		t.Fatalf("%v, %v", one, two)
	}
	for _, a := range [][]any{one, two} {
		for _, files := range a[1:] {
			if list, ok := files.([]any); !ok || len(list) != 1 {
				t.Errorf("an instance sees %v", files)
			}
		}
	}
}

// TestFunctionCallsFunction: boto3, unchanged, from inside a box, by the role of
// the function. It may invoke, and change nothing.
func TestFunctionCallsFunction(t *testing.T) {
	t.Parallel()
	callee := python("def handler(event, context):\n    return {'doubled': event['n'] * 2}\n")
	callee.Name = name(t) + "-callee"
	deploy(t, callee)
	code, err := os.ReadFile("testdata/caller.py")
	if err != nil {
		t.Fatal(err)
	}
	f := python(string(code))
	f.TimeoutS, f.MemoryMB = 60, 512
	bundle(t, f.Files, "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
	f.Name = deploy(t, f)
	type answer struct {
		Answer               map[string]int
		Seen                 string
		Create, Delete, Keys string
		Status               int
	}
	got := decode[answer](t, invoke(t, shared, f.Name, `{"callee":"`+callee.Name+`"}`))
	if got.Answer["doubled"] != 42 || got.Seen != callee.Name {
		t.Errorf("%+v", got)
	}
	if got.Create != "AccessDeniedException" || got.Delete != "AccessDeniedException" || got.Status != 403 {
		t.Errorf("a function may change functions: %+v", got)
	}
	// The throw-away keys are good for nothing outside of the box.
	stolen := strings.Split(got.Keys, " ")
	out, errs, exit, err := shared.Python(t.Context(), append([]string{"testdata/stolen.py", callee.Name}, stolen...)...)
	if err != nil || exit != 0 || strings.TrimSpace(out) != "UnrecognizedClientException 403" {
		t.Errorf("exit %d, %v: %s%s", exit, err, out, errs)
	}
}

// bundle adds packages of the tests' Python environment to a function, as
// "pip install -t ." would; of botocore only the models that are used.
func bundle(t *testing.T, files map[string]string, names ...string) {
	t.Helper()
	out, errs, code, err := shared.Python(t.Context(), "-c", "import boto3, os; print(os.path.dirname(os.path.dirname(boto3.__file__)))")
	if err != nil || code != 0 {
		t.Fatalf("%v: %s", err, errs)
	}
	site := strings.TrimSpace(out)
	add := func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		within, err := filepath.Rel(site, path)
		if err != nil || strings.HasSuffix(path, ".pyc") {
			return err
		}
		if parts := strings.Split(within, "/"); len(parts) > 3 && parts[1] == "data" && parts[2] != "lambda" && parts[2] != "sts" && parts[2] != "s3" {
			return nil
		}
		text, err := os.ReadFile(path)
		files[within] = string(text)
		return err
	}
	for _, n := range names {
		if err := filepath.WalkDir(filepath.Join(site, n), add); err != nil {
			t.Fatal(err)
		}
	}
}
