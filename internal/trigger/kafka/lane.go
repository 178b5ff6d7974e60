package kafka

import (
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// lane handles records of one partition one batch after the other.
type lane struct {
	p    *partition
	wake chan struct{} // something came; capacity 1

	mu    sync.Mutex
	queue []*kgo.Record

	ahead *record // taken from the queue and not in the last batch
	over  bool    // a record was let go that is not handled: none behind it may be
}

func (l *lane) push(rs ...*kgo.Record) {
	l.mu.Lock()
	l.queue = append(l.queue, rs...)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane) pop() *kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return nil
	}
	r := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return r
}

// run makes batches and has them handled until the partition ends.
func (l *lane) run() {
	for !l.over {
		rs := l.batch()
		if rs == nil {
			return
		}
		if rs = l.p.hand(rs); len(rs) == 0 {
			return
		}
		l.handle(rs)
	}
}

// errTooLarge is why a record is given up that no event can hold.
var errTooLarge = errors.New("the record is larger than an event may be")

// batch waits for the next batch: as many records as it may have, or fewer when
// its window is over, it would become too large, or what comes next cannot be
// read. nil = the partition ends.
func (l *lane) batch() (rs []*record) {
	settings := l.p.m.s.settings
	size, most := overhead, l.p.m.s.largest
	var window <-chan time.Time
	for l.p.ctx.Err() == nil {
		r := l.next()
		if r == nil {
			if l.over {
				return nil
			}
			if len(rs) > 0 && *settings.Window == 0 || l.p.leaves() {
				return rs
			}
			select {
			case <-l.wake:
			case <-window:
				return rs
			case <-l.p.leave:
			case <-l.p.ctx.Done():
			}
			continue
		}
		if r.wrong == nil && overhead+r.size() > most {
			r.wrong = errTooLarge
		}
		switch {
		case len(rs) > 0 && (r.wrong != nil || size+r.size() > most):
			l.ahead = r
			return rs
		case r.wrong != nil:
			return []*record{r}
		case len(rs) == 0:
			timer := time.NewTimer(time.Duration(*settings.Window) * time.Millisecond)
			defer timer.Stop() //nolint:revive // one batch, one timer
			window = timer.C
		}
		rs, size = append(rs, r), size+r.size()
		if len(rs) == settings.BatchSize {
			return rs
		}
	}
	return nil
}

// next is the next record that is to be handed over; nil = none is there.
func (l *lane) next() *record {
	if r := l.ahead; r != nil {
		l.ahead = nil
		return r
	}
	for l.p.ctx.Err() == nil {
		raw := l.pop()
		if raw == nil {
			return nil
		}
		r := &record{Record: raw, key: raw.Key, value: raw.Value}
		if !l.decode(r) {
			l.over = true
			return nil
		}
		if r.wrong != nil || l.p.m.s.asked(r) {
			return r
		}
		l.p.m.s.count(ebb.TriggerCounts{Taken: 1, Filtered: 1})
		l.p.done([]*record{r})
	}
	return nil
}

// decode reads a record by its schemas, as often as the registry does not answer.
// It reports false if the partition is let go meanwhile.
func (l *lane) decode(r *record) bool {
	reg := l.p.m.s.registry
	if reg == nil {
		return true
	}
	for wait := newBackoff(); ; {
		err := reg.decode(l.p.ctx, r)
		if err == nil {
			return true
		}
		l.p.m.s.problem("schema registry: " + err.Error())
		if !l.p.again(wait, r) {
			return false
		}
	}
}
