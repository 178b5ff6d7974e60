package pool

import (
	"container/list"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// Deps are the floors below that a Pool stands on.
type Deps struct {
	Driver   sandbox.Driver
	Packages *artifact.Store
	Runtimes *runtimes.Catalog
	Logs     *logs.Store
	// Endpoint gives an instance of v its way back to ebb's own APIs: the
	// handler to serve on the box's endpoint listener, and throw-away
	// credentials that are good for that listener only.
	Endpoint func(v *ebb.Version) (http.Handler, auth.Credentials)
	// Environment is what an instance of v finds in its environment of what users
	// set, secrets among it. nil = v.Env as it is.
	Environment func(ctx context.Context, v *ebb.Version) (map[string]string, error)
	// Memory tells of the node's memory; nil or false = it is not known.
	Memory func() (Memory, bool)
	// Allowed lists what a service's functions may connect to; each list is a
	// ceiling. nil = nowhere.
	Allowed func(context.Context, ebb.ServiceID) ([]ebb.Egress, error)
	Log     *slog.Logger
}

// Pool holds the node's instances. See the package comment.
type Pool struct {
	cfg  Config
	deps Deps

	mu        sync.Mutex // guards everything below, and all fields marked so
	functions map[ebb.FunctionKey]*fleet
	instances int        // of all functions: starting, idle, busy, stopping
	lru       *list.List // of idle *instance, longest idle first
	starved   *list.List // of *shelf that want a start and had no capacity, oldest first
	leaving   int        // evicted or broken, being destroyed
	measured  bool       // left was read, not long ago
	left      int64      // bytes that starts may take until memory is looked at again
	taken     int64      // bytes of starts that the last look may not have seen
	closed    bool
	launching int                     // starts that hold a slot, see pace.go
	reserved  map[ebb.FunctionKey]int // instances that functions have for themselves
	common    int                     // instances of functions that have not
	habits    map[habitKey]*habit     // of versions, also of those without instances
	steady    map[*shelf]struct{}     // with instances that are kept, or shall be
	stats     counters                // what happened so far

	spares   *spares
	zygotes  *zygotes
	compiler *compiler
	chores   sync.WaitGroup // freezing

	lifetime   context.Context // of starts: ends when Run drains
	endStart   context.CancelFunc
	goodbye    context.Context // of hooks after the start: ends when draining has lasted long enough
	endGoodbye context.CancelFunc
	ending     sync.WaitGroup // instances not yet destroyed
}

// fleet is all instances of one function. Fields guarded by Pool.mu.
type fleet struct {
	key       ebb.FunctionKey
	pool      *Pool
	instances int
	waiting   int
	shelves   map[shelfKey]*shelf
}

// shelfKey is what the instances of one shelf have in common.
type shelfKey struct {
	revision string // of the version
	tenant   string // of versions with PerTenant
}

// shelf is the instances of one version, of one tenant if it has those. Fields guarded by Pool.mu.
type shelf struct {
	fleet    *fleet
	version  *ebb.Version
	tenant   string
	places   int // how many invocations an instance may have in flight
	habit    *habit
	idle     []*instance // a stack
	ready    []*instance // those idle that are kept; a stack
	open     []*instance // busy ones with places left; a stack
	busy     map[*instance]struct{}
	passing  map[*instance]struct{} // starting, in their pre-freeze hook, stopping
	starting int                    // for requests that wait
	bound    int                    // starts made for one request, which no longer waits in line
	away     int                    // instances in their pre-freeze hook
	waiters  list.List              // of *waiter, oldest first
	hunger   *list.Element          // in Pool.starved, or nil
	renewed  time.Time              // instances that began before then leave when free
	retired  bool                   // the version is gone or changed: instances leave when free
	cooling  bool                   // nothing names the version any more: idle instances leave soon
	keep     keep
}

// waiter is one request waiting for an instance. It is answered exactly once,
// by whoever takes it out of its shelf's list.
type waiter struct {
	answer chan grant // capacity 1
	place  *list.Element
}

// grant is what a waiter gets: an instance, or why there is none.
type grant struct {
	instance *instance
	phases   ebb.Phases    // of the start, if this request waited for one
	spent    time.Duration // of the version's timeout, by a start made again
	err      error
}

// New makes an empty pool.
func New(cfg Config, deps Deps) *Pool {
	p := &Pool{
		cfg:       cfg.withDefaults(),
		deps:      deps,
		functions: make(map[ebb.FunctionKey]*fleet),
		lru:       list.New(),
		starved:   list.New(),
		reserved:  make(map[ebb.FunctionKey]int),
		habits:    make(map[habitKey]*habit),
		steady:    make(map[*shelf]struct{}),
	}
	p.spares, p.zygotes, p.compiler = newSpares(p), newZygotes(p), newCompiler(p.compile, p.prepareRuntime)
	p.lifetime, p.endStart = context.WithCancel(context.Background())
	p.goodbye, p.endGoodbye = context.WithCancel(context.Background())
	return p
}

// Limits returns the configuration in force, defaults filled in.
func (p *Pool) Limits() Config { return p.cfg }

// Acquire lends a place in an instance of v: one that works already, an idle
// one, or the first that becomes free or ready before ctx or patience ends. A
// tenant gets an instance that has never served another. The error is a Failure if the function
// could not be initialised; a throttle if patience or the queue's room ended.
func (p *Pool) Acquire(ctx context.Context, v *ebb.Version, tenant string, patience time.Time) (*Lease, error) {
	for {
		l, err := p.acquire(ctx, v, tenant, patience)
		if err != nil || !l.in.icy.Load() {
			return l, err
		}
		if err = l.thaw(); err == nil {
			return l, nil
		}
		p.deps.Log.Warn("an instance did not thaw", "function", v.FunctionKey.String(), "instance", string(l.in.id), "error", err)
		l.in.spoil()
		l.Release()
	}
}

func (p *Pool) acquire(ctx context.Context, v *ebb.Version, tenant string, patience time.Time) (*Lease, error) {
	begin := time.Now()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errClosing()
	}
	s := p.shelf(v, tenant)
	s.arrive(begin)
	if in := s.free(); in != nil {
		p.lend(in, begin)
		p.mu.Unlock()
		return &Lease{in: in}, nil
	}
	if s.fleet.waiting >= p.cfg.MaxQueue {
		p.drop(s)
		p.mu.Unlock()
		return nil, throttled(v, "its queue of waiting requests is full")
	}
	w := &waiter{answer: make(chan grant, 1)}
	w.place = s.waiters.PushBack(w)
	s.fleet.waiting++
	p.feed(s)
	p.mu.Unlock()
	return p.await(ctx, s, w, begin, patience)
}

