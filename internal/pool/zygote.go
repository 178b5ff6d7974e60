package pool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

// zygotes are the processes that instances are copied from when no spare is left:
// one for a service and a runtime that has such. It is started when it is first
// missed, by a goroutine of its own while the instances that missed it start their
// process themselves; it ends when nobody has needed it for ZygoteKeep, and after
// ZygoteForks copies another one takes its place. It never runs anything of a
// user's, and knows nothing of the service: what a copy is to know comes to the copy.
type zygotes struct {
	pool *Pool
	wake chan struct{} // one is missed; capacity 1

	mu     sync.Mutex
	lines  map[lineKey]*line
	pause  time.Time // none is started until then: the node was short of memory
	closed bool
}

// lineKey is what the copies of one zygote have in common.
type lineKey struct {
	service ebb.ServiceID
	kind    string // of the runtime's process
}

// line is a zygote and those that come after it. Fields guarded by zygotes.mu.
type line struct {
	runtime *runtimes.Runtime
	zygote  *zygote // nil while there is none
	missed  bool    // and somebody needed it
	used    time.Time
	failed  time.Time // it could not be started then; zero = it could
}

// zygote is one of them. Fields guarded by zygotes.mu.
type zygote struct {
	sandbox.Zygote
	copies int
	busy   int  // copies that are being made
	gone   bool // it ends when they are
}

// zygoteRetry is how long a runtime whose zygote does not start is left alone.
const zygoteRetry = time.Minute

func newZygotes(p *Pool) *zygotes {
	return &zygotes{pool: p, wake: make(chan struct{}, 1), lines: make(map[lineKey]*line)}
}

// take returns the zygote for an instance of v, to be given back, or nil. Either way
// it is noted that one was wanted.
func (z *zygotes) take(rt *runtimes.Runtime, v *ebb.Version) *zygote {
	cfg := &z.pool.cfg
	if cfg.ZygoteOff || rt.ZygoteCommand() == nil || !z.pool.deps.Driver.Level().Forks || !startsAlike(rt, v) {
		return nil
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	key := lineKey{v.Service, rt.Kind(v.MemoryMB)}
	l := z.lines[key]
	if l == nil {
		l = &line{runtime: rt}
		z.lines[key] = l
	}
	l.used = time.Now()
	if l.zygote == nil {
		l.missed = true
		z.call()
		return nil
	}
	found := l.zygote
	found.busy++
	if found.copies++; found.copies >= cfg.ZygoteForks {
		z.end(l)
		l.missed = true
		z.call()
	}
	return found
}

// give gives back what take returned.
func (z *zygotes) give(used *zygote) {
	z.mu.Lock()
	defer z.mu.Unlock()
	used.busy--
	z.destroy(used)
}

// destroy ends a zygote that is to go, once nobody uses it. z.mu is held.
func (z *zygotes) destroy(old *zygote) {
	if !old.gone || old.busy > 0 {
		return
	}
	z.pool.ending.Add(1)
	go func() {
		old.Destroy()
		z.pool.ending.Done()
	}()
}

// startsAlike reports whether nothing that v sets counts only at the start of a
// process.
func startsAlike(rt *runtimes.Runtime, v *ebb.Version) bool {
	return !slices.ContainsFunc(rt.StartEnv, func(name string) bool { _, set := v.Env[name]; return set })
}

func (z *zygotes) call() {
	select {
	case z.wake <- struct{}{}:
	default:
	}
}

// end lets go of a line's zygote; its copies live on. z.mu is held.
func (z *zygotes) end(l *line) {
	if old := l.zygote; old != nil {
		l.zygote, old.gone = nil, true
		z.destroy(old)
	}
}

// lost notes that a zygote does not work any more.
func (z *zygotes) lost(dead *zygote) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, l := range z.lines {
		if l.zygote == dead {
			z.end(l)
		}
	}
}

// renew ends the zygotes that match, each taken for a version of its service that
// sets nothing: the next ones begin after what has changed.
func (z *zygotes) renew(match func(*ebb.Version) bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for key, l := range z.lines {
		if match(&ebb.Version{FunctionKey: ebb.FunctionKey{Service: key.service}}) {
			z.end(l)
		}
	}
}

