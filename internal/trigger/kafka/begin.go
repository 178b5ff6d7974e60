package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// begin decides, once for a trigger, where each partition of its topic begins:
// where the group has committed, else where the trigger says. It is committed, so
// that what comes before the first record is handled is not missed, whoever stops
// meanwhile. Later a partition without an offset is a new one, all of whose
// records are.
func (s *source) begin(ctx context.Context, cl *kgo.Client) error {
	nums, err := partitions(ctx, cl, s.settings.Topic)
	if err != nil {
		return err
	}
	var begun bool
	err = s.k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		ps, err := tx.TriggerPositions(s.t.ID)
		begun = len(ps) > 0
		return err
	})
	if err != nil || begun {
		return err
	}
	at, err := committed(ctx, cl, s.settings, nums)
	if err != nil {
		return err
	}
	var missing []int32
	for _, num := range nums {
		if _, ok := at[num]; !ok {
			missing = append(missing, num)
		}
	}
	if len(missing) > 0 {
		to := Seek{Position: s.settings.Start, Time: s.settings.StartTime}
		start, err := to.resolve(ctx, cl, s.settings.Topic, missing)
		if err != nil {
			return err
		}
		// Another node was faster if the group has members: it has done this.
		err = commitAs(ctx, cl, s.settings, "", -1, start)
		if err != nil && !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.RebalanceInProgress) {
			return err
		}
		for num, offset := range start {
			at[num] = offset
		}
	}
	var ps []ebb.TriggerPosition
	for num, offset := range at {
		ps = append(ps, ebb.TriggerPosition{Part: partName(s.settings.Topic, num), Position: offset, Latest: offset, At: s.k.deps.Now()})
	}
	return s.k.deps.Store.Tx(ctx, func(tx *store.Tx) error { return tx.PutTriggerPositions(s.t.ID, ps) })
}

// partitions lists those of a topic.
func partitions(ctx context.Context, cl *kgo.Client, topic string) (nums []int32, err error) {
	req := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	for _, t := range res.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
		for _, p := range t.Partitions {
			nums = append(nums, p.Partition)
		}
	}
	if len(nums) == 0 {
		return nil, fmt.Errorf("topic %s has no partitions", topic)
	}
	return nums, nil
}

// committed are the offsets that the group has committed.
func committed(ctx context.Context, cl *kgo.Client, s *Settings, nums []int32) (map[int32]int64, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = s.Group
	t := kmsg.NewOffsetFetchRequestTopic()
	t.Topic, t.Partitions = s.Topic, nums
	req.Topics = append(req.Topics, t)
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = s.Group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = s.Topic, nums
	g.Topics = append(g.Topics, gt)
	req.Groups = append(req.Groups, g)
	res, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	at := make(map[int32]int64)
	keep := func(num int32, offset int64, code int16) error {
		if err := kerr.ErrorForCode(code); err != nil {
			return err
		}
		if offset >= 0 {
			at[num] = offset
		}
		return nil
	}
	for _, g := range res.Groups {
		if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
			return nil, fmt.Errorf("group %s: %w", s.Group, err)
		}
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				if err := keep(p.Partition, p.Offset, p.ErrorCode); err != nil {
					return nil, err
				}
			}
		}
	}
	if len(res.Groups) > 0 {
		return at, nil
	}
	for _, t := range res.Topics { // of older brokers
		for _, p := range t.Partitions {
			if err := keep(p.Partition, p.Offset, p.ErrorCode); err != nil {
				return nil, err
			}
		}
	}
	return at, kerr.ErrorForCode(res.ErrorCode)
}
