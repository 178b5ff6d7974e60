package storetest

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func machineKey(name string) ebb.StateMachineKey {
	return ebb.StateMachineKey{Service: Service, Name: name}
}

func machine(name string) *ebb.StateMachine {
	return &ebb.StateMachine{
		StateMachineKey: machineKey(name), Type: ebb.StateMachineStandard, CreatedAt: At(1), Tags: map[string]string{"a": "b"},
		Revision: ebb.StateMachineRevision{
			StateMachineKey: machineKey(name), ID: "r-" + name, CreatedAt: At(1), Initial: true, Type: ebb.StateMachineStandard,
			Role: "role", Definition: "{}", Logging: ebb.StateMachineLogging{Level: "ALL", Destinations: []string{"x"}}, Tracing: true,
		},
	}
}

func testStateMachine(t *testing.T, s *store.Store) {
	m := machine("m")
	Must(t, s, func(tx *store.Tx) error { return tx.InsertStateMachine(m) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertStateMachine(machine("m")) }), store.ErrExists)
	next := m.Revision
	next.ID, next.Initial, next.Definition = "r2", false, `{"a":1}`
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.InsertStateMachineRevision(&next); err != nil {
			return err
		}
		return tx.SetStateMachineRevision(m.StateMachineKey, "r2", m.Revision.ID)
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.SetStateMachineRevision(m.StateMachineKey, "r2", "other") }), store.ErrChanged)
	m.Revision, m.Tags = next, map[string]string{}
	Must(t, s, func(tx *store.Tx) error { return tx.SetStateMachineTags(m.StateMachineKey, nil) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.StateMachine(m.StateMachineKey)
		same(t, got, m)
		if err != nil {
			return err
		}
		all, err := tx.StateMachines(Service, "", 9)
		same(t, all, []*ebb.StateMachine{m})
		if err != nil {
			return err
		}
		r, err := tx.StateMachineRevision("r2")
		same(t, r, &next)
		return err
	})
	Must(t, s, func(tx *store.Tx) error {
		n, err := tx.SweepStateMachineRevisions(At(2))
		same(t, n, int64(1))
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteStateMachine(m.StateMachineKey) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteStateMachine(m.StateMachineKey) }), store.ErrNotFound)
}

func testStateMachineVersions(t *testing.T, s *store.Store) {
	key := machineKey("m")
	v := &ebb.StateMachineVersion{StateMachineKey: key, Number: 1, Revision: "r-m", Description: "d", CreatedAt: At(3)}
	a := &ebb.StateMachineAlias{StateMachineKey: key, Alias: "live", Routing: []ebb.StateMachineRoute{{Version: 1, Weight: 100}}, CreatedAt: At(1), UpdatedAt: At(1)}
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertStateMachineVersion(v) }), store.ErrMissing)
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.InsertStateMachine(machine("m")); err != nil {
			return err
		}
		n, err := tx.NextStateMachineVersion(key)
		same(t, n, int64(1))
		if err != nil {
			return err
		}
		if err := tx.InsertStateMachineVersion(v); err != nil {
			return err
		}
		return tx.InsertStateMachineAlias(a)
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertStateMachineAlias(a) }), store.ErrExists)
	a.Description, a.UpdatedAt = "new", At(2)
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateStateMachineAlias(a) })
	Read(t, s, func(tx *store.Tx) error {
		vs, err := tx.StateMachineVersions(key, 2, 9)
		same(t, vs, []*ebb.StateMachineVersion{v})
		if err != nil {
			return err
		}
		as, err := tx.StateMachineAliases(key, "", 9)
		same(t, as, []*ebb.StateMachineAlias{a})
		return err
	})
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.DeleteStateMachineAlias(key, "live"); err != nil {
			return err
		}
		return tx.DeleteStateMachineVersion(key, 1)
	})
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.DeleteStateMachine(key); err != nil {
			return err
		}
		n, err := tx.NextStateMachineVersion(key)
		same(t, n, int64(2)) // a number is never given out twice
		return err
	})
}

func execution(id, name string, ms int64) *ebb.Execution {
	return &ebb.Execution{
		ID: ebb.ExecutionID(id), Service: Service, Machine: "m", Name: name, Status: ebb.ExecutionRunning, StartedAt: At(ms),
		Revision: "r-m", Version: 2, Alias: "live", MapRun: "run", Item: 3, Parent: "p", ParentOp: 4, Input: "{}",
		Settings: ebb.ExecutionSettings{Program: 1, Items: 2, TraceHeader: "t"},
	}
}

