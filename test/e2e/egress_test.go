package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/ebb-faas/ebb/test/platform"
)

// outside is a server of the test that says who asks, and how many did.
type outside struct {
	port  string
	asked atomic.Int64
}

func serveOutside(t *testing.T) *outside {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	o := &outside{}
	_, o.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				o.asked.Add(1)
				b := make([]byte, 5)
				for {
					if _, err := io.ReadFull(c, b); err != nil {
						return
					}
					_, _ = fmt.Fprintf(c, "outside heard %s", b)
				}
			}()
		}
	}()
	return o
}

// connect is a function that connects to what its event says; the last
// connection stays open, and is tried again by an event without one.
const connect = `
import os, socket
kept = None
def say(s):
    s.sendall(b"hello")
    return s.recv(100).decode()
def handler(event, context):
    global kept
    try:
        if "to" not in event:
            return say(kept)
        host, port = event["to"].rsplit(":", 1)
        kept = socket.create_connection((host, int(port)), timeout=10)
        return say(kept) or "closed"
    except OSError as e:
        return type(e).__name__ + " " + str(e.errno)
`

// connectedPlatform is one that allows what the test's servers have.
func connectedPlatform(t *testing.T, config string) *platform.Platform {
	t.Helper()
	requireLinux(t)
	return start(t, place(t), "--config", within(t, "ebb.yaml", config))
}

func invokeTo(t *testing.T, p *platform.Platform, function, to, header string) (string, error) {
	t.Helper()
	event := "{}"
	if to != "" {
		event = fmt.Sprintf(`{"to": %q}`, to)
	}
	out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String(function), Payload: []byte(event)},
		lambda.WithAPIOptions(func(s *middleware.Stack) error {
			return s.Build.Add(middleware.BuildMiddlewareFunc("egress", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
				if header != "" {
					in.Request.(*smithyhttp.Request).Header.Set("X-Ebb-Egress", header)
				}
				return next.HandleBuild(ctx, in)
			}), middleware.After)
		}))
	if err != nil {
		return "", err
	}
	if out.FunctionError != nil {
		t.Errorf("%s: %s", *out.FunctionError, out.Payload)
	}
	return decode[string](t, string(out.Payload)), nil
}

func reaches(t *testing.T, p *platform.Platform, function, to, header, want string) {
	t.Helper()
	got, err := invokeTo(t, p, function, to, header)
	if err != nil || got != want {
		t.Errorf("to %q with %q: %q (%v), want %q", to, header, got, err, want)
	}
}

func TestEgress(t *testing.T) {
	t.Parallel()
	one, two := serveOutside(t), serveOutside(t)
	a, b := "127.0.0.1:"+one.port, "127.0.0.1:"+two.port
	p := connectedPlatform(t, fmt.Sprintf("egress:\n  allow: [%q, %q, \"*.partner.test:22\"]\n", a, b))
	ctx := t.Context()
	f := python(connect)
	f.Name, f.TimeoutS, f.Env = "greedy", 30, map[string]string{"EBB_EGRESS": "127.0.0.1:1"}
	if err := p.Create(ctx, f); err == nil || !strings.Contains(err.Error(), "tcp/127.0.0.1:1 is beyond") {
		t.Errorf("beyond the ceiling: %v", err)
	}
	f.Name, f.Env = "none", nil
	must(t, p.Create(ctx, f))
	reaches(t, p, "none", "192.0.2.1:443", "", "OSError 101") // ENETUNREACH
	if _, err := invokeTo(t, p, "none", a, a); err == nil || !strings.Contains(err.Error(), "InvalidParameterValue") {
		t.Errorf("a function that is not made for it is opened: %v", err)
	}

	f.Name, f.Env = "one", map[string]string{"EBB_EGRESS": a}
	must(t, p.Create(ctx, f))
	for range 2 { // a new instance, maybe of a spare; then a warm one
		reaches(t, p, "one", a, "", "outside heard hello")
	}
	reaches(t, p, "one", "", "", "outside heard hello")
	reaches(t, p, "one", b, "", "ConnectionRefusedError 111")
	reaches(t, p, "one", strings.TrimPrefix(p.API, "http://"), "", "ConnectionRefusedError 111")
	reaches(t, p, "one", "no.such.test:443", "", "gaierror -2")
	if two.asked.Load() != 0 {
		t.Error("a server was reached that is not allowed")
	}
	eventually(t, func() error {
		out, errs, code, err := p.CLI(ctx, "logs", "one")
		if err != nil || code != 0 || !strings.Contains(out, "EGRESS denied name no.such.test") {
			return fmt.Errorf("ebb logs: %d %v %s %s", code, err, errs, out)
		}
		return nil
	})
}

