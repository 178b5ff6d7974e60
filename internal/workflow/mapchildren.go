package workflow

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"encoding/json"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// mapRun is a map run that this process runs.
type mapRun struct {
	engine *Engine
	row    *ebb.MapRun
	plan   *mapPlan
	parent *ebb.Execution
	whole  *machine // of the parent
	child  *machine

	ended struct { // by status
		children, items map[string]int64
	}
	source   string // the object that items are read from
	items    int64  // read so far
	children int64
	results  []*ebb.MapRunChild // not yet written: those of Express children
	writing  chan error         // a write that is on its way

	mu    sync.Mutex
	begun map[int64]bool     // items whose child runs, or has ended
	done  map[int64]bool     // those whose child has ended and was counted
	came  []*ebb.MapRunChild // children that ended and were not looked at yet
	bell  chan struct{}
}

// mapRuns are the ones of this process.
type mapRuns struct {
	mu   sync.Mutex
	here map[string]*mapRun
}

func (s *mapRuns) add(r *mapRun) {
	s.mu.Lock()
	s.here[r.row.ID] = r
	s.mu.Unlock()
}

func (s *mapRuns) remove(r *mapRun) {
	s.mu.Lock()
	delete(s.here, r.row.ID)
	s.mu.Unlock()
}

func (s *mapRuns) get(id string) *mapRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.here[id]
}

// ended tells a map run, if it is here, of a child.
func (s *mapRuns) ended(id string, c *ebb.MapRunChild) {
	if r := s.get(id); r != nil {
		r.arrived(c)
	}
}

// wake has a map run look at its row.
func (s *mapRuns) wake(id string) {
	if r := s.get(id); r != nil {
		r.arrived(nil)
	}
}

// running is how many children a map run of this process runs.
func (s *mapRuns) running(id string) int64 {
	r := s.get(id)
	if r == nil {
		return 0
	}
	return r.busy()
}

// busy is how many children run.
func (r *mapRun) busy() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.begun) - len(r.done))
}

// begin notes that an item's child is to run. ok is false when it does, or has
// ended.
func (r *mapRun) begin(item int64) (ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ok = !r.begun[item]
	r.begun[item] = true
	return ok
}

