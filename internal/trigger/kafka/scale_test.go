package kafka

import "testing"

// TestMembers: one member of an idle topic, more as records wait, never more than
// partitions, nor than nodes unless more are asked for; dealt out, they are as many.
func TestMembers(t *testing.T) {
	for _, c := range []struct {
		settings    Settings
		lag         int64
		parts       int
		nodes, want int
	}{
		{Settings{BatchSize: 100}, 0, 8, 4, 1},
		{Settings{BatchSize: 100}, 999, 8, 4, 1},
		{Settings{BatchSize: 100}, 1000, 8, 4, 2},
		{Settings{BatchSize: 100}, 1 << 40, 8, 4, 4},
		{Settings{BatchSize: 100}, 1 << 40, 3, 4, 3},
		{Settings{BatchSize: 100, MaxPollers: 6}, 1 << 40, 8, 1, 6},
		{Settings{BatchSize: 100, MinPollers: 3, MaxPollers: 6}, 0, 8, 1, 3},
		{Settings{BatchSize: 100, MinPollers: 3}, 0, 2, 1, 2},
		{Settings{BatchSize: 100}, 0, 0, 1, 1}, // its partitions are not known yet
	} {
		got := c.settings.members(c.lag, c.parts, c.nodes)
		if got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
		sum := 0
		for index := range c.nodes {
			sum += share(got, index, c.nodes)
		}
		if sum != got {
			t.Errorf("%d members are dealt out to %d nodes as %d", got, c.nodes, sum)
		}
	}
}
