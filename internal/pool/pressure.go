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

// startMemory is what a start is taken to use until the node's memory is looked at
// again: about what the largest of the runtimes has before any code of a user's.
const startMemory = 32 << 20

// watchMemory sends idle instances away while the node is short of memory, and lets
// nothing start until it has enough again.
func (p *Pool) watchMemory(ctx context.Context) {
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.mu.Lock()
			p.taken = int64(p.launching) * startMemory
			p.mu.Unlock()
			left, known := p.memoryLeft()
			p.mu.Lock()
			p.measured, p.left = known, left-p.taken
			p.feedStarved()
			short := -left
			if p.starved.Len() > 0 && p.cramped() { // who is idle makes room for one who waits
				short += startMemory
			}
			p.mu.Unlock()
			if known && short > 0 {
				p.relieve(short)
			}
		case <-ctx.Done():
			return
		}
	}
}

// cramped reports whether a start would take memory that the node has not got. What
// waits for one waits for what is being sent away, or for others to finish. A node
// without any instance starts one all the same: it would never know better
// otherwise. p.mu is held.
func (p *Pool) cramped() bool { return p.measured && p.left <= 0 && p.instances > 0 }

// memoryLeft is how many bytes instances may still take; less than none = so many
// should be free that are not.
func (p *Pool) memoryLeft() (left int64, known bool) {
	if p.deps.Memory != nil {
		if m, ok := p.deps.Memory(); ok {
			reserve := p.cfg.MemoryReserve
			if reserve == 0 {
				reserve = min(max(m.Total/20, leastReserve), mostReserve)
			}
			left, known = m.Available-reserve, true
		}
	}
	if budget := p.cfg.Memory; budget > 0 {
		for _, box := range p.boxes() {
			budget -= box.Usage().Memory
		}
		if !known || budget < left {
			left, known = budget, true
		}
	}
	return left, known
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
