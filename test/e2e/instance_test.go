package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// configured starts a platform of the test's own with settings of the pool.
func configured(t *testing.T, pool string) *platform.Platform {
	t.Helper()
	return start(t, place(t), "--config", within(t, "ebb-config.yaml", "pool:\n  "+strings.ReplaceAll(pool, ", ", "\n  ")+"\n"))
}

// has waits until a function has instances in exactly these states.
func has(t *testing.T, p *platform.Platform, function string, states ...string) {
	t.Helper()
	eventually(t, func() error {
		list, err := p.Instances(t.Context(), function)
		if err != nil {
			return err
		}
		var got []string
		for _, in := range list {
			got = append(got, in.State)
		}
		if fmt.Sprint(got) != fmt.Sprint(states) {
			return fmt.Errorf("%s has %v, want %v", function, got, states)
		}
		return nil
	})
}

const ticking = `
import threading, time
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.001)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    return ticks
`

// TestIdleInstancesStandStill: no tick of a background thread while frozen; a
// function that wants to goes on; a frozen instance answers and ends well.
func TestIdleInstancesStandStill(t *testing.T) {
	t.Parallel()
	p := configured(t, "freezeAfter: 200ms, idleTimeout: 1h")
	for name, env := range map[string]map[string]string{"still": nil, "on": {"EBB_ALWAYS_ON_CPU": "true"}} {
		f := python(ticking)
		f.Name, f.Env = name, env
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		invoke(t, p, name, "{}")
	}
	has(t, p, "still", "frozen")
	has(t, p, "on", "idle")
	before := decode[int](t, invoke(t, p, "still", "{}"))
	has(t, p, "still", "frozen")
	// The one that is on tells the time: a second of it is hundreds of ticks. So many
	// that a machine on which the frost comes late makes no difference.
	mark := decode[int](t, invoke(t, p, "on", "{}"))
	eventually(t, func() error {
		if n := decode[int](t, invoke(t, p, "on", "{}")); n < mark+2000 {
			return fmt.Errorf("%d ticks", n-mark)
		}
		return nil
	})
	if n := decode[int](t, invoke(t, p, "still", "{}")); n > before+1000 {
		t.Errorf("%d ticks while it should have been frozen but for some 200 ms", n-before)
	}
	out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("still"), LogType: types.LogTypeTail})
	if err != nil || out.FunctionError != nil {
		t.Fatal(err)
	}
	var node struct {
		Instances struct{ Frozen int }
	}
	eventually(t, func() error {
		if err := p.V1(t.Context(), "node", &node); err != nil || node.Instances.Frozen != 1 {
			return fmt.Errorf("%+v, %v", node, err)
		}
		return nil
	})
	if _, err := p.Lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("still")}); err != nil {
		t.Fatal(err)
	}
	has(t, p, "on", "idle")
}

// TestHooksRun: at the points of an instance's life that they are for.
func TestHooksRun(t *testing.T) {
	t.Parallel()
	p := configured(t, "freezeAfter: 200ms, idleTimeout: 1h")
	f := python(`
ready = False
def begin(context):
    global ready
    ready = True
def freeze(context):
    print("before the frost")
def stop(context):
    print("farewell")
    raise ValueError("it was nice")
def handler(event, context):
    return ready
`)
	f.Name = "f"
	f.Env = map[string]string{"EBB_INITIALIZER": "app.begin", "EBB_PRE_FREEZE": "app.freeze", "EBB_PRE_STOP": "app.stop"}
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, p, "f", "{}"); got != "true" {
		t.Errorf("the initializer had run: %s", got)
	}
	has(t, p, "f", "frozen")
	zip, err := platform.Zip(map[string]string{"app.py": f.Files["app.py"] + "#"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Lambda().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zip}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		out, errs, code, err := p.CLI(t.Context(), "logs", "f")
		for _, want := range []string{"before the frost", "farewell", "HOOK_REPORT", "it was nice"} {
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("exit %d, no %q in %s%s", code, want, out, errs)
			}
		}
		return err
	})
	status, text := scrapeOf(t, p)
	if status != 200 || !strings.Contains(text, `ebb_hook_failures_total{hook="pre-stop"} 1`) {
		t.Errorf("%d: the failure is not counted", status)
	}
	// A failing initializer is a failing initialisation.
	f.Name, f.Env = "g", map[string]string{"EBB_INITIALIZER": "app.stop"}
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	answer, failed, err := p.Invoke(t.Context(), "g", "{}")
	if err != nil || failed != "Unhandled" || !strings.Contains(answer, "it was nice") {
		t.Errorf("%s %s %v", answer, failed, err)
	}
}

