package kafka

import (
	"context"
	"hash/fnv"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What a partition may hold before no more of it is taken, in bytes, and when it goes
// on.
const (
	holdMost  = 16 << 20
	holdAgain = 4 << 20
)

// leavingTries is for how long a partition that is let go tries a batch again that
// fails, leavingDelay at most between two tries.
const (
	leavingTries = 5 * time.Second
	leavingDelay = 500 * time.Millisecond
)

// partition is one that this member reads.
type partition struct {
	m     *member
	num   int32
	ctx   context.Context // ended: what is in flight is given up
	stop  context.CancelFunc
	leave chan struct{} // closed: nothing behind until is begun
	lanes []*lane
	ended sync.WaitGroup // lanes

	mu      sync.Mutex
	pending []mark // in the order of offsets; the first one is not handled
	next    int64  // behind the last record that came; 0 = none came
	latest  int64  // where the next record will be
	held    int    // bytes of records that are not handled
	paused  bool   // the client was told to fetch no more
	handed  int64  // behind the last record that was handed over
	until   int64  // once leave is closed: what is before it is handled yet
}

// mark is one record that is not handled, or is behind one that is not.
type mark struct {
	offset int64
	done   bool
}

// newPartition begins to handle what feed will bring.
func newPartition(m *member, num int32) *partition {
	p := &partition{m: m, num: num, leave: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	for range m.s.settings.Parallel {
		l := &lane{p: p, wake: make(chan struct{}, 1)}
		p.lanes = append(p.lanes, l)
		p.ended.Go(l.run)
	}
	return p
}

// feed takes records, in order.
func (p *partition) feed(rs []*kgo.Record, latest int64) {
	p.mu.Lock()
	p.latest = max(p.latest, latest)
	for _, r := range rs {
		p.pending = append(p.pending, mark{offset: r.Offset})
		p.next = r.Offset + 1
		p.held += bytesOf(r)
	}
	p.mu.Unlock()
	if len(p.lanes) == 1 {
		p.lanes[0].push(rs...)
		return
	}
	for _, r := range rs {
		p.lanes[p.lane(r)].push(r)
	}
}

// holds is how many bytes of records are not handled.
func (p *partition) holds() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// pause notes that the client fetches no more, if there is still too much here.
func (p *partition) pause() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = p.held > holdMost
	return p.paused
}

// lane is where a record goes: always the same for one key. Those without have
// no order.
func (p *partition) lane(r *kgo.Record) int {
	if r.Key == nil {
		return int(r.Offset % int64(len(p.lanes)))
	}
	h := fnv.New32a()
	_, _ = h.Write(r.Key)
	return int(h.Sum32() % uint32(len(p.lanes)))
}

// done says that a record is handled.
func (p *partition) done(rs []*record) {
	p.mu.Lock()
	for _, r := range rs {
		i := sort.Search(len(p.pending), func(i int) bool { return p.pending[i].offset >= r.Offset })
		p.pending[i].done = true
		p.held -= bytesOf(r.Record)
	}
	first := 0
	for first < len(p.pending) && p.pending[first].done {
		first++
	}
	p.pending = p.pending[first:]
	room, resume := p.held < holdAgain, p.paused && p.held < holdAgain
	if resume {
		p.paused = false
	}
	p.mu.Unlock()
	if resume {
		p.m.resume(p.num)
	}
	if room {
		p.m.hungry()
	}
	if first > 0 {
		p.m.moved()
	}
}

// position is the offset before which all is handled; false = nothing came yet.
func (p *partition) position() (offset int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) > 0 {
		return p.pending[0].offset, true
	}
	return p.next, p.next > 0
}

// end lets the partition go: what was handed over is handled, and in the other
// lanes what is before that, so that no record that is handled lies behind one
// that is not. drained is closed when that is so, or after stop.
func (p *partition) end() (drained <-chan struct{}) {
	p.mu.Lock()
	p.until = p.handed
	close(p.leave)
	p.mu.Unlock()
	c := make(chan struct{})
	go func() {
		p.ended.Wait()
		p.stop()
		close(c)
	}()
	return c
}

// leaves reports whether the partition is let go.
func (p *partition) leaves() bool {
	select {
	case <-p.leave:
		return true
	default:
		return false
	}
}

// again waits before records that failed are tried once more. It reports false if
// they must not be.
func (p *partition) again(wait *backoff, rs ...*record) bool {
	delay, leave := wait.delay(), p.leave
	if p.leaves() {
		if !p.tries(wait, rs) {
			return false
		}
		delay, leave = min(delay, leavingDelay), nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-leave:
		*wait = *newBackoff()
	case <-p.ctx.Done():
	}
	return p.tries(wait, rs)
}

// tries reports whether records that failed may be tried again. Once the partition
// is let go, whoever has it next does that; but if some behind them were handed over
// to other lanes, which would then be handled twice, some tries are worth their time.
func (p *partition) tries(wait *backoff, rs []*record) bool {
	if p.ctx.Err() != nil || !p.leaves() {
		return p.ctx.Err() == nil
	}
	if wait.leaving.IsZero() {
		wait.leaving = time.Now()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lanes) > 1 && p.until > rs[0].Offset+1 && time.Since(wait.leaving) < leavingTries
}

// hand is what of a batch may be handed over now: all of it, unless the partition
// is let go.
func (p *partition) hand(rs []*record) []*record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leaves() {
		n := sort.Search(len(rs), func(i int) bool { return rs[i].Offset >= p.until })
		return rs[:n]
	}
	p.handed = max(p.handed, rs[len(rs)-1].Offset+1)
	return rs
}

func bytesOf(r *kgo.Record) int { return len(r.Key) + len(r.Value) + overhead }
