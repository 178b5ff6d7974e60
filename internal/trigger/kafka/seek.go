package kafka

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Seek is where a trigger is to read on from: one of a place, a time, or offsets.
type Seek struct {
	Position string           `json:"position,omitempty"` // TrimHorizon, Latest
	Time     *time.Time       `json:"time,omitempty"`
	Offsets  map[string]int64 `json:"offsets,omitempty"` // by partition; the others stay
}

// CheckSeek implements trigger.Seeker.
func (k *Kind) CheckSeek(_ *ebb.Trigger, document json.RawMessage) (json.RawMessage, error) {
	var to Seek
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&to); err != nil {
		return nil, invalid("seek: %v", err)
	}
	given := 0
	for _, is := range []bool{to.Position != "", to.Time != nil, len(to.Offsets) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, invalid("seek: give one of position, time and offsets")
	}
	if to.Position != "" && to.Position != TrimHorizon && to.Position != Latest {
		return nil, invalid("seek.position: %.40q is neither %s nor %s", to.Position, TrimHorizon, Latest)
	}
	for part, offset := range to.Offsets {
		if n, err := strconv.ParseInt(part, 10, 32); err != nil || n < 0 || offset < 0 {
			return nil, invalid("seek.offsets: %.40q: %d is not an offset of a partition", part, offset)
		}
	}
	return json.Marshal(to)
}

// times are what a request for offsets asks for instead of a time.
const (
	timeLatest   = -1
	timeEarliest = -2
)

// moment is what to ask for; ok is false for a seek to offsets.
func (to *Seek) moment() (ms int64, ok bool) {
	switch {
	case to.Time != nil:
		return to.Time.UnixMilli(), true
	case to.Position == Latest:
		return timeLatest, true
	case to.Position == TrimHorizon:
		return timeEarliest, true
	}
	return 0, false
}

// seek changes where partitions that this member was given are read from, if a
// seek was asked for that was not done for them. It is committed before it is
// said to be done, and done before the first record is read. A partition whose
// commit the cluster has forgotten, as it does some days after a group's last member
// left (a trigger was paused), goes on where it was seen last.
func (m *member) seek(ctx context.Context, all map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	s := m.s
	offsets := all[s.settings.Topic]
	defer m.remember(offsets)
	var number int64
	var document json.RawMessage
	sought, kept := make(map[string]int64), make(map[string]int64)
	err := s.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		if number, document, err = tx.TriggerSeek(s.t.ID); err != nil {
			return err
		}
		ps, err := tx.TriggerPositions(s.t.ID)
		for _, p := range ps {
			sought[p.Part], kept[p.Part] = p.Sought, p.Position
		}
		return err
	})
	if err != nil {
		return all, err
	}
	for num, o := range offsets {
		if at := kept[partName(s.settings.Topic, num)]; at > 0 && o.EpochOffset().Offset < 0 {
			offsets[num] = kgo.NewOffset().At(at)
		}
	}
	if number == 0 {
		return all, nil
	}
	var to Seek
	if err := json.Unmarshal(document, &to); err != nil {
		return all, err
	}
	var nums []int32
	for num := range offsets {
		if sought[partName(s.settings.Topic, num)] < number {
			nums = append(nums, num)
		}
	}
	if len(nums) == 0 {
		return all, nil
	}
	at, err := to.resolve(ctx, m.cl, s.settings.Topic, nums)
	if err != nil {
		return all, err
	}
	id, generation := m.cl.GroupMetadata()
	if err := commitAs(ctx, m.cl, s.settings, id, generation, at); err != nil {
		return all, err
	}
	var done []ebb.TriggerPosition
	for _, num := range nums {
		p := ebb.TriggerPosition{Part: partName(s.settings.Topic, num), At: s.k.deps.Now(), Sought: number}
		if to, ok := at[num]; ok {
			offsets[num] = kgo.NewOffset().At(to)
			p.Position, p.Latest = to, to
		}
		done = append(done, p)
	}
	return all, s.k.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.PutTriggerPositions(s.t.ID, done) })
}

// remember keeps what partitions begin with as what is committed.
func (m *member) remember(offsets map[int32]kgo.Offset) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for num, o := range offsets {
		if at := o.EpochOffset().Offset; at >= 0 {
			m.committed[num] = at
		}
	}
}

// resolve is the offsets that a seek means for partitions; those it does not mean
// are left out.
func (to *Seek) resolve(ctx context.Context, cl *kgo.Client, topic string, nums []int32) (map[int32]int64, error) {
	ms, ok := to.moment()
	if ok {
		return offsetsAt(ctx, cl, topic, nums, ms)
	}
	at := make(map[int32]int64)
	for _, num := range nums {
		if offset, ok := to.Offsets[strconv.Itoa(int(num))]; ok {
			at[num] = offset
		}
	}
	return at, nil
}

// offsetsAt asks for the first offsets whose records have a time from ms on; what
// has none begins at the end.
func offsetsAt(ctx context.Context, cl *kgo.Client, topic string, nums []int32, ms int64) (map[int32]int64, error) {
	at, err := listOffsets(ctx, cl, topic, nums, ms)
	if err != nil || ms < 0 {
		return at, err
	}
	var none []int32
	for num, offset := range at {
		if offset < 0 {
			none = append(none, num)
		}
	}
	if len(none) > 0 {
		ends, err := listOffsets(ctx, cl, topic, none, timeLatest)
		if err != nil {
			return nil, err
		}
		for num, offset := range ends {
			at[num] = offset
		}
	}
	return at, nil
}

func listOffsets(ctx context.Context, cl *kgo.Client, topic string, nums []int32, ms int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, num := range nums {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = num, ms
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	at := make(map[int32]int64, len(nums))
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("offsets of %s: %w", partName(t.Topic, p.Partition), err)
			}
			at[p.Partition] = p.Offset
		}
	}
	return at, nil
}

// commitAs commits offsets as a member of the group, or as nobody ("", -1), which
// works while it has none.
func commitAs(ctx context.Context, cl *kgo.Client, s *Settings, member string, generation int32, at map[int32]int64) error {
	if len(at) == 0 {
		return nil
	}
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = s.Group, member, generation
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = s.Topic
	for num, offset := range at {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = num, offset
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("commit of %s: %w", partName(t.Topic, p.Partition), err)
			}
		}
	}
	return nil
}