func testExecution(t *testing.T, s *store.Store) {
	x, y := execution("1", "a", 1), execution("2", "b", 2)
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.InsertExecution(x); err != nil {
			return err
		}
		return tx.InsertExecution(y)
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertExecution(execution("3", "a", 3)) }), store.ErrExists)
	y.Status, y.StoppedAt, y.RedriveCount, y.RedrivenAt = ebb.ExecutionSucceeded, At(9), 1, At(8)
	y.Outcome.Output = new("1")
	Must(t, s, func(tx *store.Tx) error { return tx.UpdateExecution(y) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.ExecutionByName(Service, "m", "b")
		same(t, got, y)
		if err != nil {
			return err
		}
		for i, c := range []struct {
			f    store.ExecutionFilter
			want []*ebb.Execution
		}{
			{store.ExecutionFilter{}, []*ebb.Execution{y, x}},
			{store.ExecutionFilter{Status: ebb.ExecutionRunning}, []*ebb.Execution{x}},
			{store.ExecutionFilter{Version: 2, Status: ebb.ExecutionSucceeded}, []*ebb.Execution{y}},
			{store.ExecutionFilter{Alias: "live"}, []*ebb.Execution{y, x}},
			{store.ExecutionFilter{MapRun: "run"}, []*ebb.Execution{y, x}},
			{store.ExecutionFilter{MapRun: "run", Status: ebb.ExecutionRunning}, []*ebb.Execution{x}},
			{store.ExecutionFilter{Redrive: "REDRIVEN"}, []*ebb.Execution{y}},
			{store.ExecutionFilter{Redrive: "NOT_REDRIVEN"}, []*ebb.Execution{x}},
			{store.ExecutionFilter{BeforeTime: At(2), BeforeID: "2"}, []*ebb.Execution{x}},
		} {
			c.f.Service, c.f.Machine, c.f.Limit = Service, "m", 9
			xs, err := tx.Executions(c.f)
			if err != nil {
				return err
			}
			if len(xs) != len(c.want) {
				t.Errorf("case %d: %d executions", i, len(xs))
			}
			same(t, xs, c.want)
		}
		kids, err := tx.ExecutionsOf("p", 4)
		same(t, len(kids), 2)
		if err != nil {
			return err
		}
		n, err := tx.CountMapRunExecutions("run")
		same(t, n, map[string]int64{ebb.ExecutionRunning: 1, ebb.ExecutionSucceeded: 1})
		if err != nil {
			return err
		}
		ids, err := tx.OldExecutions(At(10), 9)
		same(t, ids, []ebb.ExecutionID{"2"})
		return err
	})
	Must(t, s, func(tx *store.Tx) error {
		x.Status = ebb.ExecutionFailed
		if err := tx.UpdateExecution(x); err != nil {
			return err
		}
		return tx.PendRedrives("run")
	})
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Execution("1")
		same(t, got.Status, ebb.ExecutionPendingRedrive)
		return err
	})
	payloads := func() (all []ebb.Digest) {
		is(t, s.Read(t.Context(), func(tx *store.Tx) error {
			all = nil
			return tx.Payloads(func(d ebb.Digest) { all = append(all, d) })
		}), nil)
		return all
	}
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.NameExecutionPayload("2", "d1"); err != nil {
			return err
		}
		return tx.NameExecutionPayload("2", "d1") // named again
	})
	if got := payloads(); len(got) != 1 || got[0] != "d1" {
		t.Errorf("payloads in use: %v", got)
	}
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteExecution("2") })
	if got := payloads(); len(got) != 0 {
		t.Errorf("payloads of an execution that is no more: %v", got)
	}
	is(t, s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Execution("2"); return err }), store.ErrNotFound)
}

func testExecutionEvents(t *testing.T, s *store.Store) {
	Must(t, s, func(tx *store.Tx) error {
		for n := int64(1); n <= 3; n++ {
			if err := tx.AppendExecutionEvents("x", n, []byte{byte('0' + n)}); err != nil {
				return err
			}
		}
		if err := tx.PutExecutionSnapshot("x", 1, 10, []byte("s1")); err != nil {
			return err
		}
		return tx.PutExecutionSnapshot("x", 2, 20, []byte("s2"))
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.AppendExecutionEvents("x", 3, []byte("other")) }), store.ErrChanged)
	Read(t, s, func(tx *store.Tx) error {
		var rows []string
		if err := tx.ExecutionEvents("x", 1, func(_ int64, b []byte) error { rows = append(rows, string(b)); return nil }); err != nil {
			return err
		}
		same(t, rows, []string{"2", "3"})
		for first, want := range map[int64]string{0: "s2", 20: "s1", 21: "s2"} {
			_, state, err := tx.ExecutionSnapshot("x", first)
			if err != nil {
				return err
			}
			same(t, string(state), want)
		}
		_, _, err := tx.ExecutionSnapshot("x", 10)
		is(t, err, store.ErrNotFound)
		return nil
	})
}

