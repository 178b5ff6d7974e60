package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Delays before a source that failed is begun again.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = 30 * time.Second
)

// page is how many rows are read or removed at once.
const page = 500

// runs are the sources that run.
type runs struct {
	wake chan struct{} // something changed; capacity 1
}

func newRuns() runs { return runs{wake: make(chan struct{}, 1)} }

func (r *runs) changed() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// running is one trigger's source.
type running struct {
	revision int64
	stop     context.CancelFunc
	ended    chan struct{}
}

// Run keeps the sources of all triggers running until ctx ends, and returns when
// all have ended.
func (g *Triggers) Run(ctx context.Context) error {
	live := make(map[ebb.TriggerID]*running)
	defer func() {
		for _, r := range live {
			r.stop()
		}
		for _, r := range live {
			<-r.ended
		}
	}()
	tick := time.NewTicker(g.cfg.Rescan)
	defer tick.Stop()
	tidy := time.NewTicker(time.Hour)
	defer tidy.Stop()
	for {
		if err := g.reconcile(ctx, live); err != nil && ctx.Err() == nil {
			g.deps.Log.Error("triggers cannot be read; sources run on as they are", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-g.runs.wake:
		case <-tick.C:
		case <-tidy.C:
			err := g.tidy(ctx)
			if g.deps.Tidy != nil {
				err = errors.Join(err, g.deps.Tidy(ctx))
			}
			if err != nil && ctx.Err() == nil {
				g.deps.Log.Error("old fires and events are not removed", "error", err)
			}
		}
	}
}

// reconcile begins and ends sources so that those run that should.
func (g *Triggers) reconcile(ctx context.Context, live map[ebb.TriggerID]*running) error {
	want, err := g.wanted(ctx)
	if err != nil {
		return err
	}
	for id, r := range live {
		t := want[id]
		if t != nil && t.Revision == r.revision {
			continue
		}
		r.stop()
		select {
		case <-r.ended:
			delete(live, id)
		default: // it may drain for long; when it has ended, it says so
		}
	}
	for id, t := range want {
		if live[id] != nil {
			continue
		}
		source := g.kinds[t.Kind].Source(t)
		if source == nil {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		r := &running{t.Revision, stop, make(chan struct{})}
		live[id] = r
		go func() {
			defer g.runs.changed()
			defer close(r.ended)
			g.keep(ctx, t, source)
		}()
	}
	return nil
}

// wanted are the triggers that may have a source.
func (g *Triggers) wanted(ctx context.Context) (map[ebb.TriggerID]*ebb.Trigger, error) {
	want := make(map[ebb.TriggerID]*ebb.Trigger)
	for name, kind := range g.kinds {
		if kind.Source(&ebb.Trigger{Kind: name}) == nil {
			continue // this kind never has one
		}
		f := store.TriggerFilter{Kind: name}
		for {
			ts, err := g.List(ctx, f, page)
			if err != nil {
				return nil, err
			}
			for _, t := range ts {
				if !t.Paused {
					want[t.ID] = t
				}
			}
			if len(ts) < page {
				break
			}
			f.After = ts[len(ts)-1].TriggerKey
		}
	}
	return want, nil
}

// keep runs a source again and again until ctx ends.
func (g *Triggers) keep(ctx context.Context, t *ebb.Trigger, source Source) {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = firstDelay, lastDelay
	said := g.said(ctx, t)
	for ctx.Err() == nil {
		err := source.Run(ctx, func() {
			wait.Reset()
			g.note(ctx, t, &said, "")
		})
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the source ended")
		}
		g.deps.Log.Warn("a trigger's source failed; it is begun again", "service", t.Service, "trigger", t.Name, "error", err)
		g.note(ctx, t, &said, err.Error())
		timer := time.NewTimer(wait.NextBackOff())
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// said is what stands in the state of t as the reason why its source is down: it
// may have been written by a run before, or by another node that has ended.
func (g *Triggers) said(ctx context.Context, t *ebb.Trigger) string {
	s, err := g.State(ctx, t)
	if err != nil {
		return "" // written anew as soon as it is known
	}
	return s.Error
}

// note writes why the source of t is down, "" that it is up, unless that was
// written before, and tells of it on the bus.
func (g *Triggers) note(ctx context.Context, t *ebb.Trigger, said *string, why string) {
	if *said == why {
		return
	}
	if g.Note(ctx, t, *said, why) {
		*said = why
	}
}

// Note writes why the source of t is down, "" that it is up, and tells of it on
// the bus; was is what was written before. It is for sources that see their server
// go and come back without ending. It reports false if it could not be written.
func (g *Triggers) Note(ctx context.Context, t *ebb.Trigger, was, why string) bool {
	err := g.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.SetTriggerError(t.ID, why, g.cfg.Now()) })
	if err != nil {
		if ctx.Err() == nil {
			g.deps.Log.Error("a trigger's state is not written", "trigger", t.Name, "error", err)
		}
		return false
	}
	g.tell(ctx, t, was, why)
	return true
}

// Detail-types of events that tell of sources.
const (
	SourceDown = "Source Down"
	SourceUp   = "Source Up"
)

// tell puts it on the bus that a source went down, or works again.
func (g *Triggers) tell(ctx context.Context, t *ebb.Trigger, was, why string) {
	if g.deps.Tell == nil || (was == "") == (why == "") {
		return
	}
	e := &ebb.Event{Source: ebb.SourceTrigger, DetailType: SourceUp, Service: t.Service, Resources: []string{t.Target}}
	if why != "" {
		e.DetailType = SourceDown
	}
	var err error
	e.Detail, err = json.Marshal(struct {
		Trigger string          `json:"trigger"`
		Kind    ebb.TriggerKind `json:"kind"`
		Target  string          `json:"target"`
		Reason  string          `json:"reason,omitempty"`
	}{t.Name, t.Kind, t.Target, why})
	if err == nil {
		err = g.deps.Tell(ctx, e)
	}
	if err != nil && ctx.Err() == nil {
		g.deps.Log.Error("a source's state is not told of", "trigger", t.Name, "error", err)
	}
}

// tidy removes fires that are listed no more.
func (g *Triggers) tidy(ctx context.Context) error {
	for {
		var n int64
		err := g.deps.Store.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.DeleteFires(g.cfg.Now().Add(-g.cfg.KeepFires), page)
			return err
		})
		if err != nil || n < page {
			return err
		}
	}
}
