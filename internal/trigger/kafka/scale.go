package kafka

import (
	"context"
	"hash/fnv"

	"github.com/ebb-faas/ebb/internal/store"
)

// patience is how many looks in a row fewer members must be enough before some
// are ended: a rebalance costs more than a member that waits.
const patience = 30

// want is how many members of the group this node is to have: its share of as
// many as the lag asks for, no more than there are partitions.
func (s *source) want(ctx context.Context) (int, error) {
	var lag int64
	parts := 0
	err := s.k.deps.Store.Read(ctx, func(tx *store.Tx) error {
		ps, err := tx.TriggerPositions(s.t.ID)
		parts, lag = len(ps), 0
		for _, p := range ps {
			lag += p.Lag()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	index, nodes, err := s.k.deps.Share(ctx)
	if err != nil {
		return 0, err
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.t.ID))
	mine := share(s.settings.members(lag, parts, nodes), (index+int(h.Sum32()%uint32(nodes)))%nodes, nodes)
	if have := len(s.members); mine < have {
		if s.fewer++; s.fewer < patience {
			return have, nil
		}
	}
	s.fewer = 0
	return mine, nil
}

// members is how many members the group is to have in all: one, and one more for
// every so many batches that wait, but no more than partitions, nor than there
// are nodes unless more are asked for: one member can keep a node busy.
func (s *Settings) members(lag int64, parts, nodes int) int {
	const batches = 10
	n := 1 + int(min(lag/int64(s.BatchSize*batches), int64(maxMaxPollers)))
	most := nodes
	if s.MaxPollers > 0 {
		most = s.MaxPollers
	}
	return max(min(max(min(n, most), s.MinPollers), parts), 1)
}

// share is how many of n things the node at index has, if they are dealt out.
func share(n, index, nodes int) int {
	mine := n / nodes
	if index < n%nodes {
		mine++
	}
	return mine
}

// grow begins members until there are n.
func (s *source) grow(n int) error {
	for len(s.members) < n {
		m, err := newMember(s, s.security)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		m.stop = stop
		s.members = append(s.members, m)
		go m.run(ctx)
	}
	return nil
}

// shrink ends members until there are n.
func (s *source) shrink(n int) {
	leave := s.members[n:]
	for _, m := range leave {
		m.stop()
	}
	for _, m := range leave {
		<-m.ended
	}
	s.members = s.members[:n]
}
