package fault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// soakDefault is how many invocations TestSoak makes where EBB_SOAK does not say.
const soakDefault = 2000

// holding is all that a platform could leak.
type holding struct {
	platform.Footprint
	Goroutines int
	Spares     int // instances made ahead
	Zygotes    int
}

// within reports whether h is no more than o in anything.
func (h holding) within(o holding) bool {
	return h.Processes <= o.Processes && h.Files <= o.Files && h.Mounts <= o.Mounts && h.Loops <= o.Loops &&
		h.Cgroups <= o.Cgroups && h.Namespaces <= o.Namespaces && h.Goroutines <= o.Goroutines && h.Spares <= o.Spares
}

// held reads what p holds, or says that it is not at rest.
func held(ctx context.Context, p *platform.Platform) (holding, error) {
	p.Client.Close() // connections of ours are not its leak
	http.DefaultClient.CloseIdleConnections()
	n, err := p.Node(ctx)
	if err != nil {
		return holding{}, err
	}
	f, err := p.Footprint()
	h := holding{f, n.Memory.Goroutines, n.Instances.Spare, n.Instances.Zygotes}
	if err == nil && n.Instances.Total+n.Instances.Zygotes > 0 {
		err = fmt.Errorf("not at rest: %+v", n.Instances)
	}
	return h, err
}

// TestSoak makes invocations over several functions, runtimes and doors, and
// then compares what the platform holds with what it held when it was warm.
func TestSoak(t *testing.T) {
	total := soakDefault
	if s := os.Getenv("EBB_SOAK"); s != "" {
		var err error
		if total, err = strconv.Atoi(s); err != nil || total < 1 {
			t.Fatalf("EBB_SOAK: %q is no number", s)
		}
	}
	p := start(t, place(t), configured(t, "pool: {idleTimeout: 1s, prewarmMin: 1, prewarmMax: 1, boxesAhead: -1, zygoteKeep: 1s}\n")...)
	doors := append(soakDoors(t, p), soakChurn(t, p)...)
	// The warm-up is of the same kind, so that what is made once is made.
	if errs := soak(t.Context(), doors, 1000); errs != nil {
		t.Fatal(errs)
	}
	same := 0
	before := rest(t, p, func(now, last holding) bool {
		if same++; now != last {
			same = 0
		}
		return same >= 50 // what is cleaned up in the background has its time
	})
	began := time.Now()
	if errs := soak(t.Context(), doors, total); errs != nil {
		t.Error(errs)
	}
	took := time.Since(began)
	after := rest(t, p, func(now, _ holding) bool { return now.within(before) })
	n, err := p.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d invocations in %s; before %+v, after %+v; ebb takes %d MiB", total, took, before, after, n.Memory.RSS>>20)
	if !after.within(before) {
		t.Errorf("what is held: before %+v, after %+v", before, after)
	}
	if after.Namespaces != after.Spares {
		t.Errorf("%d boxes, %d instances", after.Namespaces, after.Spares)
	}
}

// rest waits until the platform is at rest and settled says that what it holds
// is final; when that does not happen, it returns what is held in the end.
func rest(t *testing.T, p *platform.Platform, settled func(now, last holding) bool) holding {
	t.Helper()
	var now holding
	err := platform.Poll(t.Context(), limit, func() error {
		last := now
		var err error
		if now, err = held(t.Context(), p); err == nil && !settled(now, last) {
			err = fmt.Errorf("not settled: %+v", now)
		}
		return err
	})
	if err != nil {
		t.Log(err)
	}
	return now
}

// door is one way to one function: it sends text and returns what came back.
type door func(ctx context.Context, text string) (string, error)

// soakDoors creates functions in every runtime and returns the ways to them.
func soakDoors(t *testing.T, p *platform.Platform) (doors []door) {
	t.Helper()
	bootstrap := filepath.Join(t.TempDir(), "bootstrap")
	if err := hosttest.Build("./examples/hello-go", bootstrap); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(bootstrap)
	if err != nil {
		t.Fatal(err)
	}
	hello := platform.Function{Name: "go", Runtime: "provided", Handler: "x", Files: map[string]string{"bootstrap": string(program)}, TimeoutS: 30}
	create(t, p, hello,
		python("python", "def handler(event, context):\n    print('got', event)\n    return event.get('name') or event['body']\n"),
		node("node", "exports.handler = async event => { console.log('got', event); return event.name || event.body; };"))
	for _, name := range []string{"python", "node", "go"} {
		doors = append(doors, func(ctx context.Context, text string) (string, error) {
			answer, failed, err := p.Invoke(ctx, name, `{"name":"`+text+`"}`)
			if failed != "" {
				err = errors.Join(err, errors.New(failed))
			}
			return answer, err
		})
	}
	for _, name := range []string{"python", "node"} {
		u, err := p.URL(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		doors = append(doors, func(ctx context.Context, text string) (string, error) { return post(ctx, u, text) })
	}
	return doors
}

// soakChurn returns ways that cost an instance each: its process ends, or its
// version is replaced. soak takes them more rarely than the others.
func soakChurn(t *testing.T, p *platform.Platform) []door {
	t.Helper()
	create(t, p, node("mortal", "exports.handler = event => { process.exit(1); };"),
		node("changing", "exports.handler = async event => event.name;"))
	return []door{
		func(ctx context.Context, text string) (string, error) {
			answer, failed, err := p.Invoke(ctx, "mortal", `"`+text+`"`)
			if failed != "Unhandled" || !strings.Contains(answer, "Runtime.ExitError") {
				err = errors.Join(err, errors.New("it lives on"))
			}
			return text, err
		},
		func(ctx context.Context, text string) (string, error) {
			_, err := p.Lambda().UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String("changing"), Description: &text})
			if err != nil {
				return "", err
			}
			answer, failed, err := p.Invoke(ctx, "changing", `{"name":"`+text+`"}`)
			return answer + failed, err
		},
	}
}

// rarely is how many invocations there are for one that costs an instance.
const rarely = 50

// through chooses the door for invocation n: one of the last two rarely, one of
// the others else.
func through(doors []door, n int64) door {
	cheap := int64(len(doors) - 2)
	if n%rarely == 0 {
		return doors[cheap+n/rarely%2]
	}
	return doors[n%cheap]
}

func post(ctx context.Context, u, text string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u, strings.NewReader(text))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "text/plain")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return string(body), err
}

// soakCallers is how many invocations are made at once.
const soakCallers = 16

// soak makes invocations, each with a text of its own that must come back. It
// gives up after a few errors.
func soak(ctx context.Context, doors []door, total int) error {
	var next, wrong atomic.Int64
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	for range soakCallers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(total) && wrong.Load() < 10; n = next.Add(1) {
				text := fmt.Sprintf("number-%d", n)
				answer, err := through(doors, n)(ctx, text)
				if err == nil && strings.Contains(answer, text) {
					continue
				}
				wrong.Add(1)
				mu.Lock()
				errs = append(errs, fmt.Errorf("invocation %d: %s %w", n, answer, err))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
