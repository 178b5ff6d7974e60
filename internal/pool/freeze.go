package pool

import (
	"slices"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// freezeIdle freezes the instances that have been idle for long enough. Where the
// function has something to do before, that goes on in the background.
func (p *Pool) freezeIdle(now time.Time) {
	if p.cfg.FreezeOff || !p.deps.Driver.Level().Freezes {
		return
	}
	var cold []*instance
	consider := func(in *instance) {
		v := in.shelf.version
		switch {
		case in.icy.Load() || v.AlwaysOnCPU():
		case v.HookHandler(ebb.HookPreFreeze) != "":
			p.withdraw(in)
			p.chores.Go(func() { p.freezeAway(in) })
		default:
			in.icy.Store(true)
			cold = append(cold, in)
		}
	}
	p.mu.Lock()
	for e := p.lru.Front(); e != nil; {
		in := e.Value.(*instance)
		if e = e.Next(); now.Sub(in.since) < p.cfg.FreezeAfter {
			break // and the others are younger
		}
		consider(in)
	}
	for s := range p.steady {
		for _, in := range slices.Clone(s.ready) {
			if now.Sub(in.since) >= p.cfg.FreezeAfter {
				consider(in)
			}
		}
	}
	p.mu.Unlock()
	for _, in := range cold {
		in.freeze()
	}
}

// freeze freezes the box, unless the instance was lent meanwhile.
func (in *instance) freeze() {
	in.ice.Lock()
	defer in.ice.Unlock()
	if !in.icy.Load() {
		return
	}
	if err := in.box.Freeze(); err != nil {
		in.icy.Store(false)
		in.pool.deps.Log.Debug("an instance was not frozen", "instance", string(in.id), "error", err)
		return
	}
	in.frozen = true
	in.pool.stats.freezes.Add(1)
	in.pool.stats.frozen.Add(1)
}

// thaw lets the box go on. It costs nothing where it was not frozen.
func (in *instance) thaw() error {
	if !in.icy.Load() {
		return nil
	}
	in.ice.Lock()
	defer in.ice.Unlock()
	if in.frozen {
		if err := in.box.Thaw(); err != nil {
			return err
		}
		in.frozen = false
		in.pool.stats.thaws.Add(1)
		in.pool.stats.frozen.Add(-1)
	}
	in.icy.Store(false)
	return nil
}

// thaw is thaw for the one who waits for it.
func (l *Lease) thaw() error {
	begin := time.Now()
	err := l.in.thaw()
	l.phases.Thaw = time.Since(begin)
	return err
}

// withdraw takes an idle instance out of the lists for a while. p.mu is held.
func (p *Pool) withdraw(in *instance) {
	in.shelf.unlay(in)
	in.shelf.passing[in] = struct{}{}
	in.shelf.away++
}

// freezeAway runs the pre-freeze hook of an instance that was withdrawn, freezes
// it and lays it down again where it was.
func (p *Pool) freezeAway(in *instance) {
	in.hook(ebb.HookPreFreeze)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := in.shelf
	delete(s.passing, in)
	s.away--
	if !in.lendable() {
		p.depart(in)
		return
	}
	if s.waiters.Len() > 0 {
		p.settle(in, ebb.Phases{})
		return
	}
	in.icy.Store(true)
	p.layBack(in)
	p.chores.Go(in.freeze)
}

// unlay takes an idle instance out of the list that it is in. Pool.mu is held.
func (s *shelf) unlay(in *instance) {
	if in.place != nil {
		s.fleet.pool.lru.Remove(in.place)
		in.place = nil
	}
	for _, stack := range []*[]*instance{&s.idle, &s.ready} {
		if i := slices.Index(*stack, in); i >= 0 {
			*stack = slices.Delete(*stack, i, i+1)
		}
	}
}

// lies reports whether in is idle and in a list. Pool.mu is held.
func (s *shelf) lies(in *instance) bool { return in.place != nil || slices.Contains(s.ready, in) }

// layBack lays an idle instance down as the one used longest ago. p.mu is held.
func (p *Pool) layBack(in *instance) {
	s := in.shelf
	if in.kept {
		s.ready = slices.Insert(s.ready, 0, in)
		return
	}
	s.idle = slices.Insert(s.idle, 0, in)
	in.place = p.lru.PushFront(in)
}
