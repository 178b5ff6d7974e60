package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// message makes a live message, due at At(due).
func message(id ebb.MessageID, lane string, due int64) *ebb.Message {
	return &ebb.Message{
		MessageKey: ebb.MessageKey{Queue: "q", Service: Service, ID: id}, Group: "g", Lane: lane,
		Due: At(due), EnqueuedAt: At(0), Body: []byte("body of " + id),
	}
}

func enqueue(t *testing.T, s *store.Store, ms ...*ebb.Message) {
	t.Helper()
	Must(t, s, func(tx *store.Tx) error {
		for _, m := range ms {
			if err := tx.InsertMessage(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// claim leases what is due at At(now), until At(now+100).
func claim(t *testing.T, s *store.Store, lane string, now int64, limit int) (ms []*ebb.Message) {
	t.Helper()
	Must(t, s, func(tx *store.Tx) (err error) {
		ms, err = tx.ClaimMessages("q", lane, At(now), At(now+100), limit)
		return err
	})
	return ms
}

func messageIDs(ms []*ebb.Message) (s []string) {
	for _, m := range ms {
		s = append(s, string(m.ID))
	}
	return s
}

func testMessage(t *testing.T, s *store.Store) {
	m := message("a", "l", 5)
	m.Payload = Digest(3)
	enqueue(t, s, m)
	Must(t, s, func(tx *store.Tx) error {
		is(t, tx.InsertMessage(m), store.ErrExists)
		got, err := tx.Message(m.MessageKey) // the Tx goes on
		same(t, got, m)
		return err
	})
	same(t, len(claim(t, s, "l", 4, 10)), 0)
	same(t, len(claim(t, s, "other", 9, 10)), 0)
	got := claim(t, s, "l", 5, 10)
	want := *m
	want.Leased, want.Epoch, want.Attempt, want.Due = true, 1, 1, At(105)
	same(t, got, []*ebb.Message{&want})
	same(t, len(claim(t, s, "l", 104, 10)), 0)

	Must(t, s, func(tx *store.Tx) error { return tx.RenewMessage(m.MessageKey, 1, At(200)) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.RenewMessage(m.MessageKey, 2, At(300)) }), store.ErrChanged)
	same(t, len(claim(t, s, "l", 199, 10)), 0)

	// The lease ends unrenewed: that is counted first, then it can be leased.
	same(t, len(claim(t, s, "l", 200, 10)), 0)
	got = claim(t, s, "l", 200, 10)
	same(t, []any{got[0].Epoch, got[0].Attempt, got[0].Crashes}, []any{int64(3), 2, 1})
	for _, stale := range []func(*store.Tx) error{
		func(tx *store.Tx) error { return tx.DeleteMessage(m.MessageKey, 1) },
		func(tx *store.Tx) error { return tx.ReleaseMessage(m.MessageKey, 1, At(0), true, 0, nil) },
		func(tx *store.Tx) error { return tx.RepeatMessage(m.MessageKey, 1, At(0), At(0), nil) },
		func(tx *store.Tx) error {
			return tx.EndMessage(&ebb.Message{MessageKey: m.MessageKey, Epoch: 1, State: ebb.MessageDead})
		},
		func(tx *store.Tx) error { return tx.RedriveMessage(m.MessageKey, At(0), nil) },
	} {
		is(t, s.Tx(t.Context(), stale), store.ErrChanged)
	}
	Must(t, s, func(tx *store.Tx) error {
		return tx.ReleaseMessage(m.MessageKey, 3, At(300), false, 1, []byte("other"))
	})
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Message(m.MessageKey)
		same(t, []any{got.Leased, got.Attempt, got.Due, string(got.Body)}, []any{false, 1, At(300), "other"})
		due, err2 := tx.NextMessage("q", "l")
		same(t, due, At(300))
		is(t, err2, nil)
		return err
	})
	claim(t, s, "l", 300, 1)
	Must(t, s, func(tx *store.Tx) error { return tx.RepeatMessage(m.MessageKey, 4, At(310), At(400), []byte("new")) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Message(m.MessageKey)
		same(t, []any{got.Leased, got.Attempt, got.Crashes, got.EnqueuedAt, got.Due, string(got.Body)}, []any{false, 0, 0, At(310), At(400), "new"})
		return err
	})
	Read(t, s, func(tx *store.Tx) error {
		due, err := tx.DueMessages("q", "l", At(399), 1)
		same(t, len(due), 0)
		if err == nil {
			due, err = tx.DueMessages("q", "l", At(400), 1)
			same(t, []any{due[0].Leased, due[0].Epoch, due[0].Attempt}, []any{false, int64(4), 0})
		}
		return err
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.LeaseMessage(m.MessageKey, 3) }), store.ErrChanged)
	Must(t, s, func(tx *store.Tx) error { return tx.LeaseMessage(m.MessageKey, 4) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.LeaseMessage(m.MessageKey, 5) }), store.ErrChanged)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Message(m.MessageKey)
		same(t, []any{got.Leased, got.Epoch, got.Attempt}, []any{true, int64(5), 1})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteMessage(m.MessageKey, 5) })
	is(t, s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Message(m.MessageKey); return err }), store.ErrNotFound)
	is(t, s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.NextMessage("q", "l"); return err }), store.ErrNotFound)
}

