package deliver

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// rooms bound how many events of a service wait. How many do is counted in the
// database; in between there is room for what was missing to the limit then, so that
// most events are accepted without a look at it.
type rooms struct {
	most  int // of a service that has no quota of its own, or a larger one
	quota func(ctx context.Context, service ebb.ServiceID) (ebb.Quota, error)
	count func(ctx context.Context, service ebb.ServiceID, most int) (int, error)
	now   func() time.Time
	all   sync.Map // ebb.ServiceID → *room
}

// room is a service's.
type room struct {
	stale atomic.Bool // the quota is to be read anew

	mu      sync.Mutex
	limit   int // 0 = not known
	left    int // may be accepted before the next count
	taken   int // of those accepted, not committed yet, which no count finds
	counted time.Time
}

const (
	roomFor = 10 * time.Second // so long a count is believed
	fullFor = time.Second      // so long it is where nothing was left
)

// enter takes a place for one event, to be given back by leave once it is committed
// or not, or refuses.
func (r *rooms) enter(ctx context.Context, service ebb.ServiceID) (*room, error) {
	v, ok := r.all.Load(service)
	if !ok {
		v, _ = r.all.LoadOrStore(service, new(room))
	}
	m := v.(*room)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stale.Swap(false) {
		m.limit = 0
	}
	age := r.now().Sub(m.counted)
	if m.limit == 0 || age > roomFor || m.left <= 0 && age > fullFor {
		if err := r.measure(ctx, service, m); err != nil {
			return nil, err
		}
	}
	if m.left <= 0 {
		return nil, &ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Reason: ebb.ReasonCaller, RetryAfter: fullFor,
			Message: "Rate Exceeded: the service's quota is " + strconv.Itoa(m.limit) + " asynchronous events waiting"}
	}
	m.left--
	m.taken++
	return m, nil
}

// measure finds out how much room there is. m.mu is held.
func (r *rooms) measure(ctx context.Context, service ebb.ServiceID, m *room) error {
	if m.limit == 0 {
		q, err := r.quota(ctx, service)
		if err != nil {
			m.stale.Store(true)
			return err
		}
		if m.limit = r.most; q.Events > 0 {
			m.limit = min(q.Events, r.most)
		}
	}
	waiting, err := r.count(ctx, service, m.limit)
	if err != nil {
		return err
	}
	m.left, m.counted = m.limit-waiting-m.taken, r.now()
	return nil
}

// leave gives a place back: what was committed is found by the next count.
func (m *room) leave(accepted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken--
	if !accepted {
		m.left++
	}
}

// forget has a service's quota read anew.
func (r *rooms) forget(service ebb.ServiceID) {
	if v, ok := r.all.Load(service); ok {
		v.(*room).stale.Store(true)
	}
}
