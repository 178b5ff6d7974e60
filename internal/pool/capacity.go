package pool

import "github.com/ebb-faas/ebb/internal/ebb"

// feed starts as many instances for s as its waiting requests need, and as are
// to be kept, and the limits allow. What the limits stop is remembered as hunger.
// p.mu is held.
func (p *Pool) feed(s *shelf) {
	for p.feedOne(s) {
	}
}

// feedOne starts at most one instance. p.mu is held.
func (p *Pool) feedOne(s *shelf) bool {
	kept := s.lacks()
	switch {
	case p.closed || !kept && s.wants() <= 0:
		p.sate(s)
		return false
	case !p.room(s):
		p.starve(s)
		p.makeRoom(s)
		return false
	case p.cramped() || !p.slotFor(s):
		p.starve(s)
		return false
	}
	p.left -= startMemory
	p.taken += startMemory
	p.instances++
	s.fleet.instances++
	p.common += s.fleet.share()
	p.launching++
	if kept {
		s.keep.starting++
	} else {
		s.starting++
	}
	p.ending.Add(1)
	go p.start(s, kept, &slot{held: true})
	return true
}

// wants is how many more instances the waiting requests of s need.
func (s *shelf) wants() int { return (s.waiters.Len()+s.places-1)/s.places - s.starting }

// room reports whether the limits of function and node leave room for one more
// instance of s. p.mu is held.
func (p *Pool) room(s *shelf) bool {
	f := s.fleet
	return f.instances < p.most(f) && p.instances < p.cfg.MaxInstances &&
		(f.share() == 0 || p.common < p.commonMost())
}

// most is how many instances a function may have: what it has reserved, if it
// has.
func (p *Pool) most(f *fleet) int {
	if n, some := p.reserved[f.key]; some {
		return max(n, 1)
	}
	return p.cfg.MaxPerFunction
}

// commonMost is how many instances the functions without reservation may have
// together: what the others have reserved is theirs even while they do not use
// it. A tenth of the node is left in any case.
func (p *Pool) commonMost() int {
	n := p.cfg.MaxInstances
	for _, r := range p.reserved {
		n -= r
	}
	return max(n, p.cfg.MaxInstances/10, 1)
}

// share is what an instance of f takes of the common capacity.
func (f *fleet) share() int {
	if _, some := f.pool.reserved[f.key]; some {
		return 0
	}
	return 1
}

// Reserve notes that a function has n instances of the node for itself and may
// have no more; some = false: that it has none.
func (p *Pool) Reserve(key ebb.FunctionKey, n int, some bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.functions[key]
	if f != nil {
		p.common -= f.share() * f.instances
	}
	if some {
		p.reserved[key] = n
	} else {
		delete(p.reserved, key)
	}
	if f != nil {
		p.common += f.share() * f.instances
	}
	p.feedStarved()
}

// feedStarved gives freed capacity to those who have waited longest for it, one
// instance each before anybody gets a second. p.mu is held.
func (p *Pool) feedStarved() {
	for again := true; again; {
		again = false
		e := p.starved.Front()
		for n := p.starved.Len(); n > 0 && e != nil; n-- {
			s, next := e.Value.(*shelf), e.Next()
			if p.feedOne(s) {
				again = true
				if s.hunger == e {
					p.starved.MoveToBack(e)
				}
			}
			e = next
		}
	}
}

// starve puts s on the list of the starved. p.mu is held.
func (p *Pool) starve(s *shelf) {
	if s.hunger == nil {
		s.hunger = p.starved.PushBack(s)
	}
}

// sate takes s off the list of the starved. p.mu is held.
func (p *Pool) sate(s *shelf) {
	if s.hunger != nil {
		p.starved.Remove(s.hunger)
		s.hunger = nil
	}
}

// makeRoom sends away one idle instance that stands in the way of s: one of
// another version where the function is full, else the node's longest idle.
// Nothing more leaves than is wanted, and none that is kept. p.mu is held.
func (p *Pool) makeRoom(s *shelf) {
	want := max(s.wants(), s.keep.target-s.keep.held-s.keep.starting)
	if p.leaving >= want {
		return
	}
	if s.fleet.instances < p.most(s.fleet) {
		if in := p.oldest(); in != nil {
			p.evict(in, evictCapacity)
		}
		return
	}
	for _, other := range s.fleet.shelves {
		if len(other.idle) > 0 {
			p.evict(other.idle[0], evictCapacity)
			return
		}
	}
}

// oldest is the longest idle instance whose going makes room: where only the
// common capacity is used up, one that takes of it. p.mu is held.
func (p *Pool) oldest() *instance {
	commonOnly := p.instances < p.cfg.MaxInstances
	for e := p.lru.Front(); e != nil; e = e.Next() {
		if in := e.Value.(*instance); !commonOnly || in.shelf.fleet.share() > 0 {
			return in
		}
	}
	return nil
}

// evict sends an idle instance away. Its capacity is free only when it has been
// destroyed. p.mu is held.
func (p *Pool) evict(in *instance, why string) {
	p.stats.evicted(why).Add(1)
	in.shelf.unlay(in)
	p.depart(in)
}

// depart destroys an instance that no list holds any more. p.mu is held.
func (p *Pool) depart(in *instance) {
	in.state = ebb.InstanceStopping
	in.shelf.passing[in] = struct{}{}
	p.leaving++
	go func() {
		in.destroy()
		p.mu.Lock()
		p.leaving--
		p.gone(in)
		p.mu.Unlock()
	}()
}

// gone gives back the capacity of an instance that is no more. It is the only
// place where capacity comes back. p.mu is held.
func (p *Pool) gone(in *instance) {
	s := in.shelf
	delete(s.passing, in)
	p.release(in)
	p.instances--
	s.fleet.instances--
	p.common -= s.fleet.share()
	p.feed(s)
	p.drop(s)
	p.feedStarved()
	p.ending.Done()
}