// await waits for w's answer, and withdraws w if the caller's time ends first.
func (p *Pool) await(ctx context.Context, s *shelf, w *waiter, begin, patience time.Time) (*Lease, error) {
	expiry := time.NewTimer(time.Until(patience))
	defer expiry.Stop()
	var reason error
	select {
	case g := <-w.answer:
		return g.lease(begin)
	case <-ctx.Done():
		reason = context.Cause(ctx)
	case <-expiry.C:
	}
	p.mu.Lock()
	if reason == nil {
		reason = throttled(s.version, p.excuse())
	}
	if w.place != nil { // still in the list: nobody will answer
		p.unlist(s, w)
		p.drop(s)
		p.mu.Unlock()
		return nil, reason
	}
	p.mu.Unlock()
	return (<-w.answer).lease(begin) // answered meanwhile: take it
}

// excuse is why a request waited in vain. p.mu is held.
func (p *Pool) excuse() string {
	if p.cramped() {
		return "no instance became free in time, and the node has not the memory for another"
	}
	return "no instance became free in time"
}

// lease turns a grant into what Acquire returns.
func (g grant) lease(begin time.Time) (*Lease, error) {
	if g.err != nil {
		return nil, g.err
	}
	ph := g.phases
	ph.Queue = max(0, time.Since(begin)-ph.Box-ph.Specialise-ph.Init)
	return &Lease{in: g.instance, phases: ph, spent: g.spent}, nil
}

// Release gives the place back. It is called exactly once.
func (l *Lease) Release() {
	in, p := l.in, l.in.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	in.load--
	if in.load == 0 {
		delete(in.shelf.busy, in)
	}
	if in.lendable() {
		p.settle(in, ebb.Phases{})
		return
	}
	in.shelf.close(in)
	if in.load == 0 {
		p.depart(in)
	}
}

