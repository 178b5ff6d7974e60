package pool

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// spares are the instances made ahead: a box that belongs to nobody, with a
// generic runtime process in it where the runtime has one. Each is used once,
// for one version. How many there are of a runtime follows how many were wanted
// lately, between PrewarmMin and PrewarmMax; a runtime that nobody has used for
// PrewarmKeep has none. A container image counts as a runtime once it was started.
//
// One goroutine makes them, one at a time and not beside a start that a request
// waits for: both would fork, mount and join groups, and the kernel has one lock
// for each.
type spares struct {
	pool *Pool
	wake chan struct{} // something is short; capacity 1

	mu     sync.Mutex
	stocks map[string]*stock // by what their process is
	images map[imageKey]*runtimes.Runtime
	closed bool
	pause  time.Time // nothing is made ahead until then: the node was short of memory
}

// stock is the spares of one kind of process. Fields guarded by spares.mu.
type stock struct {
	runtime *runtimes.Runtime
	memory  int         // MB; only of account if the runtime's command depends on it
	ready   []*instance // a stack
	wanted  float64     // starts lately, as far as they matter: halves every wantedHalf
	used    time.Time
}

// wantedHalf is how fast past demand is forgotten.
const wantedHalf = 10 * time.Second

// want notes that one more was wanted, where at most so many are made: the demand of
// a long burst is forgotten as soon as that of a short one.
func (st *stock) want(most int) { st.wanted = min(st.wanted+1, 2*float64(max(most, 0))) }

// places are where a spare's code will be.
var places = []string{runtimeapi.TaskRoot, runtimeapi.LayerRoot, sandbox.FolderRoot, runtimes.CompiledDir}

func newSpares(p *Pool) *spares {
	return &spares{pool: p, wake: make(chan struct{}, 1), stocks: make(map[string]*stock),
		images: make(map[imageKey]*runtimes.Runtime)}
}

// take returns a spare that can become an instance of v, or nil. Either way it
// is noted that one was wanted.
func (s *spares) take(v *ebb.Version) *instance {
	rt, ok := s.runtime(v)
	if !ok || s.pool.cfg.PrewarmOff || !fits(rt, v) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stock(rt, v.MemoryMB)
	st.want(s.pool.cfg.PrewarmMax)
	s.call()
	for len(st.ready) > 0 {
		in := st.ready[len(st.ready)-1]
		st.ready = st.ready[:len(st.ready)-1]
		select {
		case <-in.box.Done(): // died waiting
			go s.discard(in)
		default:
			s.pool.ending.Done() // it is counted as an instance from now on
			return in
		}
	}
	return nil
}

// Prewarm notes that versions with this runtime and memory may be wanted soon,
// for example because one was deployed.
func (p *Pool) Prewarm(runtime string, memoryMB int) {
	rt, ok := p.deps.Runtimes.Lookup(runtime)
	if !ok {
		return
	}
	p.compiler.use(rt)
	if !p.cfg.PrewarmOff {
		p.spares.use(rt, memoryMB)
	}
}

// use notes that versions with this runtime and memory may be wanted soon.
func (s *spares) use(rt *runtimes.Runtime, memoryMB int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stock(rt, memoryMB)
	s.call()
}

// stock finds or makes the stock of a runtime. s.mu is held.
func (s *spares) stock(rt *runtimes.Runtime, memoryMB int) *stock {
	key := kind(rt, memoryMB)
	st := s.stocks[key]
	if st == nil {
		st = &stock{runtime: rt, memory: memoryMB}
		s.stocks[key] = st
		s.pool.compiler.use(rt)
	}
	st.used = time.Now()
	return st
}

// call wakes the goroutine that makes spares.
func (s *spares) call() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// fits reports whether a generic process can become one of v's: nothing of v
// counts only at the start of a process or the making of a box.
func fits(rt *runtimes.Runtime, v *ebb.Version) bool {
	if v.TmpMB != sandbox.DefaultTmpMB || v.IsImage() && len(v.Mounts()) > 0 {
		return false
	}
	return rt.Protocol != runtimes.Framed || startsAlike(rt, v)
}

// run makes spares until ctx ends, and then lets all go.
func (s *spares) run(ctx context.Context) {
	tick := time.NewTicker(wantedHalf)
	defer tick.Stop()
	for {
		select {
		case <-s.wake:
		case now := <-tick.C:
			s.forget(now)
		case <-ctx.Done():
			s.close()
			return
		}
		for s.short() != nil && s.hold(ctx) {
			if st := s.short(); st != nil && !s.make(ctx, st) {
				break // said why; tried again when one is wanted
			}
		}
	}
}

// Bounds of holding back. A start from a spare is over before the first look; while
// starts follow one another, one spare is made each holdMost.
const (
	holdLook = 10 * time.Millisecond
	holdMost = 20 // looks
)

