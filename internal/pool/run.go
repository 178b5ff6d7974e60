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
	tick := time.NewTicker(max(p.cfg.IdleTimeout/20, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			p.expire(now)
		case <-ctx.Done():
			ahead.Wait() // nothing is made ahead any more
			p.drain(drain)
			return nil
		}
	}
}

// expire sends away the instances that have been idle for too long.
func (p *Pool) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := p.lru.Front(); e != nil; e = p.lru.Front() {
		in := e.Value.(*instance)
		if now.Sub(in.since) < p.cfg.IdleTimeout {
			return
		}
		p.evict(in)
	}
}

// drain ends everything: idle instances now, busy ones when they are free or
// when their time is up.
func (p *Pool) drain(limit time.Duration) {
	p.mu.Lock()
	p.closed = true
	for e := p.lru.Front(); e != nil; e = p.lru.Front() {
		p.evict(e.Value.(*instance))
	}
	for _, f := range p.functions {
		for _, s := range f.shelves {
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

// Retain lets go of the function's instances whose version is not among revisions: it
// was changed or deleted. Busy ones finish their invocation first.
func (p *Pool) Retain(function ebb.FunctionKey, revisions map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.functions[function]
	if f == nil {
		return
	}
	for key, s := range f.shelves {
		if revisions[key.revision] {
			continue
		}
		s.retired = true
		for len(s.open) > 0 {
			s.close(s.open[0])
		}
		for len(s.idle) > 0 {
			p.evict(s.idle[0])
		}
		p.drop(s)
	}
}
