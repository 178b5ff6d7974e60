package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/test/platform"
)

// A workflow of three tasks, and how many states it enters on its way from start
// to end: a step of a workflow is one transaction.
const (
	tasksOfWorkflow       = 3
	transitionsOfWorkflow = tasksOfWorkflow + 1
	startCallers          = 64
)

// threeTasks calls a function three times.
func threeTasks(function string) string {
	task := func(name, next string) string {
		return fmt.Sprintf(`%q: {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
			"Parameters": {"FunctionName": %q, "Payload": {"body": "x"}}, "ResultPath": null, %s}`, name, function, next)
	}
	return `{"StartAt": "A", "States": {` + task("A", `"Next": "B"`) + "," + task("B", `"Next": "C"`) + "," + task("C", `"End": true`) + `}}`
}

// machine creates a state machine.
func (b *bench) machine(ctx context.Context, name, definition string, kind types.StateMachineType) (string, error) {
	role := "arn:aws:iam::000000000000:role/bench"
	out, err := b.platform.Client.Workflows().CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: &name, Definition: &definition, RoleArn: &role, Type: kind})
	if err != nil {
		return "", err
	}
	return *out.StateMachineArn, nil
}

// workflows measures workflows of three calls of the Node echo, beside the store
// and the invocations that they are made of: of a function that takes one
// invocation at a time in each of its instances, and of one that takes 32.
func (b *bench) workflows(ctx context.Context) error {
	if _, err := b.urls(); err != nil {
		return err
	}
	commit, steps, err := b.yard(ctx)
	if err != nil {
		return err
	}
	invoke, err := invokeAPI(b.platform, "node")()
	if err != nil {
		return err
	}
	warm, err := load(invoke, 1, b.each)
	if err != nil {
		return err
	}
	table := b.report.table("workflows of three tasks", "p50 ms", "rate/s", "CPU µs", "of its yardstick", "bar")
	for _, f := range []struct{ name, of string }{{"node", ""}, {"node32", ", 32 in one instance"}} {
		standard, err := b.machine(ctx, "bench-standard-"+f.name, threeTasks(f.name), types.StateMachineTypeStandard)
		if err != nil {
			return err
		}
		if f.of == "" {
			progress("workflows, one at a time")
			one, err := b.oneByOne(ctx, standard, 100)
			if err != nil {
				return err
			}
			p50 := quantile(one, 0.5)
			limit := 15*commit + 3*quantile(warm.latencies, 0.5)
			table.add("durable, one at a time", ms(p50), math.NaN(), math.NaN(), ms(p50)/ms(limit), 1)
		}
		rate, each, err := b.durable(ctx, standard)
		if err != nil {
			return err
		}
		table.add(fmt.Sprintf("durable, %d in flight%s", startCallers, f.of), math.NaN(), rate, ms(each)*1000, rate/(steps/transitionsOfWorkflow), 0.25)
		express, each, err := b.express(ctx, f.name)
		if err != nil {
			return err
		}
		table.add(fmt.Sprintf("express, %d in flight%s", startCallers, f.of), math.NaN(), express, ms(each)*1000, express/rate, 3)
	}
	table.note("yardsticks: 15 commits of %.2f ms and 3 invocations of %.2f ms; %.0f transactions/s of a step at %d callers for %d transitions; express beside durable",
		ms(commit), ms(quantile(warm.latencies, 0.5)), steps, startCallers, transitionsOfWorkflow)
	return b.historyPage(ctx)
}

// durable is how many executions of a Standard state machine end a second with 64
// callers that start them, and what CPU time one takes.
func (b *bench) durable(ctx context.Context, machine string) (rate float64, each time.Duration, err error) {
	progress("workflows, %d callers", startCallers)
	n := int(b.each.Seconds() * 500)
	if _, err := b.flood(ctx, machine, n); err != nil { // instances come, and are warm
		return 0, 0, err
	}
	before, _, err := cpu(b.platform.PID())
	if err != nil {
		return 0, 0, err
	}
	if rate, err = b.flood(ctx, machine, n); err != nil {
		return 0, 0, err
	}
	after, _, err := cpu(b.platform.PID())
	return rate, (after - before) / time.Duration(n), err
}

