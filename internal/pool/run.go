package pool

import (
	"context"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Run lets idle instances go when their time has come. When ctx ends it takes no
// new requests, waits for work in flight for at most drain, and returns when
// every box is gone.
func (p *Pool) Run(ctx context.Context, drain time.Duration) error {
	var ahead sync.WaitGroup
	aheadCtx, stopAhead := context.WithCancel(ctx)
	defer ahead.Wait()
	defer stopAhead()
	ahead.Go(func() { p.spares.run(aheadCtx) })
	ahead.Go(func() { p.zygotes.run(aheadCtx) })
	ahead.Go(func() { p.compiler.run(aheadCtx) })
	ahead.Go(func() { p.watchMemory(aheadCtx) })
	tick := time.NewTicker(p.cfg.tick())
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			p.expire(now)
			p.freezeIdle(now)
			p.renew()
		case <-ctx.Done():
			ahead.Wait() // nothing is made ahead any more
			p.drain(drain)
			p.chores.Wait()
			return nil
		}
	}
}

// tick is how often the pool looks after those that are idle.
func (c *Config) tick() time.Duration {
	return min(max(min(c.IdleTimeout, c.IdleMin)/20, 10*time.Millisecond), max(c.FreezeAfter/4, 10*time.Millisecond), time.Second)
}

// expire sends away the instances that have been idle for too long.
func (p *Pool) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.lru.Front(); e != nil; {
		in := e.Value.(*instance)
		e = e.Next()
		idle := now.Sub(in.since)
		switch {
		case in.shelf.cooling && idle >= p.cfg.IdleMin:
			p.evict(in, evictVersion)
		case idle >= in.shelf.habit.keep(&p.cfg):
			p.evict(in, evictIdle)
		}
	}
	p.forgetHabits(now)
}

// drain ends everything: idle instances now, busy ones when they are free or
// when their time is up.
func (p *Pool) drain(limit time.Duration) {
	defer p.endGoodbye()
	p.mu.Lock()
	p.closed = true
	for e := p.lru.Front(); e != nil; e = p.lru.Front() {
		p.evict(e.Value.(*instance), evictIdle)
	}
	for _, f := range p.functions {
		for _, s := range f.shelves {
			s.keep.target = 0
			for len(s.ready) > 0 {
				p.evict(s.ready[0], evictIdle)
			}
			p.drop(s)
			for e := s.waiters.Front(); e != nil; e = s.waiters.Front() {
				w := e.Value.(*waiter)
				p.unlist(s, w)
				w.answer <- grant{err: errClosing()}
			}
		}
	}
	p.mu.Unlock()
	p.endStart()

	gone := make(chan struct{})
	go func() { p.ending.Wait(); close(gone) }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-gone:
		return
	case <-timer.C:
	}
	p.endGoodbye()
	p.mu.Lock() // those still busy lose their box; their callers get an answer
	var late []*instance
	for _, f := range p.functions {
		for _, s := range f.shelves {
			for in := range s.busy {
				late = append(late, in)
			}
		}
	}
	p.mu.Unlock()
	for _, in := range late {
		in.box.Destroy()
	}
	<-gone
}

// Retain lets go of a function's instances whose version is not among revisions:
// it was changed or deleted. Busy ones finish their invocations first. Revisions
// with false are there but nothing names them, neither $LATEST nor an alias: their
// idle instances leave soon, unless somebody asks for the version all the same.
func (p *Pool) Retain(function ebb.FunctionKey, revisions map[string]bool) {
	p.compiler.retain(function, revisions)
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.functions[function]
	if f == nil {
		return
	}
	for key, s := range f.shelves {
		named, there := revisions[key.revision]
		s.cooling = !named
		if there {
			continue
		}
		s.retired = true
		s.keep.target = 0
		for len(s.open) > 0 {
			s.close(s.open[0])
		}
		p.unkeep(s)
		for len(s.idle) > 0 {
			p.evict(s.idle[0], evictVersion)
		}
		p.drop(s)
	}
}