func testMessageLanes(t *testing.T, s *store.Store) {
	enqueue(t, s, message("a", "l1", 30), message("b", "l1", 10), message("c", "l1", 20), message("d", "l2", 15))
	Read(t, s, func(tx *store.Tx) error {
		lane, due, err := tx.NextLane("q", "")
		same(t, []any{lane, due}, []any{"l1", At(10)})
		is(t, err, nil)
		lane, due, err = tx.NextLane("q", lane)
		same(t, []any{lane, due}, []any{"l2", At(15)})
		is(t, err, nil)
		_, _, err = tx.NextLane("q", lane)
		is(t, err, store.ErrNotFound)
		counts := map[string]int64{}
		if err := tx.CountMessages(func(_, lane string, n int64, _ time.Time) { counts[lane] = n }); err != nil {
			return err
		}
		same(t, counts, map[string]int64{"l1": 3, "l2": 1})
		for _, c := range []struct {
			from, before string
			most, want   int
		}{{"l1", "l2", 9, 3}, {"l1", "l3", 9, 4}, {"l1", "l3", 2, 2}, {"l11", "l2", 9, 0}, {"l", "l;", 9, 4}} {
			n, err := tx.CountLanes("q", c.from, c.before, c.most)
			is(t, err, nil)
			same(t, n, c.want)
		}
		n, err := tx.CountLanes("other", "l1", "l3", 9)
		is(t, err, nil)
		same(t, n, 0)
		return nil
	})
	// Those due longest go first.
	same(t, messageIDs(claim(t, s, "l1", 50, 1)), []string{"b"})
	same(t, messageIDs(claim(t, s, "l1", 50, 1)), []string{"c"})
	Must(t, s, func(tx *store.Tx) error {
		n, err := tx.EndLeases("q", At(60))
		same(t, n, int64(2))
		return err
	})
	// Twice crashed, they are suspects and no longer claimed with the others.
	for range 2 {
		claim(t, s, "l1", 60, 10)
		Must(t, s, func(tx *store.Tx) error { _, err := tx.EndLeases("q", At(60)); return err })
	}
	same(t, messageIDs(claim(t, s, "l1", 60, 10)), []string{"a"}) // which crashed once
	Read(t, s, func(tx *store.Tx) error {                         // but they are counted
		counts := map[string]int64{}
		err := tx.CountMessages(func(_, lane string, n int64, _ time.Time) { counts[lane] += n })
		same(t, counts, map[string]int64{"l1": 3, "l2": 1})
		return err
	})
	Must(t, s, func(tx *store.Tx) error {
		due, err := tx.NextSuspect("q")
		is(t, err, nil)
		same(t, due.After(At(60)), false)
		none, err := tx.ClaimSuspects("q", 1, At(60), At(160), 10)
		is(t, err, nil)
		same(t, len(none), 0)
		got, err := tx.ClaimSuspects("q", 9, At(60), At(160), 10)
		same(t, len(got), 2)
		return err
	})
}

