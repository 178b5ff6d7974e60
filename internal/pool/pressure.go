package pool

import (
	"context"
	"time"
)

// memoryLook is how often the node's memory is looked at: what it comes to is
// done well within a second.
const memoryLook = 250 * time.Millisecond

// Memory is what the node has, in bytes.
type Memory struct {
	Total     int64
	Available int64 // without making anybody swap
}

// watchMemory sends idle instances away while the node is short of memory.
func (p *Pool) watchMemory(ctx context.Context) {
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if short := p.shortage(); short > 0 {
				p.relieve(short)
			}
		case <-ctx.Done():
			return
		}
	}
}

// shortage is how many bytes should be free that are not.
func (p *Pool) shortage() (short int64) {
	if p.deps.Memory != nil {
		if m, ok := p.deps.Memory(); ok {
			reserve := p.cfg.MemoryReserve
			if reserve == 0 {
				reserve = min(max(m.Total/20, leastReserve), mostReserve)
			}
			short = reserve - m.Available
		}
	}
	if budget := p.cfg.Memory; budget > 0 {
		var used int64
		for _, box := range p.boxes() {
			used += box.Usage().Memory
		}
		short = max(short, used-budget)
	}
	return short
}

// Bounds of the memory that is left free where nothing is configured.
const (
	leastReserve = 64 << 20
	mostReserve  = 1 << 30
)

// relieve frees so much: instances made ahead first, which nobody has used yet,
// then those idle for longest. Work in flight and what is kept stay. What is on
// its way out already is waited for first.
func (p *Pool) relieve(short int64) {
	p.mu.Lock()
	leaving := p.leaving > 0
	p.mu.Unlock()
	if leaving || p.spares.yield(&short) && short <= 0 || p.zygotes.yield(&short) && short <= 0 {
		return
	}
	for short > 0 {
		p.mu.Lock()
		e := p.lru.Front()
		p.mu.Unlock()
		if e == nil {
			return
		}
		in := e.Value.(*instance)
		used := in.box.Usage().Memory
		p.mu.Lock()
		if in.place == e { // nobody took it meanwhile
			p.evict(in, evictMemory)
			short -= used
		}
		p.mu.Unlock()
	}
}
