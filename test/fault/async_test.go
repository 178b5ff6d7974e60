package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// quick is a platform that tries events again soon.
const quick = "deliver: {retryDelays: [50ms], throttleDelay: 50ms}\nqueue: {maxCrashes: 100}\n"

// send is one event with an id; nil = it was accepted.
func send(ctx context.Context, p *platform.Platform, f, id, payload string) error {
	_, err := p.Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: &f, Payload: []byte(payload), InvocationType: types.InvocationTypeEvent},
		lambda.WithAPIOptions(smithyhttp.AddHeaderValue("X-Ebb-Idempotency-Key", id)),
		func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	return err
}

// TestKillWhileAccepting: after kill -9 at any moment, every event that was
// accepted ends, once, as its function says.
func TestKillWhileAccepting(t *testing.T) {
	const rounds, callers = 6, 6
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data := place(t)
	args := configured(t, quick)
	p := start(t, data, args...)
	create(t, p, python("f", "def handler(event, context):\n    if event % 5 == 0:\n        raise ValueError('five')\n    return event\n"))
	if _, err := p.Lambda().PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: aws.String("f"), MaximumRetryAttempts: aws.Int32(1)}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	accepted := map[string]int{} // id → n
	var n atomic.Int64
	for range rounds {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for {
					k := int(n.Add(1))
					id := fmt.Sprintf("event-%d", k)
					if err := send(t.Context(), p, "f", id, fmt.Sprint(k)); err != nil {
						return // it was killed
					}
					mu.Lock()
					accepted[id] = k
					mu.Unlock()
				}
			})
		}
		<-time.After(time.Duration(200+random.IntN(1200)) * time.Millisecond) // somewhere within the work
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		p = start(t, data, args...)
	}
	if len(accepted) < rounds*callers {
		t.Fatalf("only %d events were accepted", len(accepted))
	}
	var last map[string]client.Task
	err := platform.Poll(t.Context(), 3*limit, func() error {
		last = map[string]client.Task{}
		open := 0
		err := p.Client.Tasks(t.Context(), client.TaskFilter{Prefix: "event-"}, 0, func(task client.Task) error {
			if _, twice := last[task.ID]; twice {
				return fmt.Errorf("%s is listed twice", task.ID)
			}
			last[task.ID] = task
			if task.Ended == nil {
				open++
			}
			return nil
		})
		if err == nil && open > 0 {
			err = fmt.Errorf("%d of %d tasks are not over", open, len(last))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, k := range accepted {
		task, there := last[id]
		want := "Succeeded"
		if k%5 == 0 {
			want = "Failed"
		}
		if !there || task.State != want {
			t.Errorf("%s was accepted, and is %+v (there: %v), want %s", id, task, there, want)
		}
	}
	t.Logf("%d events accepted, %d tasks", len(accepted), len(last))
}

// TestFullDiskAndEvents: with a full disk no event is accepted, none that was is
// lost, and with room all goes on by itself.
func TestFullDiskAndEvents(t *testing.T) {
	disk := small(t, 64)
	p := start(t, filepath.Join(disk, "data"), configured(t, quick)...)
	create(t, p, python("f", "def handler(event, context):\n    return event\n"))
	invoke(t, p, "f", "1")
	filler := filepath.Join(disk, "filler")
	fill(t, filler)
	accepted := map[string]bool{}
	long := `"` + strings.Repeat("x", 200_000) + `"`
	refused := 0
	for n := 0; refused < 10; n++ {
		id := fmt.Sprintf("event-%d", n)
		err := send(t.Context(), p, "f", id, long)
		if err == nil {
			accepted[id] = true
			continue
		}
		if e, ok := client.ErrorOf(err); !ok || e.Status < 500 {
			t.Fatalf("with a full disk: %v", err)
		}
		refused++
	}
	for n := range 10 { // and those that would go into the artifact store
		err := send(t.Context(), p, "f", fmt.Sprintf("large-%d", n), `"`+strings.Repeat("x", 500_000)+`"`)
		if e, ok := client.ErrorOf(err); err != nil && (!ok || e.Status < 500) {
			t.Fatalf("with a full disk: %v", err)
		}
		if err == nil {
			accepted[fmt.Sprintf("large-%d", n)] = true
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := platform.Poll(t.Context(), limit, func() error { return send(t.Context(), p, "f", "later", "1") }); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	accepted["later"] = true
	for id := range accepted {
		if err := platform.Poll(t.Context(), limit, func() error {
			task, err := p.Client.Task(t.Context(), id)
			if err == nil && task.State != "Succeeded" {
				err = fmt.Errorf("%s is %+v", id, task)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d accepted, %d refused", len(accepted), refused)
}
