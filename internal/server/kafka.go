package server

import (
	"context"
	"slices"

	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// newKafka makes the triggers that read topics, and what is measured of them.
func (n *node) newKafka() *kafka.Kind {
	k := kafka.New(kafka.Deps{
		Store: n.store, Log: n.log, Drain: n.cfg.DrainTimeout,
		Invoke: n.invoker.Invoke, Send: n.sendEvent, Fail: n.sendFailure, Share: n.share,
		Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { n.triggers.Count(t, c) },
		Note: func(ctx context.Context, t *ebb.Trigger, was, why string) bool {
			return n.triggers.Note(ctx, t, was, why)
		},
		Secret: func(ctx context.Context, service ebb.ServiceID, ref ebb.SecretRef) ([]byte, error) {
			value, _, err := n.secrets.Value(ctx, service, ref)
			return value, err
		},
	})
	n.metrics.Gauges("ebb_trigger_lag", "Records that wait for members of this node.", []string{"service", "trigger", "partition"},
		func(emit func(float64, ...string)) {
			k.EachLag(func(lag float64, service, trigger, partition string) { emit(lag, service, trigger, partition) })
		})
	n.metrics.Gauges("ebb_trigger_members", "Members of consumer groups on this node.", []string{"service", "trigger"},
		func(emit func(float64, ...string)) {
			k.EachMembers(func(members float64, service, trigger string) { emit(members, service, trigger) })
		})
	return k
}

// sendFailure prepares the delivery of a record of what a trigger gave up to its
// failure destination.
func (n *node) sendFailure(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, folder string, content []byte) (func(*store.Tx) error, error) {
	from := ebb.FunctionKey{Service: t.Service, Name: t.Name}
	if target, err := ebb.ParseTarget(t.Target); err == nil && target.Kind == ebb.TargetFunction {
		from.Name = target.Function.Name
	}
	return n.deliver.SendFailure(ctx, from, t.OnFailure, id, folder, content)
}

// share says which of the nodes that live this is, and how many there are.
func (n *node) share(ctx context.Context) (index, nodes int, err error) {
	all, err := n.cluster.Nodes(ctx)
	if err != nil {
		return 0, 0, err
	}
	all = slices.DeleteFunc(all, func(p cluster.Peer) bool { return p.Lost && !p.Self })
	return max(slices.IndexFunc(all, func(p cluster.Peer) bool { return p.Self }), 0), max(len(all), 1), nil
}
