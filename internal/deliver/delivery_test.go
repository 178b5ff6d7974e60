package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// gate is a target that takes deliveries once it is open.
type gate struct {
	sinkOf
	open atomic.Bool
}

func (g *gate) Deliver(ctx context.Context, t ebb.Target, d *deliver.Delivery) error {
	if !g.open.Load() {
		return errors.New("out of order")
	}
	return g.sinkOf.Deliver(ctx, t, d)
}

// A delivery that was given up is found, with the reason, and redriven; then its
// target has it, and it is no more.
func TestRedriveDelivery(t *testing.T) {
	cfg := soon()
	cfg.DestinationAge = 30 * time.Millisecond
	records := make(chan []byte, 10)
	target := &gate{sinkOf: records}
	b := newBed(t, cfg, map[ebb.TargetKind]deliver.Target{ebb.TargetHTTP: target})
	b.runs(does)
	to := "arn:aws:http:::https://example.invalid/"
	b.configure(t, function.UpdateEvents{OnSuccess: &to})
	b.becomes(t, b.accept(t, "", `1`), ebb.TaskSucceeded)
	find := func(f deliver.TaskFilter) (ds []*ebb.Delivery) {
		t.Helper()
		f.Service = service
		ds, _, err := b.Deliveries(t.Context(), f, 10)
		if err != nil {
			t.Fatal(err)
		}
		return ds
	}
	var failed []*ebb.Delivery
	eventually(t, func() error {
		if failed = find(deliver.TaskFilter{Function: "f", State: ebb.TaskFailed}); len(failed) != 1 {
			return fmt.Errorf("%d deliveries were given up", len(failed))
		}
		return nil
	})
	d := failed[0]
	if d.Target != to || d.Reason != "out of order" || d.Attempts == 0 || d.EndedAt.IsZero() || d.Name != "f" {
		t.Errorf("%+v", d)
	}
	if ds := find(deliver.TaskFilter{State: ebb.TaskRetrying}); len(ds) != 0 {
		t.Errorf("it is both given up and tried: %+v", ds[0])
	}
	if one, err := b.Delivery(t.Context(), service, d.ID); err != nil || one.Target != to {
		t.Errorf("%+v %v", one, err)
	}
	if err := b.RedriveDelivery(t.Context(), "111111111111", d.ID); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("by another service: %v", err)
	}
	target.open.Store(true)
	if err := b.RedriveDelivery(t.Context(), service, d.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-records:
	case <-time.After(20 * time.Second):
		t.Fatal("it was not delivered")
	}
	eventually(t, func() error {
		if _, err := b.Delivery(t.Context(), service, d.ID); ebb.KindOf(err) != ebb.NotFound {
			return fmt.Errorf("a delivery that was taken is still there: %w", err)
		}
		return nil
	})
	if err := b.RedriveDelivery(t.Context(), service, d.ID); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("what was taken is redriven: %v", err)
	}
}
