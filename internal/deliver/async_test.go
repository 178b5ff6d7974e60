package deliver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// configure sets how events of the function are done.
func (b *bed) configure(t *testing.T, u function.UpdateEvents) {
	t.Helper()
	u.FunctionKey = b.key
	if _, err := b.functions.PutEvents(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func TestFunctionErrorsAreRetried(t *testing.T) {
	for retries, want := range map[int]int32{0: 1, 1: 2, 2: 3} {
		t.Run(fmt.Sprint(retries), func(t *testing.T) {
			b := newBed(t, soon(), nil)
			var runs atomic.Int32
			requests := make(chan ebb.InvocationID, 10)
			b.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
				runs.Add(1)
				requests <- inv.ID
				return answers(sink, `{"errorMessage":"no"}`, "ValueError")
			})
			b.configure(t, function.UpdateEvents{MaxRetries: &retries})
			task := b.becomes(t, b.accept(t, "", `1`), ebb.TaskFailed)
			if runs.Load() != want || len(task.Attempts) != int(want) || task.Attempts[0].Error != "ValueError" ||
				!strings.HasPrefix(task.Reason, "RetriesExhausted") {
				t.Errorf("%d runs, %+v", runs.Load(), task)
			}
			for len(requests) > 0 {
				if id := <-requests; id != task.Request {
					t.Errorf("a retry has request id %s, the first had %s", id, task.Request)
				}
			}
		})
	}
}

// What is no fault of the function's does not count as a retry.
func TestThrottlesAreNoRetries(t *testing.T) {
	b := newBed(t, soon(), nil)
	var runs atomic.Int32
	b.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		switch n := runs.Add(1); {
		case n <= 5:
			return ebb.Result{}, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "Rate Exceeded.")
		case n == 6:
			return ebb.Result{}, fmt.Errorf("something broke")
		}
		return answers(sink, `1`, "")
	})
	none := 0
	b.configure(t, function.UpdateEvents{MaxRetries: &none})
	task := b.becomes(t, b.accept(t, "", `1`), ebb.TaskSucceeded)
	if runs.Load() != 7 || task.Attempts[0].Outcome != "throttled" || task.Attempts[5].Outcome != "platform-error" || task.Attempts[6].Outcome != "ok" {
		t.Errorf("%d runs, %+v", runs.Load(), task.Attempts)
	}
}

// What can never succeed fails at once, with its reason.
func TestRefusalsFailAtOnce(t *testing.T) {
	for reason, err := range map[string]error{
		"InvocationRefused: ResourceNotFoundException":      ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f"),
		"RecursiveInvocation: RecursiveInvocationException": ebb.Errorf(ebb.Invalid, ebb.TypeRecursiveInvocation, "a loop"),
	} {
		b := newBed(t, soon(), nil)
		var runs atomic.Int32
		b.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
			runs.Add(1)
			return ebb.Result{}, err
		})
		task := b.becomes(t, b.accept(t, "", `1`), ebb.TaskFailed)
		if runs.Load() != 1 || !strings.HasPrefix(task.Reason, reason) {
			t.Errorf("%d runs, %+v", runs.Load(), task)
		}
	}
}

// An event that waits for longer than it may is given up, with a record.
func TestOldEventsAreGivenUp(t *testing.T) {
	records := make(chan []byte, 10)
	var late atomic.Int64
	cfg := soon()
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	b := newBed(t, cfg, map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: sinkOf(records)})
	b.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
		late.Store(int64(61 * time.Second))
		return ebb.Result{}, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "Rate Exceeded.")
	})
	age, to := 60, "arn:aws:http:::https://example.invalid/"
	b.configure(t, function.UpdateEvents{MaxAgeS: &age, OnFailure: &to})
	task := b.becomes(t, b.accept(t, "", `{"n":1}`), ebb.TaskFailed)
	if !strings.HasPrefix(task.Reason, "EventAgeExceeded") {
		t.Errorf("%+v", task)
	}
	var record struct {
		RequestContext struct {
			Condition              string
			ApproximateInvokeCount int
		}
		RequestPayload  json.RawMessage
		ResponseContext json.RawMessage
	}
	if err := json.Unmarshal(<-records, &record); err != nil || record.RequestContext.Condition != "EventAgeExceeded" ||
		record.RequestContext.ApproximateInvokeCount != 0 || string(record.RequestPayload) != `{"n":1}` || record.ResponseContext != nil {
		t.Errorf("%+v %v", record, err)
	}
}

