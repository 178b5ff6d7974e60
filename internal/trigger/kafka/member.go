package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxPoll is how many records are taken from the client at once.
const maxPoll = 10_000

// commitEvery is how soon after one commit the next may come.
const commitEvery = 50 * time.Millisecond

// member is one member of the consumer group.
type member struct {
	s     *source
	cl    *kgo.Client
	stop  context.CancelFunc
	ended chan struct{}

	progress chan struct{} // something can be committed; capacity 1
	room     chan struct{} // some partition may want records; capacity 1

	turn sync.Mutex // of who commits

	mu        sync.Mutex
	parts     map[int32]*partition
	committed map[int32]int64
}

// newMember makes a member; run has it work.
func newMember(s *source, sec *security) (*member, error) {
	m := &member{s: s, ended: make(chan struct{}), progress: make(chan struct{}, 1), room: make(chan struct{}, 1),
		parts: make(map[int32]*partition), committed: make(map[int32]int64)}
	opts := append(sec.options(s.settings),
		kgo.ConsumerGroup(s.settings.Group), kgo.ConsumeTopics(s.settings.Topic), kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatInterval), kgo.RebalanceTimeout(rebalanceTimeout),
		// A partition without an offset now was made after the trigger: its records
		// are all new. One whose offset is gone begins with what is left.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AdjustFetchOffsetsFn(m.seek),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.assigned(ps[s.settings.Topic]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) {
			m.revoked(ps[s.settings.Topic], drainLimit)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, ps map[string][]int32) { m.lost(ps[s.settings.Topic]) }),
		kgo.FetchMaxBytes(32<<20), kgo.FetchMaxPartitionBytes(4<<20), kgo.FetchMaxWait(500*time.Millisecond),
	)
	var err error
	m.cl, err = kgo.NewClient(opts...)
	return m, err
}

// run works until ctx ends, then drains, commits and leaves the group.
func (m *member) run(ctx context.Context) {
	defer close(m.ended)
	var commits sync.WaitGroup
	committing, stopCommits := context.WithCancel(context.Background())
	commits.Go(func() { m.commitAll(committing) })
	m.poll(ctx)
	m.mu.Lock()
	var all []int32
	for num := range m.parts {
		all = append(all, num)
	}
	m.mu.Unlock()
	m.revoked(all, m.s.k.deps.Drain)
	stopCommits()
	commits.Wait()
	m.cl.CloseAllowingRebalance()
}

// poll hands records to their partitions.
func (m *member) poll(ctx context.Context) {
	for {
		fetches := m.cl.PollRecords(ctx, maxPoll)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			m.cl.AllowRebalance()
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) {
			if !errors.Is(err, context.Canceled) {
				m.s.fetchError(err)
			}
		})
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if p := m.part(f.Partition); p != nil && f.Topic == m.s.settings.Topic {
				p.feed(f.Records, f.HighWatermark)
			}
		})
		m.cl.AllowRebalance()
		m.brake(ctx)
	}
}

// part returns a partition that is handled here, or nil.
func (m *member) part(num int32) *partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parts[num]
}

// brake takes no more records while there are enough. As long as no partition wants
// any, nothing more is asked for: a partition that is paused loses what the client
// has fetched of it already. Only those are that have too much while others want some.
func (m *member) brake(ctx context.Context) {
	if len(m.over()) == 0 {
		return
	}
	for m.sated() {
		select {
		case <-m.room:
		case <-ctx.Done():
			return
		}
	}
	for _, num := range m.over() {
		p := m.part(num)
		m.cl.PauseFetchPartitions(map[string][]int32{m.s.settings.Topic: {num}})
		if p == nil || !p.pause() {
			m.resume(num)
		}
	}
}

// over are the partitions that hold too much.
func (m *member) over() (nums []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for num, p := range m.parts {
		if p.holds() > holdMost {
			nums = append(nums, num)
		}
	}
	return nums
}

// sated reports whether no partition wants more records.
func (m *member) sated() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.parts {
		if p.holds() < holdAgain {
			return false
		}
	}
	return len(m.parts) > 0
}

// hungry says that some partition may want records.
func (m *member) hungry() {
	select {
	case m.room <- struct{}{}:
	default:
	}
}