// yard is what the bare store can do: the p50 of one caller's transaction, and
// the rate of 64 callers' that append a step and a message.
func (b *bench) yard(ctx context.Context) (commit time.Duration, steps float64, err error) {
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(b.dir, "yard.db")})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	row := []byte(`[{"e":{"kind":"TaskSucceeded","op":1,"output":{"Payload":{"body":"x","statusCode":200},"StatusCode":200}},"v":{"now":"2026-01-01T00:00:00Z","seed":1}}]`)
	step := func(id string, n int64) error {
		return s.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.AppendExecutionEvents(ebb.ExecutionID(id), n, row); err != nil {
				return err
			}
			return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "yard", Service: ebb.DefaultService, ID: ebb.MessageID(id + "-" + strconv.FormatInt(n, 10))}, Group: "g", Body: row})
		})
	}
	var all []time.Duration
	for n := range int64(200) {
		begin := time.Now()
		if err := step("one", n+1); err != nil {
			return 0, 0, err
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	var done atomic.Int64
	begin := time.Now()
	err = together(startCallers, func(i int) error {
		for n := int64(1); time.Since(begin) < b.each; n++ {
			if err := step("caller-"+strconv.Itoa(i), n); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return quantile(all, 0.5), float64(done.Load()) / time.Since(begin).Seconds(), err
}

// together runs f in so many goroutines and returns what went wrong.
func together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// oneByOne is how long executions took, each begun after the last had ended.
func (b *bench) oneByOne(ctx context.Context, machine string, n int) ([]time.Duration, error) {
	c := b.platform.Client.Workflows()
	var all []time.Duration
	for range n {
		started, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine})
		if err != nil {
			return nil, err
		}
		var x *sfn.DescribeExecutionOutput
		err = platform.Poll(ctx, patience, func() (err error) {
			x, err = c.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
			if err == nil && x.Status == types.ExecutionStatusRunning {
				err = errors.New("it runs")
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if x.Status != types.ExecutionStatusSucceeded {
			return nil, fmt.Errorf("%s: %s %v", *started.ExecutionArn, x.Status, x.Error)
		}
		all = append(all, x.StopDate.Sub(*x.StartDate))
	}
	slices.Sort(all)
	return all, nil
}

// noneRuns waits until no execution of a state machine runs.
func (b *bench) noneRuns(ctx context.Context, machine string) error {
	return platform.Poll(ctx, 10*time.Minute, func() error {
		out, err := b.platform.Client.Workflows().ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning, MaxResults: 1})
		if err == nil && len(out.Executions) > 0 {
			err = errors.New("executions run")
		}
		return err
	})
}

// express is how many synchronous Express executions 64 callers get a second,
// and what CPU time one takes.
func (b *bench) express(ctx context.Context, function string) (rate float64, each time.Duration, err error) {
	machine, err := b.machine(ctx, "bench-express-"+function, threeTasks(function), types.StateMachineTypeExpress)
	if err != nil {
		return 0, 0, err
	}
	progress("express workflows, %d callers", startCallers)
	r, err := b.statesRequest("StartSyncExecution", map[string]any{"stateMachineArn": machine}, `"status":"SUCCEEDED"`)
	if err != nil {
		return 0, 0, err
	}
	if _, err := load(r, startCallers, b.each/4); err != nil { // instances come
		return 0, 0, err
	}
	before, _, err := cpu(b.platform.PID())
	if err != nil {
		return 0, 0, err
	}
	s, err := load(r, startCallers, b.each)
	if err != nil {
		return 0, 0, err
	}
	after, _, err := cpu(b.platform.PID())
	return s.rate(), (after - before) / time.Duration(s.requests), err
}

// historyPage measures pages of a history of about 10,000 events.
func (b *bench) historyPage(ctx context.Context) error {
	progress("a history of 10,000 events")
	const rounds = 2000 // of five events each
	machine, err := b.machine(ctx, "bench-history", fmt.Sprintf(`{"StartAt": "Next", "States": {
		"Next": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "More"},
		"More": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": %d, "Next": "Next"}], "Default": "Done"},
		"Done": {"Type": "Succeed"}}}`, rounds*5/4), types.StateMachineTypeStandard)
	if err != nil {
		return err
	}
	c := b.platform.Client.Workflows()
	input := `{"n": 0}`
	x, err := c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
	if err != nil {
		return err
	}
	if err := b.noneRuns(ctx, machine); err != nil {
		return err
	}
	var all []time.Duration
	events := 0
	pages := sfn.NewGetExecutionHistoryPaginator(c, &sfn.GetExecutionHistoryInput{ExecutionArn: x.ExecutionArn, MaxResults: 100})
	for pages.HasMorePages() {
		begin := time.Now()
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		all = append(all, time.Since(begin))
		events += len(page.Events)
	}
	slices.Sort(all)
	table := b.report.table("pages of a history", "p50 ms", "p99 ms", "bar ms")
	table.add(fmt.Sprintf("100 of %d events", events), ms(quantile(all, 0.5)), ms(quantile(all, 0.99)), 20)
	return nil
}