// run starts zygotes that are missed, one at a time, until ctx ends; then all go.
func (z *zygotes) run(ctx context.Context) {
	tick := time.NewTicker(min(max(z.pool.cfg.ZygoteKeep/4, 10*time.Millisecond), 10*time.Second))
	defer tick.Stop()
	for {
		select {
		case <-z.wake:
			for key, l := z.missed(); l != nil && ctx.Err() == nil; key, l = z.missed() {
				z.make(ctx, key, l)
			}
		case now := <-tick.C:
			z.expire(now)
		case <-ctx.Done():
			z.mu.Lock()
			z.closed = true
			for _, l := range z.lines {
				z.end(l)
			}
			z.mu.Unlock()
			return
		}
	}
}

// missed returns a line that wants a zygote, or nil.
func (z *zygotes) missed() (lineKey, *line) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if time.Now().Before(z.pause) {
		return lineKey{}, nil
	}
	for key, l := range z.lines {
		if l.zygote == nil && l.missed && time.Since(l.failed) > zygoteRetry {
			l.missed = false
			return key, l
		}
	}
	return lineKey{}, nil
}

// make starts one. A failure is logged, not fatal: starts do without.
func (z *zygotes) make(ctx context.Context, key lineKey, l *line) {
	p := z.pool
	ctx, cancel := context.WithTimeout(ctx, p.cfg.InitTimeout)
	defer cancel()
	spec := sandbox.Spec{ID: "zygote-" + uuid.NewString()[:18]}
	for _, m := range l.runtime.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	env := runtimeapi.Env(&ebb.Version{}, runtimeapi.EnvOptions{Runtime: l.runtime.Env})
	made, err := p.deps.Driver.Zygote(ctx, spec, sandbox.Process{
		Argv: l.runtime.ZygoteCommand(), Env: startEnv(l.runtime, env), Dir: "/"})
	z.mu.Lock()
	defer z.mu.Unlock()
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			p.deps.Log.Warn("no zygote: instances that none was made ahead for start their process themselves",
				"runtime", l.runtime.ID, "error", err)
		}
		l.failed = time.Now()
		return
	}
	l.zygote, l.missed, l.failed = &zygote{Zygote: made}, false, time.Time{} // missed meanwhile, too
	if z.closed || z.lines[key] != l {
		z.end(l)
	}
}

// expire ends the zygotes that nobody has needed lately, and forgets their lines.
func (z *zygotes) expire(now time.Time) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for key, l := range z.lines {
		if now.Sub(l.used) >= z.pool.cfg.ZygoteKeep && now.Sub(l.failed) > zygoteRetry {
			z.end(l)
			delete(z.lines, key)
		}
	}
}

// yield ends zygotes until short bytes are free, those unused for longest first. It
// reports whether there were any.
func (z *zygotes) yield(short *int64) (some bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.pause = time.Now().Add(yieldPause)
	for *short > 0 {
		var oldest *line
		for _, l := range z.lines {
			if l.zygote != nil && (oldest == nil || l.used.Before(oldest.used)) {
				oldest = l
			}
		}
		if oldest == nil {
			return some
		}
		some = true
		*short -= oldest.zygote.Usage().Memory
		z.end(oldest)
	}
	return some
}

// count is how many there are.
func (z *zygotes) count() (n int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, l := range z.lines {
		if l.zygote != nil {
			n++
		}
	}
	return n
}

// fork has the process of the instance begin as a copy, if there is a zygote for
// it. If that comes to nothing the process is started.
func (in *instance) fork(ctx context.Context, rt *runtimes.Runtime) (forked bool, err error) {
	zygotes := in.pool.zygotes
	z := zygotes.take(rt, in.shelf.version)
	if z == nil {
		return false, nil
	}
	defer zygotes.give(z)
	err = in.box.Fork(ctx, z.Zygote, in.startDir(rt))
	if !errors.Is(err, sandbox.ErrNotForked) {
		return err == nil, err
	}
	in.pool.deps.Log.Warn("a zygote made no copy, the process is started", "runtime", rt.ID,
		"instance", string(in.id), "error", err)
	zygotes.lost(z)
	return false, nil
}