// resume has a partition fetched again.
func (m *member) resume(num int32) {
	m.cl.ResumeFetchPartitions(map[string][]int32{m.s.settings.Topic: {num}})
}

// assigned begins to handle partitions.
func (m *member) assigned(nums []int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, num := range nums {
		m.resume(num) // it may have been full when it was here before
		m.parts[num] = newPartition(m, num)
	}
	m.hungry()
}

// take removes partitions from those that are handled.
func (m *member) take(nums []int32) map[int32]*partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	took := make(map[int32]*partition)
	for _, num := range nums {
		if p := m.parts[num]; p != nil {
			took[num] = p
			delete(m.parts, num)
		}
	}
	m.hungry()
	return took
}

// revoked gives partitions up: what is in flight ends, up to limit, and what is
// handled is committed, before somebody else may begin.
func (m *member) revoked(nums []int32, limit time.Duration) {
	took := m.take(nums)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var drained []<-chan struct{}
	for _, p := range took {
		drained = append(drained, p.end())
	}
	late := 0
	for _, c := range drained {
		select {
		case <-c:
		case <-timer.C:
			timer.Reset(0)
			late++
		}
	}
	for _, p := range took {
		p.stop()
	}
	if late > 0 {
		m.s.k.deps.Log.Warn("partitions are given up while records of them are being handled; they will be handled again",
			"service", m.s.t.Service, "trigger", m.s.t.Name, "partitions", late)
	}
	for range commitTries {
		if m.commit(context.Background(), took, true) {
			break
		}
	}
	m.mu.Lock()
	for num := range took {
		delete(m.committed, num)
	}
	m.mu.Unlock()
}

// lost lets partitions go that somebody else may have already.
func (m *member) lost(nums []int32) {
	for num, p := range m.take(nums) {
		p.stop()
		p.end()
		m.mu.Lock()
		delete(m.committed, num)
		m.mu.Unlock()
	}
}

// moved says that something can be committed.
func (m *member) moved() {
	select {
	case m.progress <- struct{}{}:
	default:
	}
}

// commitAll commits what is handled, again and again, until ctx ends.
func (m *member) commitAll(ctx context.Context) {
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.progress:
		}
		m.mu.Lock()
		parts := make(map[int32]*partition, len(m.parts))
		for num, p := range m.parts {
			parts[num] = p
		}
		m.mu.Unlock()
		if !m.commit(ctx, parts, false) {
			m.moved() // again
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// commitLimit bounds one commit, commitTries how often that of partitions that are
// given up is tried.
const (
	commitLimit = 10 * time.Second
	commitTries = 3
)

// commit commits how far partitions are handled, those that are given up if
// leaving, else those that are still here: what somebody else may have by now is
// not set back. It reports false if that is not known to be so now.
func (m *member) commit(ctx context.Context, parts map[int32]*partition, leaving bool) bool {
	m.turn.Lock() // positions are read and sent in one order
	defer m.turn.Unlock()
	offsets := make(map[int32]kgo.EpochOffset)
	m.mu.Lock()
	for num, p := range parts {
		if !leaving && m.parts[num] != p {
			continue
		}
		if at, ok := p.position(); ok && at != m.committed[num] {
			offsets[num] = kgo.EpochOffset{Epoch: -1, Offset: at}
		}
	}
	m.mu.Unlock()
	if len(offsets) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	ok := true
	m.cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{m.s.settings.Topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, res *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				ok = false
				return
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			for _, t := range res.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						// A rebalance, or somebody else has it: the next commit or the
						// next owner settles it.
						ok = false
						continue
					}
					m.committed[p.Partition] = offsets[p.Partition].Offset
				}
			}
		})
	return ok
}

// positions are how far this member's partitions are handled.
func (m *member) positions() map[int32]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := make(map[int32]int64, len(m.parts))
	for num, p := range m.parts {
		at[num] = -1
		if offset, ok := p.position(); ok {
			at[num] = offset
		} else if offset, ok := m.committed[num]; ok {
			at[num] = offset
		}
	}
	return at
}

// eventSize is how much room an event of records needs.
func (m *member) eventSize(rs []*record) int {
	n := overhead
	for _, r := range rs {
		n += r.size()
	}
	return n
}
