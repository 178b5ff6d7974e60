package rehearse

import (
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
)

// mapRun plays the children of a distributed Map. A mock with items stands for
// what its reader reads; any other mock stands for the whole map run.
func (a *actor) mapRun(run *asl.MapRun) error {
	a.later(a.now, asl.Event{Kind: asl.MapRunStarted, Op: run.Op, ARN: account + "mapRun:" + a.name + "/" + run.Label + ":test"})
	var items []any
	if run.Items != nil {
		items, _ = run.Items.V.([]any)
	}
	if _, mocked := a.stock.mocks[run.State]; mocked || run.Reader != nil {
		m, err := a.stock.take(run.State, run.Input)
		if err != nil {
			return err
		}
		if m.Items == nil {
			a.later(a.now.Add(m.Delay), m.end(run.Op, asl.MapRunSucceeded, asl.MapRunFailed))
			return nil
		}
		items = m.Items
	}
	event, took, err := a.children(run, items)
	if err == nil {
		a.later(a.now.Add(took), event)
	}
	return err
}

// children plays each child, as if all ran at once.
func (a *actor) children(run *asl.MapRun, items []any) (asl.Event, time.Duration, error) {
	inputs, failure, err := a.inputs(run, items)
	if err != nil {
		return asl.Event{}, 0, err
	}
	if failure != nil {
		return asl.Event{Kind: asl.MapRunFailed, Op: run.Op, Error: &failure.Name, Cause: &failure.Cause}, 0, nil //nolint:nilerr // failure is no error
	}
	results, lost, took := []any{}, int64(0), time.Duration(0)
	for i, in := range inputs {
		child := &actor{machine: a.machine.Child(run.Program), name: a.name + "/" + run.Label, stock: a.stock, now: a.now, seed: a.seed + uint64(i)<<32, result: &Result{}}
		child.later(a.now, asl.Event{Kind: asl.Started, Execution: child.execution(&asl.Item{Index: i, Value: in}), Input: &in})
		err := child.run()
		a.result.Path, a.result.Calls = append(a.result.Path, child.result.Path...), append(a.result.Calls, child.result.Calls...)
		if err != nil {
			return asl.Event{}, 0, fmt.Errorf("child %d of %s: %w", i, run.State, err)
		}
		took = max(took, child.now.Sub(a.now))
		if child.finish.Status == asl.Succeeded {
			results = append(results, child.finish.Output.V)
		} else {
			lost++
		}
	}
	if run.Exceeded(lost, int64(len(inputs))) {
		name, cause := asl.ErrToleratedExceeded, "The specified tolerated failure threshold was exceeded"
		return asl.Event{Kind: asl.MapRunFailed, Op: run.Op, Error: &name, Cause: &cause}, took, nil
	}
	if run.Writer != nil {
		return asl.Event{}, 0, fmt.Errorf("state %q writes its results, which a play cannot: give it a mock", run.State)
	}
	return asl.Event{Kind: asl.MapRunSucceeded, Op: run.Op, Output: &asl.Value{V: results}}, took, nil
}

// inputs are those of the children, batched.
func (a *actor) inputs(run *asl.MapRun, items []any) (all []asl.Value, failure *asl.Failure, err error) {
	for i, v := range items {
		in, err := a.machine.ItemInput(run, asl.Item{Index: i, Value: asl.Value{V: v}}, asl.Env{Now: a.now, Seed: a.seed})
		if f, ok := errors.AsType[*asl.Failure](err); ok {
			return nil, f, nil
		}
		if err != nil {
			return nil, nil, err
		}
		all = append(all, in)
	}
	return run.Batches(all), nil, nil
}