func testMessageEnds(t *testing.T, s *store.Store) {
	enqueue(t, s, message("done", "l", 0), message("dead", "l", 0), message("stopped", "l", 0), message("removed", "l", 0))
	keys := map[string]ebb.MessageKey{}
	for _, m := range claim(t, s, "l", 0, 10) {
		keys[string(m.ID)] = m.MessageKey
	}
	end := func(id string, state ebb.MessageState) {
		t.Helper()
		Must(t, s, func(tx *store.Tx) error {
			return tx.EndMessage(&ebb.Message{MessageKey: keys[id], Epoch: 1, State: state, Due: At(500), EndedAt: At(7), Reason: "why", Payload: Digest(4), Body: []byte("end")})
		})
	}
	end("done", ebb.MessageDone)
	end("dead", ebb.MessageDead)
	Must(t, s, func(tx *store.Tx) error { return tx.StopMessage(keys["stopped"], "enough", At(8), At(400)) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.StopMessage(keys["dead"], "no", At(8), At(400)) }), store.ErrChanged)
	Must(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.RemoveMessage(keys["removed"]), tx.RemoveMessage(keys["removed"]), tx.RemoveMessage(keys["dead"]))
	})
	is(t, s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Message(keys["removed"]); return err }), store.ErrNotFound)
	same(t, len(claim(t, s, "l", 1000, 10)), 0)
	Read(t, s, func(tx *store.Tx) error {
		m, err := tx.Message(keys["dead"])
		same(t, []any{m.State, m.Reason, m.EndedAt, m.Due, string(m.Body), m.Leased}, []any{ebb.MessageDead, "why", At(7), At(500), "end", false})
		n := 0
		if err := tx.Payloads(func(d ebb.Digest) { n++; same(t, d, Digest(4)) }); err != nil {
			return err
		}
		same(t, n, 1)
		return err
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.RedriveMessage(keys["done"], At(9), nil) }), store.ErrChanged)
	Must(t, s, func(tx *store.Tx) error { return tx.RedriveMessage(keys["dead"], At(9), nil) })
	got := claim(t, s, "l", 9, 10)
	same(t, []any{got[0].Attempt, got[0].Crashes, got[0].Reason, got[0].EnqueuedAt, string(got[0].Body)}, []any{1, 0, "", At(9), "end"})
	for _, step := range []struct{ now, want int64 }{{399, 0}, {400, 1}, {500, 1}} {
		Must(t, s, func(tx *store.Tx) error {
			n, err := tx.RemoveEnded(At(step.now), 10)
			same(t, n, step.want)
			return err
		})
	}
}

func testMessageLists(t *testing.T, s *store.Store) {
	for _, id := range []ebb.MessageID{"a-1", "a-2", "a-3", "b-1"} {
		m := message(id, "l", 0)
		if id == "a-2" {
			m.Group = "other"
		}
		enqueue(t, s, m)
	}
	elsewhere := message("a-9", "l", 0)
	elsewhere.Service = "111111111111"
	enqueue(t, s, elsewhere)
	list := func(f store.MessageFilter, limit int) (ids []string, next ebb.MessageID) {
		t.Helper()
		f.Queue, f.Service = "q", Service
		Read(t, s, func(tx *store.Tx) error {
			ms, n, err := tx.Messages(f, limit)
			ids, next = messageIDs(ms), n
			return err
		})
		return ids, next
	}
	ids, next := list(store.MessageFilter{}, 3)
	same(t, ids, []string{"b-1", "a-3", "a-2"})
	ids, next = list(store.MessageFilter{Before: next}, 3)
	same(t, ids, []string{"a-1"})
	same(t, next, ebb.MessageID(""))
	ids, _ = list(store.MessageFilter{Prefix: "a-", Group: "g"}, 10)
	same(t, ids, []string{"a-3", "a-1"})
	claim(t, s, "l", 0, 10)
	key := ebb.MessageKey{Queue: "q", Service: Service, ID: "a-3"}
	Must(t, s, func(tx *store.Tx) error {
		return tx.EndMessage(&ebb.Message{MessageKey: key, Epoch: 1, State: ebb.MessageDead, Due: At(500)})
	})
	for state, want := range map[ebb.MessageState][]string{
		ebb.MessageDead: {"a-3"}, ebb.MessageLive: {"b-1", "a-2", "a-1"}, ebb.MessageDone: nil,
	} {
		ids, _ := list(store.MessageFilter{State: &state}, 10)
		same(t, ids, want)
	}
}