func testExecutionTask(t *testing.T, s *store.Store) {
	task := &ebb.ExecutionTask{Execution: "x", Op: 1, Service: Service, Activity: "a", Token: "t", CreatedAt: At(1), HeartbeatAt: At(1), HeartbeatS: 5, Input: "{}"}
	Must(t, s, func(tx *store.Tx) error { return tx.InsertExecutionTask(task) })
	Must(t, s, func(tx *store.Tx) error {
		got, err := tx.WaitingTask(Service, "a")
		same(t, got, task)
		if err != nil {
			return err
		}
		if err := tx.TakeExecutionTask("x", 1, "w", At(2)); err != nil {
			return err
		}
		return tx.BeatExecutionTask("x", 1, At(3))
	})
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.TakeExecutionTask("x", 1, "w2", At(2)) }), store.ErrChanged)
	task.Taken, task.Worker, task.HeartbeatAt = true, "w", At(3)
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.ExecutionTask("x", 1)
		same(t, got, task)
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteExecutionTask("x", 1) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.BeatExecutionTask("x", 1, At(3)) }), store.ErrNotFound)
}

func testActivity(t *testing.T, s *store.Store) {
	a := &ebb.Activity{Service: Service, Name: "a", CreatedAt: At(1), Tags: map[string]string{"k": "v"}}
	Must(t, s, func(tx *store.Tx) error { return tx.InsertActivity(a) })
	is(t, s.Tx(t.Context(), func(tx *store.Tx) error { return tx.InsertActivity(a) }), store.ErrExists)
	a.Tags = map[string]string{}
	Must(t, s, func(tx *store.Tx) error { return tx.SetActivityTags(Service, "a", nil) })
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.Activity(Service, "a")
		same(t, got, a)
		if err != nil {
			return err
		}
		as, err := tx.Activities(Service, "", 9)
		same(t, as, []*ebb.Activity{a})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteActivity(Service, "a") })
}

func testMapRun(t *testing.T, s *store.Store) {
	m := &ebb.MapRun{
		ID: "m1", Execution: "x", Op: 2, Service: Service, Machine: "m", Label: "l", Status: ebb.ExecutionRunning, StartedAt: At(1),
		MaxConcurrency: 3, ToleratedCount: -1, ToleratedPercentage: 12.5, Items: -1, Children: -1, Plan: "{}",
	}
	Must(t, s, func(tx *store.Tx) error { return tx.InsertMapRun(m) })
	m.Op, m.Status, m.StoppedAt, m.RedriveCount, m.RedrivenAt = 5, ebb.ExecutionFailed, At(4), 1, At(3)
	m.Items, m.Children, m.ResultsWritten, m.Plan = 7, 6, 5, "{1}"
	ok := &ebb.MapRunChild{Item: 0, Status: ebb.ExecutionSucceeded, Items: 2, Outcome: ebb.MapRunOutcome{Name: "c", Started: 1, Stopped: 2, ExecutionOutcome: ebb.ExecutionOutcome{Output: new("1")}}}
	bad := &ebb.MapRunChild{Item: 1, Status: ebb.ExecutionFailed, Items: 3}
	Must(t, s, func(tx *store.Tx) error {
		if err := tx.UpdateMapRun(m); err != nil {
			return err
		}
		if err := tx.SetMapRunLimits("m1", 9, 8, 7.5); err != nil {
			return err
		}
		if err := tx.PutMapRunChild("m1", bad); err != nil {
			return err
		}
		if err := tx.PutMapRunChild("m1", bad); err != nil {
			return err
		}
		return tx.PutMapRunChild("m1", ok)
	})
	m.MaxConcurrency, m.ToleratedCount, m.ToleratedPercentage = 9, 8, 7.5
	Read(t, s, func(tx *store.Tx) error {
		got, err := tx.MapRun("m1")
		same(t, got, m)
		if err != nil {
			return err
		}
		all, err := tx.MapRuns("x", "", 9)
		same(t, all, []*ebb.MapRun{m})
		if err != nil {
			return err
		}
		counts, err := tx.CountMapRunChildren("m1")
		same(t, counts, map[string]store.MapRunCount{ebb.ExecutionSucceeded: {Children: 1, Items: 2}, ebb.ExecutionFailed: {Children: 1, Items: 3}})
		return err
	})
	Must(t, s, func(tx *store.Tx) error { return tx.DeleteMapRunChildren("m1") })
	Read(t, s, func(tx *store.Tx) error {
		var left []*ebb.MapRunChild
		err := tx.MapRunChildren("m1", -1, 9, func(c *ebb.MapRunChild) error { left = append(left, c); return nil })
		same(t, left, []*ebb.MapRunChild{ok})
		return err
	})
}