func (r *mapRun) arrived(c *ebb.MapRunChild) {
	r.mu.Lock()
	r.came = append(r.came, c)
	r.mu.Unlock()
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

// openMapRun reads a map run and what has become of its children.
func (e *Engine) openMapRun(ctx context.Context, id string) (*mapRun, error) {
	r := &mapRun{engine: e, plan: &mapPlan{}, begun: make(map[int64]bool), done: make(map[int64]bool), bell: make(chan struct{}, 1)}
	r.ended.children, r.ended.items = make(map[string]int64), make(map[string]int64)
	err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		if r.row, err = tx.MapRun(id); err != nil {
			return err
		}
		if r.parent, err = tx.Execution(r.row.Execution); err != nil {
			return err
		}
		return tx.MapRunChildren(id, -1, 1<<30, func(c *ebb.MapRunChild) error {
			r.count(c)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(r.row.Plan), r.plan); err != nil {
		return nil, err
	}
	if r.whole, err = e.machine(ctx, r.parent.Revision, r.parent.Settings.Program); err != nil {
		return nil, err
	}
	r.child, err = e.machine(ctx, r.parent.Revision, r.plan.Run.Program)
	return r, err
}

// count takes note of a child that ended, once: its end may be told and be read
// as well.
func (r *mapRun) count(c *ebb.MapRunChild) (first bool) {
	r.mu.Lock()
	first = !r.done[c.Item]
	r.begun[c.Item], r.done[c.Item] = true, true
	r.mu.Unlock()
	if !first {
		return false
	}
	r.ended.children[c.Status]++
	r.ended.items[c.Status] += c.Items
	return true
}

// lost is how many items did not succeed.
func (r *mapRun) lost() (n int64) {
	for status, items := range r.ended.items {
		if status != ebb.ExecutionSucceeded {
			n += items
		}
	}
	return n
}

// exceeded says whether more items failed than may; total is how many there are,
// as far as that is known.
func (r *mapRun) exceeded(total int64) bool {
	limits := *r.plan.Run
	limits.ToleratedCount, limits.ToleratedPercentage = nil, nil
	if r.row.ToleratedCount >= 0 {
		limits.ToleratedCount = &r.row.ToleratedCount
	}
	if r.row.ToleratedPercentage >= 0 {
		limits.ToleratedPercentage = &r.row.ToleratedPercentage
	}
	return limits.Exceeded(r.lost(), total)
}

// input is one child's.
type input struct {
	value asl.Value
	items int64
	fail  *failure // instead: the items cannot be had
}

// inputs are the children's inputs, in order.
func (r *mapRun) inputs(ctx context.Context) iter.Seq[input] {
	return func(yield func(input) bool) {
		b := r.plan.Run.Batcher()
		n := 0
		for item, fail := range r.read(ctx) {
			if fail != nil {
				yield(input{fail: fail})
				return
			}
			r.items++
			v, err := r.whole.program.ItemInput(r.plan.Run, asl.Item{Index: n, Value: asl.Value{V: item}, Source: r.source}, r.plan.Env)
			n++
			if err != nil {
				yield(input{fail: asFailure(err)})
				return
			}
			if full, items := b.Add(v); full != nil && !yield(input{value: *full, items: items}) {
				return
			}
		}
		if full, items := b.Flush(); full != nil {
			yield(input{value: *full, items: items})
		}
	}
}

func asFailure(err error) *failure {
	if f, ok := errors.AsType[*asl.Failure](err); ok {
		return &failure{name: f.Name, cause: f.Cause}
	}
	return &failure{name: asl.ErrRuntime, cause: err.Error()}
}

// limit is how many children may run at once.
func (r *mapRun) limit() int64 {
	n := int64(r.engine.cfg.MaxChildren)
	if r.row.MaxConcurrency > 0 {
		n = min(n, r.row.MaxConcurrency)
	}
	return n
}

// start begins the child with an input, or finds it begun.
func (r *mapRun) start(ctx context.Context, item int64, in input) error {
	e := r.engine
	name := childName(r.row.ID, item)
	if r.plan.Run.Express {
		r.fly(ctx, name, item, in)
		return nil
	}
	x := &ebb.Execution{
		ID: ebb.ExecutionID(newID()), Service: r.row.Service, Machine: r.row.Machine + "/" + r.row.Label, Name: name,
		Status: ebb.ExecutionRunning, StartedAt: e.now(), Revision: r.parent.Revision,
		MapRun: r.row.ID, Item: item, Input: in.value.String(),
		Settings: ebb.ExecutionSettings{Program: r.plan.Run.Program, Items: in.items, Offload: r.parent.Settings.Offload},
	}
	err := e.begin(ctx, x, in.value, &asl.Item{Index: int(item), Value: in.value})
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	var there *ebb.Execution
	if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		there, err = tx.ExecutionByName(x.Service, x.Machine, x.Name)
		return err
	}); err != nil {
		return err
	}
	if there.Status == ebb.ExecutionPendingRedrive {
		return e.deliver(ctx, there.ID, &arrival{events: []asl.Event{{Kind: asl.Redriven}}})
	}
	if there.Status != ebb.ExecutionRunning {
		r.arrived(childOf(there))
	}
	return nil
}

// childName is the same for every try, so that a child is started once.
func childName(run string, item int64) string {
	c := &call{Task: &asl.Task{Op: item}, execution: &ebb.Execution{ID: ebb.ExecutionID(run)}}
	return deterministicName(c)
}

// fly runs an Express child in memory.
func (r *mapRun) fly(ctx context.Context, name string, item int64, in input) {
	e := r.engine
	began := e.now()
	x := &ebb.Execution{Service: r.row.Service, Machine: r.row.Machine + "/" + r.row.Label, Name: name, StartedAt: began, Revision: r.parent.Revision, MapRun: r.row.ID, Input: in.value.String(),
		Settings: ebb.ExecutionSettings{Offload: r.parent.Settings.Offload}}
	f := &flight{engine: e, execution: x, machine: r.child, program: r.child.program.Within(int64(e.cfg.ExpressTimeout / time.Second))}
	about := e.contextOf(x, r.child, &asl.Item{Index: int(item), Value: in.value})
	about.Express = true
	f.arn = ebb.StatesARN{Region: e.cfg.Region, Service: x.Service, Kind: "express", Name: x.Machine, Rest: name + ":" + r.row.ID}.String()
	about.ID = f.arn
	e.background.Add(1)
	go func() {
		defer e.background.Done()
		c := &ebb.MapRunChild{Item: item, Items: in.items}
		end, err := f.run(ctx, about, in.value)
		if err != nil {
			if ctx.Err() != nil {
				return // the map run is over, or begins again elsewhere
			}
			name, cause := asl.ErrTaskFailed, "The child execution could not be run: "+messageOf(err)
			end = &asl.Finish{Status: asl.Failed, Error: &name, Cause: &cause}
		}
		c.Status = string(end.Status)
		c.Outcome = ebb.MapRunOutcome{ExecutionOutcome: outcomeOf(end), Name: name, Started: began.UnixMilli(), Stopped: e.now().UnixMilli()}
		if end.Status != asl.Succeeded || r.plan.Run.Writer != nil {
			c.Outcome.Input = x.Input
		}
		r.arrived(c)
	}()
}