// TestSlowModules: what takes longer than initialisation may is begun anew, as
// part of the invocation.
func TestSlowModules(t *testing.T) {
	t.Parallel()
	p := configured(t, "initTimeout: 1s")
	for name, f := range map[string]platform.Function{
		"python": python("import time\ntime.sleep(2)\ndef handler(event, context):\n    return context.get_remaining_time_in_millis()\n"),
		"node": node("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);\n" +
			"exports.handler = async (event, context) => context.getRemainingTimeInMillis();\n"),
	} {
		f.Name, f.TimeoutS = name, 30
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if left := decode[int](t, invoke(t, p, name, "{}")); left > 28_000 {
			t.Errorf("%s: %d ms are left of 30 s, of which initialisation took two", name, left)
		}
		if left := decode[int](t, invoke(t, p, name, "{}")); left <= 28_000 {
			t.Errorf("%s: the next invocation has %d ms of its 30 s", name, left)
		}
		f.Name, f.TimeoutS = name+"-late", 1
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		answer, failed, err := p.Invoke(t.Context(), f.Name, "{}")
		if err != nil || failed != "Unhandled" || !strings.Contains(answer, "Sandbox.Timedout") {
			t.Errorf("%s: %s %s %v", f.Name, answer, failed, err)
		}
	}
}

func TestReservedConcurrencyOfAFunction(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("import time\ndef handler(event, context):\n    time.sleep(event)\n"))
	c := shared.Lambda()
	reserve := func(n int32) {
		t.Helper()
		if _, err := c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &f, ReservedConcurrentExecutions: &n}); err != nil {
			t.Fatal(err)
		}
	}
	once := func(payload string) error {
		_, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f, Payload: []byte(payload)},
			func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
		return err
	}
	full := func(err error) bool {
		var many *types.TooManyRequestsException
		return errors.As(err, &many) && many.Reason == types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded
	}
	reserve(0)
	if err := once("0"); !full(err) || !strings.Contains(err.Error(), "its reserved concurrency is 0, which stops it") {
		t.Errorf("stopped: %v", err)
	}
	reserve(1)
	held := make(chan error, 1)
	go func() { held <- once("1.5") }()
	has(t, shared, f, "busy")
	if err := once("0"); !full(err) {
		t.Errorf("the second of one: %v", err)
	}
	if err := <-held; err != nil {
		t.Error(err)
	}
	if err := once("0"); err != nil {
		t.Errorf("after the first: %v", err)
	}
}

// TestProvisionedInstances: they are there before the first request, after the
// death of one, and after a restart; and follow an alias.
func TestProvisionedInstances(t *testing.T) {
	t.Parallel()
	data := place(t)
	p := start(t, data)
	f := python("import os\ndef handler(event, context):\n    if event: os._exit(1)\n    return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n")
	f.Name = "f"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	c := p.Lambda()
	if _, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("f")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1")}); err != nil {
		t.Fatal(err)
	}
	put, err := c.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: new("f"), Qualifier: new("live"), ProvisionedConcurrentExecutions: new(int32(2))})
	if err != nil || put.Status == types.ProvisionedConcurrencyStatusEnumFailed {
		t.Fatal(put, err)
	}
	ready := func(p *platform.Platform) {
		t.Helper()
		eventually(t, func() error {
			got, err := p.Lambda().GetProvisionedConcurrencyConfig(t.Context(), &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("live")})
			if err == nil && (got.Status != types.ProvisionedConcurrencyStatusEnumReady || *got.AvailableProvisionedConcurrentExecutions != 2) {
				err = fmt.Errorf("%s, %d available", got.Status, *got.AvailableProvisionedConcurrentExecutions)
			}
			return err
		})
	}
	ready(p)
	if got := invoke(t, p, "f:live", "null"); got != `"provisioned-concurrency"` {
		t.Errorf("got %s", got)
	}
	if got := invoke(t, p, "f", "null"); got != `"on-demand"` {
		t.Errorf("$LATEST got %s", got)
	}
	if answer, failed, err := p.Invoke(t.Context(), "f:live", "1"); err != nil || failed == "" {
		t.Errorf("%s %s %v", answer, failed, err)
	}
	ready(p)
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	p = start(t, data)
	ready(p)
	c = p.Lambda()
	zip, err := platform.Zip(map[string]string{"app.py": "import os\ndef handler(event, context):\n    return 'new ' + os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\n"})
	must(t, err)
	_, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zip, Publish: true})
	must(t, err)
	_, err = c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("2")})
	must(t, err)
	ready(p)
	if got := invoke(t, p, "f:live", "null"); got != `"new provisioned-concurrency"` {
		t.Errorf("after the alias moved: %s", got)
	}
	_, err = c.PutProvisionedConcurrencyConfig(t.Context(), &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: new("f"), Qualifier: new("live"), ProvisionedConcurrentExecutions: new(int32(201))})
	if err == nil || !strings.Contains(err.Error(), "InvalidParameterValueException: ProvisionedConcurrentExecutions: 201 would be 201 instances") {
		t.Errorf("more than the node would ever give: %v", err)
	}
	ready(p) // what was there stays
}

