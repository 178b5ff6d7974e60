package server

import "github.com/ebb-faas/ebb/internal/pool"

// measurePool adds what the pool counts.
func (n *node) measurePool() {
	for state, read := range map[string]func(pool.Counts) int{
		"idle":   func(c pool.Counts) int { return c.Idle - c.Frozen },
		"frozen": func(c pool.Counts) int { return c.Frozen },
		"other":  func(c pool.Counts) int { return c.Instances - c.Idle },
		"spare":  func(c pool.Counts) int { return c.Spare },
	} {
		n.metrics.Gauge("ebb_instances", "Instances by state; other = starting, busy or stopping; spare = made ahead, of no function.",
			map[string]string{"state": state}, func() float64 { return float64(read(n.pool.Counts())) })
	}
	n.metrics.Gauge("ebb_provisioned_instances", "Instances that their versions have at any time, whatever they are doing.", nil,
		func() float64 { return float64(n.pool.Counts().Provisioned) })
	n.metrics.Gauge("ebb_zygotes", "Processes that instances are copied from.", nil,
		func() float64 { return float64(n.pool.Counts().Zygotes) })
	n.metrics.Gauge("ebb_waiting_requests", "Requests without an instance.", nil,
		func() float64 { return float64(n.pool.Counts().Waiting) })
	n.metrics.Count("ebb_freezes_total", "Instances that were frozen.", func() float64 { return float64(n.pool.Stats().Freezes) })
	n.metrics.Count("ebb_thaws_total", "Instances that were thawed.", func() float64 { return float64(n.pool.Stats().Thaws) })
	for _, c := range []struct {
		name, help, label string
		read              func(pool.Stats) map[string]int64
	}{
		{"ebb_starts_total", "Instances that were started, by how.", "kind", func(s pool.Stats) map[string]int64 { return s.Starts }},
		{"ebb_evictions_total", "Idle instances that were sent away, by why.", "reason", func(s pool.Stats) map[string]int64 { return s.Evictions }},
		{"ebb_hook_failures_total", "Lifecycle hooks that failed.", "hook", func(s pool.Stats) map[string]int64 { return s.HookFailures }},
	} {
		for value := range c.read(n.pool.Stats()) {
			n.metrics.CountOf(c.name, c.help, map[string]string{c.label: value},
				func() float64 { return float64(c.read(n.pool.Stats())[value]) })
		}
	}
}