// hold waits until no request waits for a start, but not for long. It reports whether
// ctx still goes on.
func (s *spares) hold(ctx context.Context) bool {
	look := time.NewTicker(holdLook)
	defer look.Stop()
	for range holdMost {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
		if !s.pool.starts() {
			break
		}
	}
	return true
}

// short returns a stock that has too few spares, or nil.
func (s *spares) short() *stock {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.pause) {
		return nil
	}
	for _, st := range s.stocks {
		if len(st.ready) < s.target(st) {
			return st
		}
	}
	return nil
}

// target is how many spares st should have.
func (s *spares) target(st *stock) int {
	cfg := &s.pool.cfg
	return max(0, min(cfg.PrewarmMin+int(st.wanted), cfg.PrewarmMax))
}

// make makes one spare. A failure is logged, not fatal: starts do without.
func (s *spares) make(ctx context.Context, st *stock) bool {
	s.pool.ending.Add(1)
	in := newInstance(s.pool)
	if err := in.prepare(ctx, st.runtime, st.memory); err != nil {
		if ctx.Err() == nil {
			s.pool.deps.Log.Warn("no instance could be made ahead", "runtime", st.runtime.ID, "error", err)
		}
		s.discard(in)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.stocks[kind(st.runtime, st.memory)] != st {
		go s.discard(in)
		return true
	}
	st.ready = append(st.ready, in)
	return true
}

// prepare makes the box and, where there is one, starts the generic process.
func (in *instance) prepare(ctx context.Context, rt *runtimes.Runtime, memoryMB int) error {
	cfg := &in.pool.cfg
	// The memory limit can only be lowered later, so it begins at the largest.
	spec := in.spec(rt, sandbox.Limits{MemoryMB: maxMemoryMB, PIDs: cfg.PIDs, Files: cfg.Files,
		FileSizeMB: cfg.FileSizeMB, ShmMB: cfg.ShmMB})
	if rt.Family != "" { // a container image is all there, and has its own places
		spec.Places = places
	}
	var err error
	if in.box, err = in.pool.deps.Driver.Create(ctx, spec); err != nil || !in.pool.generic(rt) {
		return err
	}
	env := runtimeapi.Env(&ebb.Version{}, runtimeapi.EnvOptions{Runtime: rt.Env})
	if err := in.launch(ctx, rt, memoryMB, env, true); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.InitTimeout)
	defer cancel()
	return in.session.(*runtimeapi.Framed).Ping(ctx) // the interpreter is up
}

// generic reports whether the runtime's process can be started before its code
// is there.
func (p *Pool) generic(rt *runtimes.Runtime) bool {
	return rt.Protocol == runtimes.Framed && (rt.Dir == "" || p.deps.Driver.Level().Follows)
}

// maxMemoryMB is the most that a version may have.
const maxMemoryMB = 10240

// forget lets demand fade, and the spares that have died, are too many or unused go.
func (s *spares) forget(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, st := range s.stocks {
		st.wanted /= 2
		st.ready = slices.DeleteFunc(st.ready, func(in *instance) bool {
			select {
			case <-in.box.Done(): // what it held is held until then
				go s.discard(in)
				return true
			default:
				return false
			}
		})
		keep := s.target(st)
		if now.Sub(st.used) >= s.pool.cfg.PrewarmKeep {
			keep = 0
			delete(s.stocks, key)
			maps.DeleteFunc(s.images, func(_ imageKey, rt *runtimes.Runtime) bool { return rt == st.runtime })
		}
		for len(st.ready) > keep {
			go s.discard(st.ready[0]) // the oldest
			st.ready = st.ready[1:]
		}
	}
	s.call() // some may be missed
}

// yieldPause is how long nothing is made ahead after the node was short of memory.
const yieldPause = 10 * time.Second

// yield lets spares go until short bytes are free, the largest stock first. It
// reports whether there were any.
func (s *spares) yield(short *int64) (some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pause = time.Now().Add(yieldPause)
	for *short > 0 {
		var most *stock
		for _, st := range s.stocks {
			if len(st.ready) > 0 && (most == nil || len(st.ready) > len(most.ready)) {
				most = st
			}
		}
		if most == nil {
			return some
		}
		in := most.ready[0]
		most.ready, some = most.ready[1:], true
		*short -= in.box.Usage().Memory
		go s.discard(in)
	}
	return some
}

// close lets all go.
func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, st := range s.stocks {
		for _, in := range st.ready {
			go s.discard(in)
		}
		st.ready = nil
	}
}

func (s *spares) discard(in *instance) {
	in.destroy()
	s.pool.ending.Done()
}

// count is how many spares there are.
func (s *spares) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.stocks {
		n += len(st.ready)
	}
	return n
}
