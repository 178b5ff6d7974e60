package workflow

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// step is what was decided on a batch of arrivals: facts to append and what
// follows from them. Everything that is not SQL is done before the transaction.
type step struct {
	batch   []*arrival // those that were not refused
	facts   []fact
	actions []asl.Action
	mapRuns []*ebb.MapRun
}

// maxTurns is how many Continue actions are taken up in one transaction.
const maxTurns = 1

// decide takes the arrivals in. It changes l.state; whoever cannot commit the
// step must forget it.
func (e *Engine) decide(ctx context.Context, l *live, batch []*arrival) (*step, error) {
	s := &step{}
	for _, a := range batch {
		if a.ask != nil {
			if err := a.ask(l.state, l.execution); err != nil {
				a.done <- err
				continue
			}
		}
		a.stale = len(a.events) > 0
		for i, event := range a.events {
			now := e.now()
			if a.at != nil {
				now = time.UnixMilli(a.at[i]).UTC()
			}
			took, err := e.next(ctx, l, s, event, now)
			if err != nil {
				return nil, err
			}
			a.stale = a.stale && !took
		}
		s.batch = append(s.batch, a)
	}
	for turns := 0; turns < maxTurns && len(s.actions) > 0 && s.actions[len(s.actions)-1].Continue; turns++ {
		s.actions = s.actions[:len(s.actions)-1]
		if _, err := e.next(ctx, l, s, asl.Event{Kind: asl.Continued}, e.now()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

var errExhausted = errors.New("workflow: an expression ran out of time more often than there are expressions")

// next decides on one event. took is false when it changed nothing.
func (e *Engine) next(ctx context.Context, l *live, s *step, event asl.Event, now time.Time) (took bool, err error) {
	env := asl.Env{Now: now, Seed: seed()}
	deadline := l.state.Deadline
	actions := l.machine.program.Next(l.state, event, env)
	for tries := 0; len(actions) == 1 && actions[0].Exhausted > 0; tries++ {
		if tries > 10_000 {
			return false, errExhausted
		}
		// Nothing was decided and the state is spoilt: make it again as it was
		// before this event.
		env.Exhausted = append(env.Exhausted, actions[0].Exhausted)
		if err := e.restore(ctx, l, s); err != nil {
			return false, err
		}
		actions = l.machine.program.Next(l.state, event, env)
	}
	if len(actions) == 0 {
		return false, nil
	}
	s.facts = append(s.facts, fact{event, env})
	for _, a := range actions {
		if a.Cancel == 0 || a.Cancel != deadline { // an execution's own time has nothing to call off
			s.actions = append(s.actions, a)
		}
		if a.MapRun == nil {
			continue
		}
		started, err := e.newMapRun(ctx, l, s, a.MapRun, env)
		if err != nil {
			return false, err
		}
		if _, err := e.next(ctx, l, s, started, now); err != nil {
			return false, err
		}
	}
	return true, nil
}

// restore makes l.state from what is committed and the facts of this step.
func (e *Engine) restore(ctx context.Context, l *live, s *step) error {
	state := &asl.State{}
	if l.sequence > 0 {
		_, _, f, err := e.fold(ctx, l.id, 0)
		if err != nil {
			return err
		}
		if f.sequence != l.sequence {
			return store.ErrChanged
		}
		state = f.state
	}
	for _, f := range s.facts {
		l.machine.program.Replay(state, f.Event, f.Env)
	}
	l.state = state
	return nil
}

// seed comes from a cryptographic source: task tokens depend on it.
func seed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails; a system without randomness ends the process
	return binary.LittleEndian.Uint64(b[:])
}

// encode writes the facts as a row.
func encode(facts []fact) ([]byte, error) { return json.Marshal(facts) }

// outcomeOf is what an execution came to.
func outcomeOf(f *asl.Finish) ebb.ExecutionOutcome {
	o := ebb.ExecutionOutcome{Error: f.Error, Cause: f.Cause}
	if f.Output != nil {
		text := f.Output.String()
		o.Output = &text
	}
	return o
}
