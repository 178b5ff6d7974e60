package server

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/trigger/timer"
)

// assembleAsync makes the one queue of the process, with the handlers of all who
// have some, and asynchronous invocation on it.
func (n *node) assembleAsync() {
	cfg := &n.cfg
	q := cfg.Queue
	q.Queues = deliver.Queues(func(m *queue.Message, reason string) queue.Outcome { return n.deliver.Poisoned(m, reason) })
	q.Exclusive, q.Drain, q.Metrics = cfg.Database.URL == "", cfg.DrainTimeout, n.metrics
	maps.Copy(q.Queues, n.workflow.Queues())
	maps.Copy(q.Queues, timer.Queues())
	handlers := map[string]queue.Handler{
		deliver.Async:        func(ctx context.Context, m *queue.Message) queue.Outcome { return n.deliver.Async(ctx, m) },
		deliver.Destinations: func(ctx context.Context, m *queue.Message) queue.Outcome { return n.deliver.Destination(ctx, m) },
	}
	maps.Copy(handlers, n.workflow.Handlers())
	handlers[timer.Line] = func(ctx context.Context, m *queue.Message) queue.Outcome { return n.timers.Fire(ctx, m) }
	n.queue = queue.New(q, n.store, handlers, n.log)
	n.workflow.Bind(n.queue)

	d := cfg.Deliver
	d.Region, d.Patience = cfg.Region, cfg.Invoke.Patience
	n.targets = map[ebb.TargetKind]deliver.Target{
		ebb.TargetHTTP: deliver.NewHTTP(d.HTTP), ebb.TargetWorkflow: workflows{n.workflow},
	}
	if n.objects != nil {
		n.targets[ebb.TargetS3] = deliver.NewS3(n.objects)
	}
	if len(d.Kafka.Brokers) > 0 {
		n.targets[ebb.TargetKafka] = deliver.NewKafka(d.Kafka)
	}
	n.deliver = deliver.New(d, deliver.Deps{
		Store: n.store, Queue: n.queue, Functions: n.functions, Payloads: n.packages, Log: n.log,
		Resolve: n.invoker.Resolve, Invoke: n.invoker.Invoke, Count: n.triggers.Count, Alarm: n.alarm,
	}, n.targets)
	n.measureQueue()
}

// measureQueue adds what waits in the queue to the metrics. Both gauges of one
// scrape read the database once.
func (n *node) measureQueue() {
	const fresh = time.Second
	var mu sync.Mutex
	var last []queue.Depth
	var at time.Time
	depths := func() []queue.Depth {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) < fresh {
			return last
		}
		ctx, cancel := context.WithTimeout(context.Background(), fresh)
		defer cancel()
		ds, err := n.queue.Depths(ctx)
		if err != nil {
			n.log.Warn("the queue cannot be measured", "error", err)
			return nil
		}
		last, at = ds, time.Now()
		return ds
	}
	labels := []string{"queue", "service", "function"}
	n.metrics.Gauges("ebb_queue_messages", "Messages that wait or are being handled.", labels,
		func(emit func(float64, ...string)) {
			for _, d := range depths() {
				emit(float64(d.Messages), d.Queue, string(d.Service), d.Function)
			}
		})
	n.metrics.Gauges("ebb_queue_late_seconds", "How long the earliest message has been due.", labels,
		func(emit func(float64, ...string)) {
			for _, d := range depths() {
				emit(d.Late.Seconds(), d.Queue, string(d.Service), d.Function)
			}
		})
}

// checkTarget refuses a target that events cannot be delivered to.
func (n *node) checkTarget(key ebb.FunctionKey, t ebb.Target) error { return n.deliver.Check(key, t) }

// collectPayloads removes the payloads that no message names any more.
func (n *node) collectPayloads(ctx context.Context) error {
	keep, err := n.deliver.PayloadsInUse(ctx)
	if err == nil {
		_, err = n.packages.CollectPayloads(ctx, keep, collectAge)
	}
	return err
}
