package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// op is one call on one message, as its caller saw it.
type op struct {
	kind  string // enqueue, lease, renew, release, done, stop
	now   int64  // the time that the call was made at, milliseconds
	until int64  // lease, renew: the lease's end; release: due again
	epoch int64  // what the caller held, or got
	ok    bool
}

// row is what the model knows of one message.
type row struct {
	there, leased bool
	due, epoch    int64
	crashes       int
}

// model is what a message may do. What a lease that ran out does by the way (it
// is first counted, and leased again by a later call) is one step for each call
// that finds it so; a call that only counted is an op of kind "count".
var model = porcupine.Model{
	Init: func() any { return row{} },
	Step: func(state, input, _ any) (bool, any) {
		s, o := state.(row), input.(op)
		holds := s.there && s.leased && s.epoch == o.epoch
		switch o.kind {
		case "enqueue":
			return !s.there, row{there: true, due: o.now}
		case "count":
			ok := s.there && s.leased && s.due <= o.now
			return ok, row{there: true, due: s.due, epoch: s.epoch + 1, crashes: s.crashes + 1}
		case "lease":
			ok := s.there && !s.leased && s.due <= o.now && o.epoch == s.epoch+1
			return ok, row{there: true, leased: true, due: o.until, epoch: o.epoch, crashes: s.crashes}
		}
		if !o.ok {
			return !holds, s
		}
		switch o.kind {
		case "renew":
			s.due = o.until
		case "release":
			s.leased, s.due = false, o.until
		case "done":
			return holds, row{}
		}
		return holds, s
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
	DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
}

// recorder is the history of each message.
type recorder struct {
	mu    sync.Mutex
	began time.Time
	ops   map[ebb.MessageID][]porcupine.Operation
}

func (r *recorder) note(client int, id ebb.MessageID, o op, call time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops[id] = append(r.ops[id], porcupine.Operation{
		ClientId: client, Input: o, Call: call.Sub(r.began).Nanoseconds(), Return: time.Since(r.began).Nanoseconds(),
	})
}

// client works on the queue's rows like a process, but badly: it forgets leases,
// renews and finishes too late, and its clock is everybody's, which jumps.
type client struct {
	number  int
	s       *store.Store
	rec     *recorder
	clock   *atomic.Int64
	random  *rand.Rand
	holding []*ebb.Message
}

const lane = "000000000000"

func (c *client) step(ctx context.Context) error {
	call, now := time.Now(), c.clock.Add(1)
	switch kind := c.random.IntN(10); {
	case kind < 3:
		return c.lease(ctx, call, now)
	case kind < 4:
		c.clock.Add(int64(c.random.IntN(25)))
		return nil
	case len(c.holding) == 0:
		return nil
	case kind < 5: // forgets one, as a process that dies does
		c.drop()
		return nil
	case kind < 6:
		m := c.holding[c.random.IntN(len(c.holding))]
		until := now + 50
		err := c.tx(ctx, func(tx *store.Tx) error { return tx.RenewMessage(m.MessageKey, m.Epoch, time.UnixMilli(until)) })
		return c.noted(m, op{kind: "renew", now: now, until: until, epoch: m.Epoch}, call, err)
	case kind < 8:
		m := c.drop()
		err := c.tx(ctx, func(tx *store.Tx) error {
			return tx.ReleaseMessage(m.MessageKey, m.Epoch, time.UnixMilli(now+20), true, m.Crashes, nil)
		})
		return c.noted(m, op{kind: "release", now: now, until: now + 20, epoch: m.Epoch}, call, err)
	}
	m := c.drop()
	err := c.tx(ctx, func(tx *store.Tx) error { return tx.DeleteMessage(m.MessageKey, m.Epoch) })
	return c.noted(m, op{kind: "done", now: now, epoch: m.Epoch}, call, err)
}

func (c *client) drop() *ebb.Message {
	i := c.random.IntN(len(c.holding))
	m := c.holding[i]
	c.holding = append(c.holding[:i], c.holding[i+1:]...)
	return m
}

// lease claims some, and notes those whose leases were found to have run out.
func (c *client) lease(ctx context.Context, call time.Time, now int64) error {
	until := now + 50
	var before, after, got []*ebb.Message
	err := c.tx(ctx, func(tx *store.Tx) (err error) {
		if before, err = all(tx); err != nil {
			return err
		}
		if got, err = tx.ClaimMessages("work", lane, time.UnixMilli(now), time.UnixMilli(until), 4); err != nil {
			return err
		}
		after, err = all(tx)
		return err
	})
	if err != nil {
		return err
	}
	was := make(map[ebb.MessageID]*ebb.Message)
	for _, m := range before {
		was[m.ID] = m
	}
	for _, m := range after {
		if m.Crashes > was[m.ID].Crashes {
			c.rec.note(c.number, m.ID, op{kind: "count", now: now, ok: true}, call)
		}
	}
	for _, m := range got {
		c.rec.note(c.number, m.ID, op{kind: "lease", now: now, until: until, epoch: m.Epoch, ok: true}, call)
	}
	c.holding = append(c.holding, got...)
	return nil
}

func all(tx *store.Tx) ([]*ebb.Message, error) {
	ms, _, err := tx.Messages(store.MessageFilter{Queue: "work", Service: service}, 1000)
	return ms, err
}

func (c *client) tx(ctx context.Context, fn func(*store.Tx) error) error { return c.s.Tx(ctx, fn) }

func (c *client) noted(m *ebb.Message, o op, call time.Time, err error) error {
	o.ok = err == nil
	if err != nil && !errors.Is(err, store.ErrChanged) {
		return err
	}
	c.rec.note(c.number, m.ID, o, call)
	return nil
}

// TestHistoryIsLinearizable: whatever clients do at once to the messages of a
// queue, each message goes through a history that one client alone could have
// made: one lease at a time, and nothing by a stale holder.
func TestHistoryIsLinearizable(t *testing.T) { each(t, historyIsLinearizable) }

func historyIsLinearizable(t *testing.T, s *store.Store) {
	const clients, steps, messages = 6, 200, 24
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rec := &recorder{began: time.Now(), ops: make(map[ebb.MessageID][]porcupine.Operation)}
	var clock atomic.Int64
	clock.Store(1_000_000)
	var wg sync.WaitGroup
	for n := range clients {
		c := &client{number: n, s: s, rec: rec, clock: &clock, random: rand.New(rand.NewPCG(seed, uint64(n)))}
		wg.Go(func() {
			for i := range messages / clients {
				call, now := time.Now(), clock.Add(1)
				id := ebb.MessageID(fmt.Sprintf("m-%d-%d", n, i))
				err := s.Tx(t.Context(), func(tx *store.Tx) error {
					return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "work", Service: service, ID: id},
						Lane: lane, Due: time.UnixMilli(now), EnqueuedAt: time.UnixMilli(now)})
				})
				if err != nil {
					t.Error(err)
					return
				}
				rec.note(n, id, op{kind: "enqueue", now: now, ok: true}, call)
			}
			for range steps {
				if err := c.step(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	kinds := map[string]int{}
	for id, ops := range rec.ops {
		for _, o := range ops {
			in := o.Input.(op)
			kinds[fmt.Sprint(in.kind, " ", in.ok)]++
		}
		if !porcupine.CheckOperations(model, ops) {
			t.Errorf("the history of %s is none that a message can have", id)
		}
	}
	t.Log(kinds)
	for _, kind := range []string{"lease true", "done true", "count true"} {
		if kinds[kind] == 0 {
			t.Errorf("the test did nothing of %q: %v", kind, kinds)
		}
	}
}
