package pool

import "github.com/ebb-faas/ebb/internal/ebb"

// feed starts as many instances for s as its waiting requests need and the
// limits allow. What the limits stop is remembered as hunger. p.mu is held.
func (p *Pool) feed(s *shelf) {
	for s.wants() > 0 && !p.closed {
		if s.fleet.instances >= p.cfg.MaxPerFunction || p.instances >= p.cfg.MaxInstances {
			if s.hunger == nil {
				s.hunger = p.starved.PushBack(s)
			}
			p.makeRoom(s)
			return
		}
		p.instances++
		s.fleet.instances++
		s.starting++
		p.ending.Add(1)
		go p.start(s)
	}
	p.sate(s)
}

// wants is how many more instances the waiting requests of s need.
func (s *shelf) wants() int { return (s.waiters.Len()+s.places-1)/s.places - s.starting }

// feedStarved gives freed capacity to those who have waited longest for it.
// p.mu is held.
func (p *Pool) feedStarved() {
	for e := p.starved.Front(); e != nil; {
		next := e.Next()
		p.feed(e.Value.(*shelf))
		e = next
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
// Nothing more leaves than is wanted. p.mu is held.
func (p *Pool) makeRoom(s *shelf) {
	if p.leaving >= s.wants() {
		return
	}
	if s.fleet.instances < p.cfg.MaxPerFunction {
		if e := p.lru.Front(); e != nil {
			p.evict(e.Value.(*instance))
		}
		return
	}
	for _, other := range s.fleet.shelves {
		if len(other.idle) > 0 {
			p.evict(other.idle[0])
			return
		}
	}
}

// evict sends an idle instance away. Its capacity is free only when it has been
// destroyed. p.mu is held.
func (p *Pool) evict(in *instance) {
	p.lru.Remove(in.place)
	in.place = nil
	in.state = ebb.InstanceStopping
	s := in.shelf
	for i, other := range s.idle {
		if other == in {
			s.idle = append(s.idle[:i], s.idle[i+1:]...)
			break
		}
	}
	p.depart(in)
}

// depart destroys an instance that no list holds any more. p.mu is held.
func (p *Pool) depart(in *instance) {
	in.state = ebb.InstanceStopping
	p.leaving++
	go func() {
		in.destroy()
		p.mu.Lock()
		p.leaving--
		p.gone(in.shelf)
		p.mu.Unlock()
	}()
}

// gone gives back the capacity of an instance that is no more. It is the only
// place where capacity comes back. p.mu is held.
func (p *Pool) gone(s *shelf) {
	p.instances--
	s.fleet.instances--
	p.feed(s)
	p.drop(s)
	p.feedStarved()
	p.ending.Done()
}
