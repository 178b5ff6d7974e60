package pool

import (
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// start brings up one instance for s and gives it, or what went wrong, to the
// oldest waiter. One that is to be kept is nobody's in particular.
func (p *Pool) start(s *shelf, kept bool, sl *slot) {
	limit := p.cfg.InitTimeout
	if kept {
		limit = max(keepInit, s.version.Timeout())
	}
	in, phases, err := p.bringUp(s, kept, sl, limit)
	var failure *Failure
	if !kept && errors.As(err, &failure) && failure.slow {
		if w := p.bind(s); w != nil {
			in.destroy()
			p.passed(in)
			p.startAgain(s, sl, w)
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.leave(sl)
	if kept {
		s.keep.starting--
	} else {
		s.starting--
	}
	if err == nil && !p.closed && (!s.retired || s.waiters.Len() > 0) {
		p.begun(in, kept)
		p.settle(in, phases)
		p.unkeep(s)
		return
	}
	switch {
	case err == nil:
	case kept:
		s.keep.failed(err)
		p.complain(s, in, err)
	default:
		p.refuse(s, in, err)
	}
	p.depart(in)
}

// bringUp makes an instance out of a spare, or from the ground up.
func (p *Pool) bringUp(s *shelf, kept bool, sl *slot, limit time.Duration) (*instance, ebb.Phases, error) {
	var in *instance
	if !p.extended(s.version) {
		in = p.spares.take(s.version)
	}
	spare := in != nil
	if !spare {
		in = newInstance(p)
	}
	in.slot, in.provisioned = sl, kept
	p.adopt(in, s)
	phases, err := in.start(p.lifetime, limit)
	if folder, ok := errors.AsType[*sandbox.FolderError](err); ok {
		err = in.noFolder(folder)
	} else if ebb.KindOf(err) == ebb.Unavailable && p.lifetime.Err() == nil {
		// The box failed, and nothing of the function has run: once more.
		p.deps.Log.Warn("a box failed, another is made", "function", s.fleet.key.String(),
			"instance", string(in.id), "error", err)
		in.destroy()
		p.passed(in)
		in = newInstance(p)
		in.slot, in.provisioned = sl, kept
		p.adopt(in, s)
		phases, err = in.start(p.lifetime, limit)
	}
	p.stats.started(spare, in.forked).Add(1)
	if failure := (*Failure)(nil); errors.As(err, &failure) && in.box != nil {
		failure.MemoryPeak = in.memory.now(in.box)
	}
	return in, phases, err
}

// adopt makes in one of s's instances, which is starting.
func (p *Pool) adopt(in *instance, s *shelf) {
	in.adopt(s)
	p.mu.Lock()
	s.passing[in] = struct{}{}
	p.mu.Unlock()
}

// passed notes that an instance is no more whose place another one has now.
func (p *Pool) passed(in *instance) {
	p.mu.Lock()
	delete(in.shelf.passing, in)
	p.mu.Unlock()
}

// bind takes the oldest waiter out of the line, for a start that is made for it
// alone; nil if nobody waits any more.
func (p *Pool) bind(s *shelf) *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	front := s.waiters.Front()
	if front == nil || p.closed {
		return nil
	}
	w := front.Value.(*waiter)
	p.unlist(s, w)
	s.starting--
	s.bound++
	p.feed(s)
	return w
}

// startAgain initialises once more, as part of w's invocation and within the
// version's timeout: a function that needs longer than InitTimeout is only slow.
func (p *Pool) startAgain(s *shelf, sl *slot, w *waiter) {
	p.stats.again.Add(1)
	begin := time.Now()
	in, phases, err := p.bringUp(s, false, sl, s.version.Timeout())
	if failure := (*Failure)(nil); errors.As(err, &failure) && failure.slow {
		failure.ErrorType = ebb.ErrorTimeout
		failure.Document = errorDocument("", ebb.ErrorTimeout,
			fmt.Sprintf("Task timed out after %.2f seconds, while it was initialised%s", s.version.Timeout().Seconds(), failure.hint))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.leave(sl)
	s.bound--
	switch {
	case err == nil && p.closed:
		err = errClosing()
	case err == nil:
		p.begun(in, false)
		p.lend(in, time.Now())
		w.answer <- grant{instance: in, phases: phases, spent: time.Since(begin)}
		p.settle(in, ebb.Phases{})
		return
	default:
		p.complain(s, in, err)
	}
	w.answer <- grant{err: err}
	p.depart(in)
}

// begun notes that an instance is ready. p.mu is held.
func (p *Pool) begun(in *instance, kept bool) {
	in.served = true
	delete(in.shelf.passing, in)
	if kept {
		in.kept = true
		in.shelf.keep.began()
	}
	go p.attend(in)
}

// attend waits for the end of an instance's process. One that ends while it is
// idle must not be lent any more: its next caller would be told of a death that
// was nothing of theirs.
func (p *Pool) attend(in *instance) {
	<-in.box.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	in.ended = true
	if in.kept && in.state != ebb.InstanceStopping && time.Since(in.began) < keepYoung {
		in.shelf.keep.failed(errors.New("the instance ended right after its start"))
	}
	if in.state == ebb.InstanceIdle && in.shelf.lies(in) {
		in.shelf.unlay(in)
		p.depart(in)
	} else {
		in.shelf.close(in)
	}
}

// refuse tells the oldest waiters of s, as many as the instance would have
// served, why the start made for them failed. p.mu is held.
func (p *Pool) refuse(s *shelf, in *instance, err error) {
	p.complain(s, in, err)
	for range s.places {
		front := s.waiters.Front()
		if front == nil {
			return
		}
		w := front.Value.(*waiter)
		p.unlist(s, w)
		w.answer <- grant{err: err}
	}
}

// complain logs a start that failed by no fault of the function's. p.mu is held.
func (p *Pool) complain(s *shelf, in *instance, err error) {
	var failure *Failure
	if !errors.As(err, &failure) && !p.closed {
		p.deps.Log.Error("instance did not start", "function", s.fleet.key.String(),
			"instance", string(in.id), "error", err)
	}
}