// settle hands the free places of an instance to the oldest waiters of its
// shelf, and lays it down as idle if it gets nothing to do. start is what the
// instance cost the one who waited for it. p.mu is held.
func (p *Pool) settle(in *instance, start ebb.Phases) {
	s := in.shelf
	for in.load < s.places {
		front := s.waiters.Front()
		if front == nil {
			break
		}
		w := front.Value.(*waiter)
		p.unlist(s, w)
		p.lend(in, time.Now())
		w.answer <- grant{instance: in, phases: start}
		start = ebb.Phases{}
	}
	if in.load > 0 {
		s.reopen(in)
		return
	}
	s.close(in)
	if !in.lendable() {
		p.depart(in)
		return
	}
	in.state = ebb.InstanceIdle
	in.since = time.Now()
	if in.kept {
		s.ready = append(s.ready, in)
	} else {
		s.idle = append(s.idle, in)
		in.place = p.lru.PushBack(in)
	}
	p.feedStarved()
}

// lend takes one of the instance's places. p.mu is held.
func (p *Pool) lend(in *instance, now time.Time) {
	if in.place != nil {
		p.lru.Remove(in.place)
		in.place = nil
	}
	if in.load == 0 {
		in.state = ebb.InstanceBusy
		in.since = now
		in.shelf.busy[in] = struct{}{}
	}
	in.load++
	in.uses++
	in.shelf.reopen(in)
}

// free finds an instance with a place: one that works already before an idle
// one, one that is kept anyway before another, and the last used first, so that
// the others can expire. An idle one is taken off its stack. Pool.mu is held.
func (s *shelf) free() *instance {
	if n := len(s.open); n > 0 {
		return s.open[n-1]
	}
	stack := &s.ready
	if len(*stack) == 0 {
		stack = &s.idle
	}
	n := len(*stack)
	if n == 0 {
		return nil
	}
	in := (*stack)[n-1]
	(*stack)[n-1] = nil
	*stack = (*stack)[:n-1]
	return in
}

// reopen makes open hold in if it has places left, and only then. Pool.mu is held.
func (s *shelf) reopen(in *instance) {
	if in.load >= s.places || !in.lendable() {
		s.close(in)
		return
	}
	if !in.open {
		in.open = true
		s.open = append(s.open, in)
	}
}

// close takes in out of open. Pool.mu is held.
func (s *shelf) close(in *instance) {
	if !in.open {
		return
	}
	in.open = false
	i := slices.Index(s.open, in)
	s.open = slices.Delete(s.open, i, i+1)
}

// unlist takes w out of the queue; the caller answers it or nobody does.
// p.mu is held.
func (p *Pool) unlist(s *shelf, w *waiter) {
	s.waiters.Remove(w.place)
	w.place = nil
	s.fleet.waiting--
}

// shelf finds or makes the shelf of v and tenant. p.mu is held.
func (p *Pool) shelf(v *ebb.Version, tenant string) *shelf {
	f := p.functions[v.FunctionKey]
	if f == nil {
		f = &fleet{key: v.FunctionKey, pool: p, shelves: make(map[shelfKey]*shelf)}
		p.functions[v.FunctionKey] = f
	}
	key := shelfKey{v.RevisionID, tenant}
	s := f.shelves[key]
	if s == nil {
		s = &shelf{fleet: f, version: v, tenant: tenant, places: v.Concurrency(), busy: make(map[*instance]struct{}),
			passing: make(map[*instance]struct{}), habit: p.habit(v, tenant)}
		f.shelves[key] = s
	}
	return s
}

// drop forgets s, and its fleet, when nothing is left in them. p.mu is held.
func (p *Pool) drop(s *shelf) {
	if s.starting+s.bound+s.away+s.keep.starting+len(s.passing) > 0 || len(s.idle)+len(s.ready)+len(s.busy) > 0 || s.waiters.Len() > 0 || s.keep.target > 0 {
		return
	}
	p.sate(s)
	s.habit.used = false
	delete(p.steady, s)
	if key := (shelfKey{s.version.RevisionID, s.tenant}); s.fleet.shelves[key] == s {
		delete(s.fleet.shelves, key)
	}
	if len(s.fleet.shelves) == 0 && s.fleet.instances == 0 && p.functions[s.fleet.key] == s.fleet {
		delete(p.functions, s.fleet.key)
	}
}