// TestMemoryIsGivenBack: within a second of more being used than may be.
func TestMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	p := configured(t, "memory: 60000000, idleTimeout: 1h, prewarmOff: true")
	for i := range 5 {
		f := python("hold = bytearray(20 << 20)\ndef handler(event, context):\n    return len(hold)\n")
		f.Name = fmt.Sprintf("f%d", i)
		if err := p.Create(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		invoke(t, p, f.Name, "{}")
	}
	eventually(t, func() error {
		var all struct{ Instances []struct{ Memory int64 } }
		err := p.V1(t.Context(), "instances", &all)
		var used int64
		for _, in := range all.Instances {
			used += in.Memory
		}
		if err == nil && (used > 60_000_000 || len(all.Instances) == 0) {
			err = fmt.Errorf("%d instances use %d bytes", len(all.Instances), used)
		}
		return err
	})
}

// TestUpdatesLoseNothing: a constant load goes through twenty updates of the code
// and as many moves of an alias, and no request fails.
func TestUpdatesLoseNothing(t *testing.T) {
	t.Parallel()
	p := configured(t, "freezeAfter: 50ms, idleTimeout: 1s")
	code := func(n int) map[string]string {
		return map[string]string{"app.py": fmt.Sprintf("def handler(event, context):\n    return %d\n", n)}
	}
	if err := p.Create(t.Context(), platform.Function{Name: "f", Runtime: "python3", Handler: "app.handler", Files: code(0)}); err != nil {
		t.Fatal(err)
	}
	c := p.Lambda()
	publish := func() string {
		v, err := c.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("f")})
		if err != nil {
			t.Fatal(err)
		}
		return *v.Version
	}
	first := publish()
	if _, err := c.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: &first}); err != nil {
		t.Fatal(err)
	}
	load, stop := context.WithCancel(t.Context())
	defer stop()
	var all sync.WaitGroup
	var done atomic.Int64
	for _, target := range []string{"f", "f", "f:live", "f:live"} {
		all.Go(func() {
			for load.Err() == nil {
				answer, failed, err := p.Invoke(t.Context(), target, "{}")
				if err != nil || failed != "" {
					t.Errorf("%s: %s %s %v", target, answer, failed, err)
					return
				}
				done.Add(1)
			}
		})
	}
	for n := 1; n <= 20; n++ {
		zip, err := platform.Zip(code(n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: zip}); err != nil {
			t.Fatal(err)
		}
		version := publish()
		if _, err := c.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: &version}); err != nil {
			t.Fatal(err)
		}
		seen := done.Load()
		eventually(t, func() error { // requests went through it
			if done.Load() < seen+8 && !t.Failed() {
				return errors.New("no requests")
			}
			return nil
		})
	}
	stop()
	all.Wait()
	for _, target := range []string{"f", "f:live"} {
		if got := invoke(t, p, target, "{}"); got != "20" {
			t.Errorf("%s answers %s", target, got)
		}
	}
	// Of the twenty versions only what is named is left, and that not for long.
	has(t, p, "f")
	t.Logf("%d requests", done.Load())
}

// TestBurstOnAColdFunction: everybody is answered, and no more instances are
// started than there are requests.
func TestBurstOnAColdFunction(t *testing.T) {
	t.Parallel()
	p := configured(t, "idleTimeout: 1h")
	f := python("def handler(event, context):\n    return 1\n")
	f.Name = "f"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	begin := time.Now()
	for range 100 {
		all.Go(func() {
			if answer, failed, err := p.Invoke(t.Context(), "f", "{}"); err != nil || failed != "" {
				t.Errorf("%s %s %v", answer, failed, err)
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	list, err := p.Instances(t.Context(), "f")
	if err != nil || len(list) > 100 {
		t.Errorf("%d instances, %v", len(list), err)
	}
	t.Logf("100 requests in %v, %d instances", took, len(list))
}