// TestEgressOfAService: what the service may not, its functions may not, those that
// run already included; what was taken from them is told in their log.
func TestEgressOfAService(t *testing.T) {
	t.Parallel()
	one, two := serveOutside(t), serveOutside(t)
	a, b := "127.0.0.1:"+one.port, "127.0.0.1:"+two.port
	p := connectedPlatform(t, fmt.Sprintf("egress:\n  allow: [%q, %q]\n", a, b))
	f := python(connect)
	f.Name, f.TimeoutS, f.Env = "both", 30, map[string]string{"EBB_EGRESS": a + "," + b}
	must(t, p.Create(t.Context(), f))
	reaches(t, p, "both", b, "", "outside heard hello")
	bound := func(rules string) {
		t.Helper()
		if out, errs, code, err := p.CLI(t.Context(), "service", "set", "default", "--egress", rules); err != nil || code != 0 {
			t.Fatalf("%d %v %s%s", code, err, out, errs)
		}
	}
	bound(a)
	reaches(t, p, "both", b, "", "ConnectionRefusedError 111")
	reaches(t, p, "both", a, "", "outside heard hello")
	eventually(t, func() error {
		out, _, _, err := p.CLI(t.Context(), "logs", "both")
		if err == nil && !strings.Contains(out, "EGRESS 1 of 2 rules are beyond what the platform allows now") {
			err = errors.New(out)
		}
		return err
	})
	f.Name = "more"
	if err := p.Create(t.Context(), f); err == nil || !strings.Contains(err.Error(), "tcp/"+b+" is beyond") {
		t.Errorf("beyond what the service may: %v", err)
	}
	bound("any")
	reaches(t, p, "both", b, "", "outside heard hello")
	must(t, p.Create(t.Context(), f))
}

