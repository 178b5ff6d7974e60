package pool

import (
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// keep is how many instances a version has at any time, whoever needs them
// (provisioned concurrency), and what became of that. Guarded by Pool.mu.
type keep struct {
	target   int
	held     int // that are kept now, idle or busy
	starting int
	failure  string // of the last start; "" if it was well
	pause    time.Duration
	retryAt  time.Time
}

// Pauses between starts of kept instances that fail.
const (
	keepPause    = time.Second
	keepMaxPause = time.Minute
	// keepInit is how long initialisation may take where nobody waits for it; a
	// longer timeout of the version's counts instead.
	keepInit = 130 * time.Second
	// keepYoung is how old an instance must be for its death not to be its start's.
	keepYoung = 10 * time.Second
)

// Provision is how many invocations of a version shall find an instance ready.
type Provision struct {
	Version    *ebb.Version
	Executions int
}

// Provision sets what a function's versions shall have, all of them. It returns
// at once; Provisioned tells what has become of it.
func (p *Pool) Provision(key ebb.FunctionKey, list []Provision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	targets := make(map[*shelf]int)
	for _, want := range list {
		s := p.shelf(want.Version, "")
		targets[s] += (want.Executions + s.places - 1) / s.places
	}
	f := p.functions[key]
	if f == nil {
		return
	}
	for _, s := range f.shelves {
		s.keep.target = targets[s]
		if s.keep.target > 0 {
			p.steady[s] = struct{}{}
			s.keep.retryAt, s.keep.pause = time.Time{}, 0
			p.feed(s)
		}
		p.unkeep(s)
		p.drop(s)
	}
}

// Provisioned tells how many invocations of v the kept instances have places for.
func (p *Pool) Provisioned(v *ebb.Version) ebb.ProvisionedState {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.functions[v.FunctionKey]
	if f == nil {
		return ebb.ProvisionedState{}
	}
	s := f.shelves[shelfKey{revision: v.RevisionID}]
	if s == nil {
		return ebb.ProvisionedState{}
	}
	state := ebb.ProvisionedState{Allocated: s.keep.held * s.places, Available: len(s.ready) * s.places, Failure: s.keep.failure}
	for in := range s.busy {
		if in.kept {
			state.Available += s.places - in.load
		}
	}
	return state
}

// lacks reports whether s is short of kept instances and may start one now.
// Pool.mu is held.
func (s *shelf) lacks() bool {
	k := &s.keep
	return k.held+k.starting < k.target && !s.retired && (k.retryAt.IsZero() || !time.Now().Before(k.retryAt))
}

// unkeep lets go of kept instances that are too many; they expire like others.
// p.mu is held.
func (p *Pool) unkeep(s *shelf) {
	for len(s.ready) > 0 && s.keep.held > s.keep.target {
		in := s.ready[0]
		s.unlay(in)
		p.release(in)
		in.since = time.Now()
		s.idle = append(s.idle, in)
		in.place = p.lru.PushBack(in)
	}
	for in := range s.busy {
		if s.keep.held > s.keep.target && in.kept {
			p.release(in)
		}
	}
	if s.keep.target == 0 && s.keep.held == 0 {
		delete(p.steady, s)
	}
}

// release makes a kept instance one like others. p.mu is held.
func (p *Pool) release(in *instance) {
	if in.kept {
		in.kept = false
		in.shelf.keep.held--
	}
}

// began notes that a kept instance is there. Pool.mu is held.
func (k *keep) began() { k.held, k.failure, k.pause, k.retryAt = k.held+1, "", 0, time.Time{} }

// failed notes why there is none, and makes the next wait. Pool.mu is held.
func (k *keep) failed(err error) {
	k.failure = err.Error()
	var failure *Failure
	if errors.As(err, &failure) {
		k.failure = failure.ErrorType
	}
	k.pause = min(max(2*k.pause, keepPause), keepMaxPause)
	k.retryAt = time.Now().Add(k.pause)
}

// renew starts kept instances whose time to try again has come.
func (p *Pool) renew() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.steady {
		p.feed(s)
	}
}
