package workflow

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

const threeTasks = `{"StartAt": "A", "States": {
	"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "B"},
	"B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "C"},
	"C": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": true}}}`

// BenchmarkCommit is the yardstick: one transaction of one caller.
func BenchmarkCommit(b *testing.B) {
	r := newRig(b)
	row := []byte(`[{"e":{"kind":"TimerFired","op":1},"v":{"now":"2026-01-01T00:00:00Z","seed":1}}]`)
	var n int64
	for b.Loop() {
		n++
		must(b, r.store.Tx(context.Background(), func(tx *store.Tx) error { return tx.AppendExecutionEvents("x", n, row) }))
	}
}

// BenchmarkStandard runs workflows of three tasks, durable; the functions take
// no time.
func BenchmarkStandard(b *testing.B) {
	for name, flight := range map[string]int{"one": 1, "64": 64} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			machine := r.create("m", "", threeTasks)
			inFlight(b, flight, func() {
				arn := r.begin(machine, `{"a": 1}`)
				r.awaited(arn)
			})
		})
	}
}

// BenchmarkExpress runs the same in memory.
func BenchmarkExpress(b *testing.B) {
	for name, flight := range map[string]int{"one": 1, "64": 64} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			machine := r.create("m", ebb.StateMachineExpress, threeTasks)
			inFlight(b, flight, func() {
				if _, err := r.StartSync(context.Background(), Start{StateMachine: machine, Input: new(`{"a": 1}`)}); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// awaited waits for the end of an execution.
func (r *rig) awaited(arn string) {
	a, _ := ebb.ParseStatesARN(arn)
	for {
		var x *ebb.Execution
		must(r.t, r.store.Read(context.Background(), func(tx *store.Tx) (err error) {
			x, err = tx.ExecutionByName(a.Service, a.Name, a.Rest)
			return err
		}))
		c := r.waiters.wait(executionKey(x.ID))
		again, err := r.ExecutionByID(context.Background(), x.ID)
		must(r.t, err)
		if again.Status != ebb.ExecutionRunning {
			return
		}
		<-c
	}
}

func inFlight(b *testing.B, n int, run func()) {
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				run()
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "executions/s")
}