// TestEgressOfOneInvocation: what one was opened for is closed for the next, and
// a connection that is kept is cut.
func TestEgressOfOneInvocation(t *testing.T) {
	t.Parallel()
	one, two := serveOutside(t), serveOutside(t)
	a, b := "127.0.0.1:"+one.port, "127.0.0.1:"+two.port
	p := connectedPlatform(t, fmt.Sprintf("egress:\n  allow: [%q, %q]\npool:\n  prewarmOff: true\n", a, b))
	f := python(connect)
	f.Name, f.TimeoutS, f.Env = "task", 30, map[string]string{"EBB_INVOCATION_EGRESS": a}
	must(t, p.Create(t.Context(), f))
	reaches(t, p, "task", a, "", "ConnectionRefusedError 111")
	reaches(t, p, "task", a, a, "outside heard hello")
	reaches(t, p, "task", "", "", "ConnectionResetError 104") // the same instance, with its old connection
	reaches(t, p, "task", a, "", "ConnectionRefusedError 111")
	reaches(t, p, "task", a, a, "outside heard hello")
	for _, header := range []string{b, "127.0.0.1:*", "127.0.0.0/8:80", "nonsense"} {
		if _, err := invokeTo(t, p, "task", a, header); err == nil || !strings.Contains(err.Error(), "InvalidParameterValueException") {
			t.Errorf("%s: %v", header, err)
		}
	}
	// What runs later has its target as well, and is refused at once if it may not.
	cli := func(want string, args ...string) {
		t.Helper()
		out, errs, code, err := p.CLI(t.Context(), append([]string{"invoke", "task"}, args...)...)
		if err != nil || code != 0 && want == "" || !strings.Contains(out+errs, want) {
			t.Errorf("%v: exit %d, %v: %s%s", args, code, err, out, errs)
		}
	}
	event := fmt.Sprintf(`{"to": %q}`, a)
	cli("outside heard hello", "--data", event, "--egress", a)
	heard := one.asked.Load()
	cli("", "--data", event, "--egress", a, "--async")
	eventually(t, func() error {
		if one.asked.Load() == heard {
			return errors.New("the task reached nothing")
		}
		return nil
	})
	for _, later := range []string{"--async", "--dry-run"} {
		cli("tcp/"+b+" is beyond what an invocation of task may open", "--data", event, "--egress", b, later)
	}
	cli("", "--egress", a, "--dry-run")
	if two.asked.Load() != 0 {
		t.Error("a server was reached that is not allowed")
	}
	res, err := http.Get(p.API + "/v1/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
}

const point = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"

// TestFolder: a function writes into a folder of the host as its owner.
func TestFolder(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	const owner = 61234
	dir := filepath.Join(t.TempDir(), "reports")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Chown(dir, owner, owner))
	p := connectedPlatform(t, fmt.Sprintf("mounts:\n  - {name: reports, source: %q, owner: \"%d\", functions: [write, read, aws], accessPoint: %q}\n", dir, owner, point))
	f := python(`
def handler(event, context):
    try:
        with open("/mnt/out/report", "a") as f: f.write("x")
    except OSError as e:
        return str(e.errno)
    return open("/mnt/out/report").read()
`)
	f.TimeoutS = 30
	f.Name, f.Env = "write", map[string]string{"EBB_MOUNTS": "reports:/mnt/out:rw"}
	must(t, p.Create(t.Context(), f))
	for _, want := range []string{"x", "xx"} {
		if got := decode[string](t, invoke(t, p, "write", "{}")); got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
	}
	f.Name, f.Env = "read", map[string]string{"EBB_MOUNTS": "reports:/mnt/out"}
	must(t, p.Create(t.Context(), f))
	if got := decode[string](t, invoke(t, p, "read", "{}")); got != "30" {
		t.Errorf("read-only: %q", got)
	}
	// By an access point, as for AWS.
	f.Name, f.Env = "aws", nil
	must(t, p.Create(t.Context(), f))
	systems := func(arn string) error {
		_, err := p.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f.Name,
			FileSystemConfigs: []types.FileSystemConfig{{Arn: &arn, LocalMountPath: new("/mnt/out")}}})
		return err
	}
	must(t, systems(point))
	if got := decode[string](t, invoke(t, p, "aws", "{}")); got != "xxx" {
		t.Errorf("by an access point: %q", got)
	}
	got, err := p.Lambda().GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &f.Name})
	if err != nil || len(got.FileSystemConfigs) != 1 || *got.FileSystemConfigs[0].Arn != point || *got.FileSystemConfigs[0].LocalMountPath != "/mnt/out" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := systems(point[:len(point)-1] + "1"); err == nil || !strings.Contains(err.Error(), "InvalidParameterValueException: FileSystemConfigs: ") {
		t.Errorf("an access point that nobody offers: %v", err)
	}
	f.Name, f.Env = "stranger", map[string]string{"EBB_MOUNTS": "reports:/mnt/out"}
	if err := p.Create(t.Context(), f); err == nil {
		t.Error("a folder is given to a function that it is not offered to")
	}
	folderGone(t, p, dir)
	st, err := os.Stat(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := st.Sys().(*syscall.Stat_t).Uid; uid != owner {
		t.Errorf("the file belongs to %d", uid)
	}
}

// folderGone: a function whose folder is not there does not start. Its caller and its
// log are told which one it is, but not where that is on the host; when the folder is
// back, so is the function.
func folderGone(t *testing.T, p *platform.Platform, dir string) {
	t.Helper()
	must(t, os.Rename(dir, dir+".gone"))
	f := python("import os\ndef handler(event, context):\n    return os.listdir('/mnt/out')\n")
	zip, err := platform.Zip(f.Files)
	must(t, err)
	_, err = p.Lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("read"), ZipFile: zip})
	must(t, err)
	const why = "the folder of /mnt/out cannot be opened: no such file or directory"
	_, _, err = p.Invoke(t.Context(), "read", "{}")
	if err == nil || !strings.Contains(err.Error(), "SandboxUnavailableException: EBB_MOUNTS: "+why) || strings.Contains(err.Error(), dir) {
		t.Errorf("a folder that is gone: %v", err)
	}
	eventually(t, func() error {
		out, errs, _, err := p.CLI(t.Context(), "logs", "read")
		if err == nil && !strings.Contains(out, "MOUNT "+why) {
			err = fmt.Errorf("%s%s", out, errs)
		}
		return err
	})
	if !strings.Contains(p.Log(), dir) {
		t.Error("ebb's own log does not name the folder")
	}
	must(t, os.Rename(dir+".gone", dir))
	if got := invoke(t, p, "read", "{}"); got != `["report"]` {
		t.Errorf("when it is back: %s", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
