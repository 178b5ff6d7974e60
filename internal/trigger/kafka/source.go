package kafka

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// lookEvery is how often a source counts, measures its lag and decides how many
// members it needs.
const lookEvery = time.Second

// dialLimit bounds the first contact with a cluster.
const dialLimit = 10 * time.Second

// source is what runs for one trigger on one node.
type source struct {
	k         *Kind
	t         *ebb.Trigger
	settings  *Settings
	servers   string // as events name them
	target    ebb.Target
	onFailure ebb.Target
	largest   int // bytes of an event
	policy    policy
	filter    *trigger.Filter
	registry  *registry
	security  *security

	members []*member
	fewer   int // how often in a row fewer members were enough

	down    string // what the state says is wrong
	failing int    // looks in a row that failed

	mu    sync.Mutex
	fetch error // what a fetch last said, since the last look
}

// maxWorkflowInput is how large an event for a target that is no function may be.
const maxWorkflowInput = 256 << 10

// Run implements trigger.Source.
func (s *source) Run(ctx context.Context, up func()) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	defer s.registry.close()
	if err := s.contact(ctx); err != nil {
		return err
	}
	up()
	defer s.k.setLags(s.t, 0, nil)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.look(ctx); err != nil && ctx.Err() == nil {
			s.k.deps.Log.Error("a Kafka trigger is not looked after", "service", s.t.Service, "trigger", s.t.Name, "error", err)
		}
		select {
		case <-ctx.Done():
			s.shrink(0)
			return nil
		case <-tick.C:
		}
	}
}

// prepare reads what the trigger says.
func (s *source) prepare(ctx context.Context) (err error) {
	if s.settings, err = Read(s.t); err != nil {
		return err
	}
	s.servers = strings.Join(s.settings.Brokers, ",")
	s.policy = policyOf(s.t)
	if s.target, err = ebb.ParseTarget(s.t.Target); err != nil {
		return err
	}
	if s.largest = maxEvent; s.target.Kind != ebb.TargetFunction {
		s.largest = maxWorkflowInput
	}
	if s.t.OnFailure != "" {
		if s.onFailure, err = ebb.ParseTarget(s.t.OnFailure); err != nil {
			return err
		}
	}
	if s.filter, err = trigger.NewFilter(s.t); err != nil {
		return err
	}
	if s.settings.Registry != nil {
		if s.registry, err = s.k.registry(ctx, s.t.Service, s.settings.Registry); err != nil {
			return err
		}
	}
	s.security, err = s.k.security(ctx, s.t.Service, s.settings)
	return err
}

// contact finds out whether the cluster is there, and where to begin.
func (s *source) contact(ctx context.Context) error {
	cl, err := kgo.NewClient(s.security.options(s.settings)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		return fmt.Errorf("no broker of %s answers: %w", s.servers, err)
	}
	return s.begin(ctx, cl)
}

// count adds to what was done.
func (s *source) count(c ebb.TriggerCounts) { s.k.deps.Count(s.t.Ref(), c) }

// problem counts a try that failed.
func (s *source) problem(why string) {
	s.count(ebb.TriggerCounts{Retried: 1, Result: why, ResultAt: s.k.deps.Now()})
}

func (s *source) fetchError(err error) {
	s.mu.Lock()
	s.fetch = err
	s.mu.Unlock()
}

// look does what is done every second.
func (s *source) look(ctx context.Context) error {
	positions, lags, err := s.lag(ctx)
	s.health(ctx, err)
	s.k.setLags(s.t, len(s.members), lags)
	if err := s.write(ctx, positions); err != nil {
		return err
	}
	want, err := s.want(ctx)
	if err != nil {
		return err
	}
	if have := len(s.members); want < have {
		s.shrink(want)
	} else if want > have {
		return s.grow(want)
	}
	return nil
}

// lag asks how many records wait in the partitions of the members here.
func (s *source) lag(ctx context.Context) (ps []ebb.TriggerPosition, lags map[string]int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*lookEvery)
	defer cancel()
	lags = make(map[string]int64)
	for _, m := range s.members {
		at := m.positions()
		var nums []int32
		for num := range at {
			nums = append(nums, num)
		}
		if len(nums) == 0 {
			if err := m.cl.Ping(ctx); err != nil {
				return nil, lags, err
			}
			continue
		}
		ends, err := listOffsets(ctx, m.cl, s.settings.Topic, nums, timeLatest)
		if err != nil {
			return nil, lags, err
		}
		for num, offset := range at {
			if offset < 0 {
				continue
			}
			p := ebb.TriggerPosition{Part: partName(s.settings.Topic, num), Position: offset, Latest: ends[num], At: s.k.deps.Now()}
			ps = append(ps, p)
			lags[p.Part] = p.Lag()
		}
	}
	return ps, lags, nil
}

// unwell is after how many looks that failed the trigger's state says so.
const unwell = 3

// health says in the trigger's state that the cluster does not answer, and that
// it does again. Its client tries by itself, with growing delays.
func (s *source) health(ctx context.Context, err error) {
	s.mu.Lock()
	if err == nil {
		err = s.fetch
	}
	s.fetch = nil
	s.mu.Unlock()
	why := ""
	if s.failing++; err == nil {
		s.failing = 0
	} else if why = "the cluster does not answer: " + wording(err); s.failing < unwell || s.down != "" {
		return
	}
	if ctx.Err() == nil && why != s.down && s.k.deps.Note(ctx, s.t, s.down, why) {
		s.down = why
		if why != "" {
			s.k.deps.Log.Warn("a Kafka cluster does not answer", "service", s.t.Service, "trigger", s.t.Name, "error", err)
		}
	}
}

// write keeps how far the members here are.
func (s *source) write(ctx context.Context, ps []ebb.TriggerPosition) error {
	if len(ps) == 0 {
		return nil
	}
	return s.k.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.PutTriggerPositions(s.t.ID, ps) })
}