// sinkOf is a target that hands on what it gets.
type sinkOf chan<- []byte

func (c sinkOf) Check(ebb.Target) error { return nil }
func (c sinkOf) Close() error           { return nil }
func (c sinkOf) Deliver(_ context.Context, _ ebb.Target, d *deliver.Delivery) error {
	c <- d.Content
	return nil
}

// An id is accepted once, whatever became of its task.
func TestAnIDIsAcceptedOnce(t *testing.T) {
	b := newBed(t, soon(), nil)
	goOn := make(chan bool)
	b.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		<-goOn
		return answers(sink, `"done"`, "")
	})
	again := func() error {
		return b.Accept(t.Context(), &ebb.Invocation{ID: "other", FunctionKey: b.key, Payload: []byte(`2`)}, "order")
	}
	b.accept(t, "order", `1`)
	b.becomes(t, "order", ebb.TaskRunning)
	if err := again(); ebb.KindOf(err) != ebb.Conflict || !strings.Contains(err.Error(), "Running") {
		t.Errorf("while it runs: %v", err)
	}
	goOn <- true
	if task := b.becomes(t, "order", ebb.TaskSucceeded); string(task.Result) != `"done"` {
		t.Errorf("%+v", task)
	}
	if err := again(); ebb.KindOf(err) != ebb.Conflict || !strings.Contains(err.Error(), "Succeeded") {
		t.Errorf("when it is over: %v", err)
	}
	for _, id := range []ebb.MessageID{"a/b", "-a", "a b", ebb.MessageID(strings.Repeat("x", 129))} {
		err := b.Accept(t.Context(), &ebb.Invocation{ID: "x", FunctionKey: b.key, Payload: []byte(`1`)}, id)
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "X-Ebb-Idempotency-Key") {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if err := b.Accept(t.Context(), &ebb.Invocation{ID: "x", FunctionKey: ebb.FunctionKey{Service: service, Name: "none"}}, ""); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("no such function: %v", err)
	}
}

// A destination that fails for too long leaves a dead letter and a line in the log.
func TestDestinationIsGivenUp(t *testing.T) {
	cfg := soon()
	cfg.DestinationAge = 30 * time.Millisecond
	b := newBed(t, cfg, map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: &noted{fails: 1 << 30}})
	b.runs(does)
	to := "arn:aws:http:::https://example.invalid/"
	b.configure(t, function.UpdateEvents{OnSuccess: &to})
	b.becomes(t, b.accept(t, "", `1`), ebb.TaskSucceeded)
	eventually(t, func() error {
		if log := b.logged.String(); !strings.Contains(log, "which is a dead letter now") {
			return fmt.Errorf("the log is %s", log)
		}
		return nil
	})
}

// What is to be opened for an invocation is opened for each of its attempts, those
// after the first included.
func TestEgressComesWithTheTask(t *testing.T) {
	b := newBed(t, soon(), nil)
	want, err := ebb.ParseEgress("sftp.acme.example:22,udp/10.0.0.1:123")
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan string, 10)
	b.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		opened <- inv.Egress.String()
		return answers(sink, `{"errorMessage":"no"}`, "ValueError")
	})
	one := 1
	b.configure(t, function.UpdateEvents{MaxRetries: &one})
	inv := &ebb.Invocation{ID: "0190-egress", FunctionKey: b.key, Payload: []byte("{}"), Egress: want}
	if err := b.Accept(t.Context(), inv, ""); err != nil {
		t.Fatal(err)
	}
	b.becomes(t, "0190-egress", ebb.TaskFailed)
	for range 2 {
		if got := <-opened; got != want.String() {
			t.Errorf("opened: %q", got)
		}
	}
}
